"""Runs as backbones: a model trained on task A is the backbone for task B."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones.spec import BackboneSpec, Input
from kerastl.errors import RunError, UnknownBackboneError, WeightsError
from kerastl.run.layout import RunLayout
from kerastl.run.models import load_model

if TYPE_CHECKING:
    import keras

    from kerastl.run.bundle import Bundle


class RunFamily:
    """The family `run`: `run:runs/speech` is the backbone of the run in that folder."""

    def names(self) -> Sequence[str]:
        """Returns nothing, because a run is identified by its folder."""
        return ()

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of a finished run's backbone.

        Raises:
            UnknownBackboneError: The folder does not contain a finished run.
        """
        from kerastl.run.bundle import read_bundle

        folder = Path(name).expanduser()
        try:
            bundle = read_bundle(RunLayout(folder))
        except RunError as error:
            raise UnknownBackboneError(
                f"The backbone 'run:{name}' cannot be used. {error.what}",
                where=error.parts["where"],
                expected="the folder of a finished run",
                fix=error.parts["fix"],
            ) from error
        return _spec(name, folder, bundle, options)


def _spec(name: str, folder: Path, bundle: "Bundle", options: Mapping[str, Any]) -> BackboneSpec:
    learned = "fine-tuned there" if bundle.backbone.trained else "frozen, learned nothing"
    return BackboneSpec(
        id=f"run:{name}",
        input=bundle.input.backbone_input(),
        feature_dim=None,
        num_params=None,
        weights=("trained",),
        license=bundle.backbone.license,
        reference=str(folder),
        build=lambda *, weights, input, **rest: _build(folder, weights, input),
        stages=lambda network: _stages(folder),
        options=dict(options),
        description=f"{bundle.backbone.id}, trained on {', '.join(bundle.tasks)}",
        facts={"backbone": f"{bundle.backbone.id}, {learned}"},
        warning=None if bundle.backbone.trained else _frozen_warning(name, bundle),
    )


def _frozen_warning(name: str, bundle: "Bundle") -> str:
    return (
        f"The backbone of 'run:{name}' was frozen in that run, so it is {bundle.backbone.id} as "
        "published. Train that run with trainable: true to transfer what it learns."
    )


def _backbone(folder: Path) -> Any:
    from kerastl.heads.builder import find_layer

    return find_layer(load_model(folder))


def _stages(folder: Path) -> Any:
    return _backbone(folder).stages


def _build(folder: Path, weights: str | None, input: Input | None) -> "keras.Model":
    network = _backbone(folder).model
    wanted = None if input is None else input.shape
    if wanted is not None and tuple(network.input_shape[1:]) != tuple(wanted):
        network = _resized(network, wanted)
    if weights is None:
        _randomize(network)
    elif weights != "trained":
        _load(network, weights)
    return network


def _resized(network: "keras.Model", shape: tuple[int, ...]) -> "keras.Model":
    """Returns the network with the same weights for another input size."""
    import keras

    other = keras.models.clone_model(network, input_tensors=keras.Input(shape))
    other.set_weights(network.get_weights())
    return other


def _randomize(network: "keras.Model") -> None:
    import keras

    fresh = keras.models.clone_model(network)
    network.set_weights(fresh.get_weights())


def _load(network: "keras.Model", weights: str) -> None:
    try:
        network.load_weights(weights)
    except (OSError, ValueError) as error:
        raise WeightsError(
            "The weights do not fit the backbone of the run.",
            where=weights,
            expected="'trained', null or a .weights.h5 file of the same network",
            received=str(error).splitlines()[0],
        ) from error


family = RunFamily()
