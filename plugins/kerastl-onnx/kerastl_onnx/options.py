"""The options of an ONNX backbone by name, and the errors that say what is wrong with them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kerastl.backbones import BackboneError

OPTIONS: Mapping[str, Any] = dict.fromkeys(
    (
        "input",
        "output",
        "layout",
        "color",
        "scale",
        "mean",
        "std",
        "size",
        "sample_rate_hz",
        "num_samples",
        "normalize",
        "pooling",
        "prefix_tokens",
        "license",
    )
)
_CHOICES = {
    "layout": ("nchw", "nhwc"),
    "color": ("rgb", "bgr", "gray"),
    "normalize": ("none", "peak", "mean", "standard"),
    "pooling": ("mean", "max", "cls", "both"),
}


class Options:
    """The options of one backbone; its methods return values or say what is wrong with them."""

    def __init__(self, name: str, values: Mapping[str, Any]):
        self.name = name
        self.values = values

    def error(self, what: str, **parts: Any) -> BackboneError:
        return BackboneError(
            f"The backbone '{self.name}' {what}.", where="backbone.options", **parts
        )

    def require(self, keys: Sequence[str], why: str) -> None:
        missing = [key for key in keys if key not in self.values]
        if missing:
            raise self.error(
                f"does not state {', '.join(missing)}",
                expected=why,
                received=", ".join(
                    f"{key}: {self.values[key]}" for key in keys if key in self.values
                )
                or "none of them",
                fix=f"Set {', '.join(missing)} to what the network was trained with: in the "
                "options, the metadata, or a preprocessor_config.json or config.json beside the "
                "file.",
            )

    def choice(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and value not in _CHOICES[key]:
            raise self.error(
                f"has no {key} {value!r}", expected=f"one of {', '.join(_CHOICES[key])}"
            )
        return None if value is None else str(value)

    def whole(self, key: str, *, default: int | None = None, least: int = 1) -> int:
        value = self.values.get(key, default)
        if not is_whole(value, least):
            raise self.error(
                f"cannot have {key} {value!r}", expected=f"a whole number, {least} or more"
            )
        return int(value)

    def number(self, key: str) -> float:
        """Returns a number; a text such as 1/255 is a fraction."""
        return _number(self, key, self.values[key])

    def numbers(self, key: str) -> tuple[float, ...]:
        value = self.values[key]
        several = value if isinstance(value, list | tuple) else [value]
        return tuple(_number(self, key, one) for one in several)


def is_whole(value: Any, least: int = 1) -> bool:
    """Whether a value is a whole number that is large enough."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(options: Options, key: str, value: Any) -> float:
    parts = value.split("/") if isinstance(value, str) else [value]
    try:
        if isinstance(value, bool) or len(parts) > 2:
            raise ValueError
        found = float(parts[0]) / (float(parts[1]) if len(parts) == 2 else 1.0)
        if not math.isfinite(found):
            raise ValueError
    except (ValueError, TypeError, ZeroDivisionError):
        raise options.error(
            f"cannot have {key} {value!r}", expected="a number, or a fraction such as 1/255"
        ) from None
    return found
