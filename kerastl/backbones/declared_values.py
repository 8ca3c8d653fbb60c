"""The weights that a model file declares, bounded by the values that it stores.

Convention: Keras allocates the weights of a layer when it creates them, long before it finds out
that the file has no values for them, so they are counted at that moment.
"""

import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.errors import RunError

MAX_EXAMPLE_VALUES = 2**28  # 1 GB as float32
_FLOOR = 2**24  # values that any file may declare: states that are not stored
_patching = threading.RLock()


@dataclass
class _Budget:
    file: Path
    stored: int
    declared: int = 0


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def declared_values_within(stored: int, *, file: Path) -> Iterator[None]:
    """Refuses more weights, while a model is loaded, than its file has values stored.

    Counted are the weights of Keras layers and metrics and whatever calls `declare_values`.
    """
    import keras

    creators = [(keras.layers.Layer, "add_weight"), (keras.metrics.Metric, "add_variable")]
    originals = [getattr(owner, name) for owner, name in creators]
    token = _budget.set(_Budget(file, stored))
    with _patching:
        try:
            for (owner, name), original in zip(creators, originals, strict=True):
                setattr(owner, name, _counting(original))
            yield
        finally:
            for (owner, name), original in zip(creators, originals, strict=True):
                setattr(owner, name, original)
            _budget.reset(token)


def declare_values(shape: Sequence[int], name: str) -> None:
    """Counts a weight that is about to be allocated, if a model file is being loaded.

    A layer that creates variables without Keras's `add_weight` calls this first.

    Args:
        shape: Shape of the weight.
        name: Name of the layer and of the weight, for messages.

    Raises:
        RunError: The file does not have so many values.
    """
    budget = _budget.get()
    if budget is None:
        return
    budget.declared += math.prod(int(size) for size in shape)
    if budget.declared > budget.stored + _FLOOR:
        raise RunError(
            f"The model '{budget.file.name}' declares more weights than it has values for.",
            where=f"{budget.file}: {name}",
            expected=f"about {budget.stored:,} values in all layers, as many as the file stores",
            received=f"at least {budget.declared:,}, with a shape of {tuple(shape)} here",
            fix="Restore the file, or ask its author for the original.",
        )


def refuse_huge_input(model: Any, *, file: Path) -> None:
    """Refuses inputs of more than 2**28 values each, on which no weights of a model depend."""
    for tensor in model.inputs or ():
        if math.prod(size or 1 for size in tensor.shape[1:]) > MAX_EXAMPLE_VALUES:
            raise RunError(
                f"The model '{file.name}' takes examples that are too large.",
                where=f"{file}: {tensor.name}",
                expected=f"at most {MAX_EXAMPLE_VALUES:,} values in an example",
                received=f"the shape {tuple(tensor.shape)}",
                fix="Restore the file, or ask its author for the original.",
            )


def _counting(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    def counted(self: Any, *args: Any, **settings: Any) -> Any:
        shape = settings.get("shape", args[0] if args else None)
        declare_values(shape or (), f"{self.name}/{settings.get('name') or 'weight'}")
        return create(self, *args, **settings)

    return counted
