"""`bundle.json` of an exported model: everything a program needs to know besides the model."""

from collections.abc import Mapping
from typing import Any

from kerastl.export.composed import ComposedModel
from kerastl.export.formats import Form
from kerastl.export.serving import ServingModel
from kerastl.run.bundle import Bundle
from kerastl.versions import installed_version, versions

_JOINING = (
    "An example is all windows of an audio clip: the model takes those of one example at a time, "
    "and answers with one row."
)
_SLIDING = (
    "Of each window, hop_seconds after the last one, take the probabilities of the model; average "
    "those of the smooth_windows most recent windows. A word is detected at the end of the window "
    "at which its average reaches its threshold; for refractory_seconds it is not detected again."
)


def export_contents(
    bundle: Bundle, serving: ServingModel | ComposedModel, form: Form, sha256: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the contents of `bundle.json`, without what the check finds.

    `sha256` are the hashes of the files of the run that determine its answers.
    """
    backbone, packages = bundle.backbone, form.format.packages
    contents = {
        "version": 1,  # of this file
        "format": form.format.name,
        "precision": form.precision,
        "file": form.format.file,
        "runtime_settings": dict(form.format.settings),
        "input": {
            "name": serving.input_name,
            "type": str(serving.dtype),
            "shape": [form.batch, *serving.shape],
            "range": list(bundle.media.raw_range),
            "reading": bundle.media.reading(bundle.input),
            "contract": bundle.input.model_dump(mode="json"),
        },
        "outputs": {head: list(tasks) for head, tasks in bundle.heads.items()},
        "calibration": "inside: the outputs are calibrated probabilities",
        "windows": _JOINING if serving.joins_windows else None,
        "tasks": {
            name: task.model_dump(mode="json", exclude={"calibration"})
            for name, task in bundle.tasks.items()
        },
        "backbone": {
            "id": backbone.id,
            "weights": backbone.weights,
            "license": backbone.license,
            "reference": backbone.reference,
            "trained": backbone.trained,
        },
        "run": {"created": bundle.created, "versions": bundle.versions, "sha256": dict(sha256)},
        "versions": {**versions(), **{name: installed_version(name) for name in packages}},
    }
    return {**contents, **_listening(bundle)}


def _listening(bundle: Bundle) -> Mapping[str, Any]:
    """Returns how the window of the model slides over long recordings, if it can."""
    rate_hz = bundle.input.recording_rate_hz
    if rate_hz is None:
        return {}
    settings = bundle.listening_config.model_dump(mode="json", exclude={"tolerance_seconds"})
    window = {"sample_rate_hz": rate_hz, "window_samples": bundle.input.shape[0]}
    return {"listening": {**window, **settings, "rule": _SLIDING}}
