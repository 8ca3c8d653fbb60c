"""The policies of thresholds and of what is trained, which a config writes as texts or keys.

Convention: each policy has one parser, which takes every form that a config or a caller writes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import core_schema

from kerastl.errors import ConfigError, ModelError, did_you_mean
from kerastl.settings.explain import received

FALSE_ACCEPTS = "false_accepts_per_hour"
FIXED = "fixed"
_OPTIMIZED = ("youden", "f1")
_SHARES = ("sensitivity", "specificity", "precision")
_PARTS: tuple[set[str], ...] = (set(), {"stages"}, {"variables"}, {"lora"})
_EXAMPLES = (*_OPTIMIZED, *(f"{goal}>=0.9" for goal in _SHARES))


@dataclass(frozen=True)
class ThresholdPolicy:
    """How the threshold of a task is chosen."""

    goal: str  # of `_OPTIMIZED` or `_SHARES`, `FALSE_ACCEPTS`, or `FIXED` if the threshold is given
    # The share to reach, above 0 and at most 1; the highest number of false accepts per hour; or
    # the threshold itself, above 0 and below 1.
    value: float | None = None
    is_promise: bool = True  # whether new data are to reach it (>=, <=), or those of the choice (~)

    @classmethod
    def parse(cls, policy: "ThresholdPolicy | str | float") -> Self:
        """Returns the policy that a text such as `"precision>=0.8"` or a threshold stands for."""
        try:
            return cls._parsed(policy)
        except ValueError as error:
            raise ConfigError("The threshold policy is not valid.", problems=[str(error)]) from None

    @classmethod
    def of_bundle(cls, text: str) -> Self:
        """Returns the policy whose text a bundle holds; a number in it is a text too."""
        if text == FIXED:
            return cls(FIXED)
        return cls.parse(text) if math.isnan(_number(text)) else cls(FIXED, _number(text))

    @property
    def needs_recordings(self) -> bool:
        """Whether the threshold is chosen on long recordings."""
        return self.goal == FALSE_ACCEPTS

    @property
    def is_fixed(self) -> bool:
        """Whether the threshold is given and not chosen."""
        return self.goal == FIXED

    @property
    def point_choice(self) -> "ThresholdPolicy":
        """The policy that promises nothing about new data."""
        return replace(self, is_promise=False)

    @property
    def plain(self) -> str | float:
        """The policy as a config writes it."""
        if self.value is None:
            return self.goal
        if self.is_fixed:
            return self.value
        promise = "<=" if self.needs_recordings else ">="
        sign = promise if self.is_promise else "~"
        return f"{self.goal}{sign}{repr(self.value).removesuffix('.0')}"

    def __str__(self) -> str:
        return str(self.plain)

    @classmethod
    def _parsed(cls, policy: Any) -> Self:
        if isinstance(policy, cls):
            return policy
        if isinstance(policy, str):
            return cls._of_text(policy)
        if isinstance(policy, bool) or not isinstance(policy, int | float):
            expected = "a policy such as youden, or a probability"
        elif 0 < policy < 1:
            return cls(FIXED, float(policy))
        else:
            expected = f"a number {'above 0' if policy <= 0 else 'below 1'}"
        raise ValueError(f"expected {expected}, received {received(policy)}")

    @classmethod
    def _of_text(cls, written: str) -> Self:
        text = "".join(written.split())
        if text in _OPTIMIZED:
            return cls(text)
        promise = "<=" if text.startswith(FALSE_ACCEPTS) else ">="
        goal, sign, number = text.partition("~" if "~" in text else promise)
        highest = math.inf if goal == FALSE_ACCEPTS else 1.0
        value = _number(number)
        if goal in (*_SHARES, FALSE_ACCEPTS) and sign and 0 < value <= highest:
            return cls(goal, value, is_promise=sign != "~")
        raise ValueError(_not_a_policy(text, written))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._parsed,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda p: p.plain),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        pattern = (
            rf"^\s*({'|'.join(_OPTIMIZED)}|({'|'.join(_SHARES)})\s*(>=|~)\s*[0-9.]+"
            rf"|{FALSE_ACCEPTS}\s*(<=|~)\s*[0-9.]+)\s*$"
        )
        number = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {"anyOf": [{"type": "string", "pattern": pattern}, number]}


def _number(text: str) -> float:
    """Returns the finite number that a text is, or NaN."""
    try:
        return float(text) if math.isfinite(float(text)) else math.nan
    except ValueError:
        return math.nan


def _not_a_policy(text: str, written: str) -> str:
    if text.startswith(FALSE_ACCEPTS):
        return f"expected {FALSE_ACCEPTS}<=1 or another number, received '{written}'."
    expected = f"expected {', '.join(_EXAMPLES)} or a number, received '{written}'"
    goal = text.partition("~" if "~" in text else ">=")[0]
    if goal in _SHARES:
        return f"{expected}. Write {goal}>= or {goal}~ and a share above 0, at most 1."
    examples = {example.partition(">=")[0]: example for example in _EXAMPLES}
    examples[FALSE_ACCEPTS] = f"{FALSE_ACCEPTS}<=1"
    nearest = did_you_mean(text.rstrip("<>=~.0123456789"), examples)
    return f"{expected}. Did you mean '{examples[nearest]}'?" if nearest else expected


def _are_valid(keys: Mapping[str, Any]) -> bool:
    """Returns whether the values of the keys of a trainable policy are valid."""
    patterns = keys.get("variables", "")
    texts = [patterns] if isinstance(patterns, str) else patterns
    return (
        keys.get("batch_norm", "frozen") in ("frozen", "update")
        and type(keys.get("stages", 1)) is int
        and type(rank := keys.get("lora", 1)) is int
        and rank > 0
        and isinstance(texts, Sequence)
        and all(isinstance(text, str) for text in texts)
    )


@dataclass(frozen=True, kw_only=True)
class TrainablePolicy:
    """Which part of the backbone is trained."""

    # "auto" is frozen or all, whichever is better on validation.
    backbone: Literal["frozen", "all", "stages", "variables", "lora", "auto"]
    stages: int = 0  # that are trained, counted from the output
    variables: tuple[str, ...] = ()  # patterns of the paths of those that are trained
    lora: int = 0  # rank of the adapters that are trained instead of the weights
    batch_norm: Literal["frozen", "update"] = "frozen"  # whether statistics follow the new data

    @classmethod
    def parse(cls, policy: Any) -> Self:
        """Returns the policy that a value of the config's `trainable` stands for.

        `{"batch_norm": "update"}` alone stands for the whole backbone.
        """
        if isinstance(policy, cls):
            return policy
        if isinstance(policy, bool):
            return cls(backbone="all" if policy else "frozen")
        if policy == "auto":
            return cls(backbone="auto")
        keys = dict(policy) if isinstance(policy, Mapping | BaseModel) else {}
        chosen = set(keys) - {"batch_norm"}
        if not (keys and chosen in _PARTS and _are_valid(keys)):
            raise ModelError(
                "The trainable policy is not valid.",
                expected="false, true, {stages: n}, {variables: pattern} or {lora: rank}, with "
                "batch_norm if wanted",
                received=repr(policy),
            )
        if "variables" in keys:
            given = keys["variables"]
            keys["variables"] = (given,) if isinstance(given, str) else tuple(given)
        return cls(backbone=chosen.pop() if chosen else "all", **keys)

    @property
    def may_stay_frozen(self) -> bool:
        """Whether no weight of the backbone may end up trained."""
        return self.backbone == "auto" or self.is_frozen

    @property
    def is_frozen(self) -> bool:
        """Whether nothing of the backbone is trained."""
        return self.backbone == "frozen"
