"""Whether a model and a bundle are of one run: their heads, and what goes into the model."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.errors import RunError
from kerastl.heads.builder import find_heads
from kerastl.media.media_types import MEDIA_TYPES
from kerastl.run.bundle import Bundle, heads_hash

if TYPE_CHECKING:
    import keras


def refuse_other_model(model: "keras.Model", bundle: Bundle, *, where: Path) -> None:
    """Checks that a model has the heads and the input that a bundle states.

    Raises:
        RunError: It has not; each difference is listed with the key of the bundle.
    """
    heads = {head.name: head.tasks for head in find_heads(model)}
    tasks = bundle.task_names
    problems = [*_broken_outputs(model)]
    if heads_hash(tasks, heads) != heads_hash(tasks, bundle.heads):
        problems += _different_heads(heads, bundle.heads)
    problems += _different_input(model, bundle)
    if problems:
        raise RunError(
            "The model and bundle.json are not of one run.",
            problems=problems,
            where=str(where),
            expected="model.keras and bundle.json as one training wrote them",
            fix="Restore both files, or train the run again.",
        )


def _different_heads(
    own: Mapping[str, Sequence[str]], stated: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name in sorted(own.keys() | stated.keys()):
        if list(own.get(name, ())) != list(stated.get(name, ())):
            received = ", ".join(stated.get(name, ())) or "nothing"
            answered = ", ".join(own.get(name, ()))
            yield f"heads.{name}: {received}, " + (
                f"where the model answers {answered}" if answered else "which the model lacks"
            )


def _broken_outputs(model: "keras.Model") -> Iterator[str]:
    """Yields a sentence for each head with more or fewer outputs than tasks."""
    names = {layer.name for layer in model.layers}
    for head in find_heads(model):
        width = model.get_layer(head.name).output.shape[-1]
        if head.logits_name not in names:
            yield f"heads.{head.name}: the model has no layer '{head.logits_name}'"
        elif width != len(head.tasks):
            yield f"heads.{head.name}: {len(head.tasks)} tasks, where the model has {width} outputs"


def _different_input(model: "keras.Model", bundle: Bundle) -> Iterator[str]:
    if bundle.backbone.extractor is not None:
        return  # the heads take features
    shape, stated = tuple(model.input_shape[1:]), bundle.input.shape
    if len(shape) != len(stated) or any(
        own not in (None, other) for own, other in zip(shape, stated, strict=False)
    ):
        yield f"input.shape: {list(stated)}, where the model takes {list(shape)}"
    name = str(model.inputs[0].name)
    if name in MEDIA_TYPES and name != bundle.input.modality:
        yield f"input.modality: {bundle.input.modality}, where the model takes {name}"
