"""Runs as backbones: a model trained on task A is the backbone for task B."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones.spec import BackboneSpec, Input
from kerastl.errors import RunError, UnknownBackboneError, WeightsError

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
        from kerastl.run.layout import RunLayout

        folder = Path(name).expanduser()
        try:
            bundle = read_bundle(RunLayout(folder))
        except RunError as error:
            raise UnknownBackboneError(
                f"The backbone 'run:{name}' cannot be used. {error.what}",
                problems=error.problems,
                where=error.parts["where"],
                expected="the folder of a finished run",
                fix=error.parts["fix"],
            ) from error
        if bundle.backbone.extractor is not None:
            raise UnknownBackboneError(
                f"The backbone 'run:{name}' cannot be used. It is no Keras model and learned "
                "nothing in that run.",
                expected="a run whose backbone is a Keras model",
                fix=f"Use {bundle.backbone.id} itself.",
            )
        return _spec(name, folder, bundle, options)


def _spec(name: str, folder: Path, bundle: "Bundle", options: Mapping[str, Any]) -> BackboneSpec:
    backbone = bundle.backbone
    learned = "fine-tuned there" if backbone.trained else "frozen, learned nothing"
    return BackboneSpec(
        id=f"run:{name}",
        input=bundle.input.backbone_input(),
        feature_dim=None,
        num_params=None,
        weights=("trained",),
        license=backbone.license,
        reference=str(folder),
        build=lambda *, weights, input, **rest: _build(folder, weights, input),
        stages=lambda network: _backbone(folder).stages,
        options=dict(options),
        description=f"{backbone.id}, trained on {', '.join(bundle.tasks)}",
        facts={"backbone": f"{backbone.id}, {learned}"},
        frozen_reason=backbone.frozen_reason,
        warning=None
        if backbone.trained
        else f"The backbone of 'run:{name}' was frozen in that run, so it is {backbone.id} as "
        "published. Train that run with trainable: true to transfer what it learns.",
    )


def _backbone(folder: Path) -> Any:
    from kerastl.heads.builder import find_layer
    from kerastl.run.models import load_model

    return find_layer(load_model(folder))


def _build(folder: Path, weights: str | None, input: Input | None) -> "keras.Model":
    import keras

    network = trained = _backbone(folder).model
    if input is not None and tuple(trained.input_shape[1:]) != tuple(input.shape):
        network = keras.models.clone_model(trained, input_tensors=keras.Input(input.shape))
        network.set_weights(trained.get_weights())
    if weights is None:
        network.set_weights(keras.models.clone_model(network).get_weights())
    elif weights != "trained":
        _load(network, weights)
    return network


def _load(network: "keras.Model", weights: str) -> None:
    from kerastl.backbones.weights_file import load_weights_file

    try:
        load_weights_file(network, weights)
    except (OSError, ValueError) as error:
        raise WeightsError(
            "The weights do not fit the backbone of the run.",
            where=weights,
            expected="'trained', null or a .weights.h5 file of the same network",
            received=str(error).splitlines()[0],
        ) from error


family = RunFamily()
