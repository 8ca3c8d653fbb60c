"""Exporting of a run: each format is written, checked against the run, and only then kept."""

import contextlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.errors import ExportError, counted
from kerastl.evaluation.held_out import VALIDATION
from kerastl.export.contents import export_contents
from kerastl.export.formats import FORMATS, Form, Source, find_form
from kerastl.export.parity import Parity, Reference, make_reference, run_exported
from kerastl.files import remove_abandoned, temporary_path, without_nan, write_json
from kerastl.progress import Progress
from kerastl.records import to_values
from kerastl.run.checksums import write_checksums
from kerastl.run.evaluate import examples_to_score
from kerastl.run.exported_form import answering_files
from kerastl.run.record import RunRecord
from kerastl.run.scoring import make_bootstrap
from kerastl.run.trained_model import TrainedModel

_NUM_SAMPLES = 200  # of training inputs, on which ranges of activations are measured
# Largest difference of a probability; quantized models are judged by their AUC.
_LIMITS = {"float32": 1e-3, "float16": 0.05}


@dataclass(frozen=True, kw_only=True)
class Check:
    """How exported models are compared with the run; see `kerastl.runs.Run.export`."""

    table: str | Path | None = None
    most_auc_cost: float = 0.01
    num_examples: int = 500


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A run in one format and precision: where it is and what the check found."""

    form: Form
    path: Path | None = None  # None if nothing was written
    bytes: int | None = None  # of the model
    parity: Parity | None = None
    error: ExportError | None = None  # why nothing was written

    @property
    def has_other_answers(self) -> bool:
        """Whether nothing was written because the answers differ from those of the run."""
        return isinstance(self.error, DifferentAnswersError)


class DifferentAnswersError(ExportError):
    """An exported model that answers otherwise than the run."""


def wanted_forms(name: str, precision: str | None) -> list[Form]:
    """Returns the form of a format and a precision; with `all` every form, of one precision or all.

    Raises:
        ExportError: There is no such format, or it has no such precision.
    """
    if name != "all":
        return [find_form(name, precision or "float32")]
    forms = [Form(one, each) for one in FORMATS.values() for each in one.precisions]
    if precision is not None:
        find_form("litert", precision)  # which has all
    return [form for form in forms if precision in (None, form.precision)]


def export_run(
    record: RunRecord,
    load: Callable[[], keras.Model | TrainedModel],
    forms: Sequence[Form],
    folder: str | Path,
    check: Check,
    *,
    progress: Progress,
) -> list[Exported]:
    """Exports a run in some forms; see `kerastl.runs.Run.export`.

    `load` returns the model. With one form, what goes wrong is raised; with several, it is in the
    result.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            "Exports need the TensorFlow backend of Keras.",
            received=keras.backend.backend(),
            fix="Unset KERAS_BACKEND.",
        )
    targets = {form: Path(folder) / form.label for form in forms}
    for target in targets.values():
        _refuse_taken(target)
    if len(forms) == 1:
        forms[0].format.refuse_missing(forms[0].precision)
    with tempfile.TemporaryDirectory(prefix="kerastl-export-") as temporary:
        split = _split_to_compare(record) if check.table is None else Path(check.table).name
        examples = _some(examples_to_score(record, check.table, split), check.num_examples)
        model = TrainedModel.of(load())
        reference = make_reference(
            model,
            record.bundle,
            examples,
            split=split,
            bootstrap=make_bootstrap(record.config.evaluation, examples),
            progress=progress,
        )
        has_int8 = any(form.precision == "int8" for form in forms)
        samples = _samples(record, check.table) if has_int8 else np.empty(0)
        source = Source(
            model=model,
            bundle=record.bundle,
            sha256=answering_files(record.layout),
            folder=Path(temporary),
            samples=samples,
        )
        results = []
        for number, form in enumerate(forms):
            progress.step(f"Exporting {form.label} ({number + 1} of {len(forms)})")
            try:
                result = _export(
                    source,
                    reference,
                    form,
                    targets[form],
                    check.most_auc_cost,
                    card=record.layout.card,
                )
            except ExportError as error:
                result = Exported(form=form, error=error)
            if result.error is not None and len(forms) == 1:
                raise result.error
            results.append(result)
        return results


def _export(
    source: Source,
    reference: Reference,
    form: Form,
    target: Path,
    most_auc_cost: float,
    *,
    card: Path,
) -> Exported:
    """Writes one form, with the model card, into a folder that is renamed if the check passes."""
    form.format.refuse_missing(form.precision)
    source.refuse(form)
    serving = source.interface(takes_any_extent=form.takes_any_extent)
    contents = export_contents(source.bundle, serving, form, source.sha256)
    source.metadata = json.dumps(without_nan(contents))
    remove_abandoned(target)
    begun = temporary_path(target)
    path = begun / form.format.file
    try:
        begun.mkdir(parents=True)
        _convert(source, form, path)
        num_bytes = sum(file.stat().st_size for file in begun.rglob("*") if file.is_file())
        arrays = reference.write_inputs(source.folder, takes_any_extent=serving.takes_any_extent)
        found = run_exported(
            form,
            path,
            arrays,
            input_name=serving.input_name,
            joins_windows=serving.joins_windows,
            folder=source.folder,
        )
        parity = reference.compare(found, limit=_LIMITS.get(form.precision))
        error = refusal(parity, form.label, most_auc_cost)
        if error is None:
            values = without_nan({**contents, "parity": to_values(parity)})
            write_json(begun / "bundle.json", values)
            if card.is_file() and not card.is_symlink():
                shutil.copyfile(card, begun / card.name)
            write_checksums(begun, sorted(begun.rglob("*")))
            begun.rename(target)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
        with contextlib.suppress(OSError):
            target.parent.rmdir()  # if nothing is in it
    written = target if error is None else None
    return Exported(form=form, path=written, bytes=num_bytes, parity=parity, error=error)


def _convert(source: Source, form: Form, path: Path) -> None:
    """Writes the model file, or raises an `ExportError` for what its converter cannot represent."""
    try:
        with _silenced_converters():
            form.format.write(source, form.precision, path)
    except Exception as error:  # converters raise errors of any type
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ExportError(
            f"The model cannot be converted to {form.label}.",
            received=lines[0][:300],
            fix="Choose another format.",
        ) from error


@contextlib.contextmanager
def _silenced_converters() -> Iterator[None]:
    """Hides what converters write, partly from native code, to standard output and error."""
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():  # noqa: PTH123 - a device
        warnings.simplefilter("ignore")
        try:
            for descriptor, _ in saved:
                os.dup2(nowhere.fileno(), descriptor)
            yield
        finally:
            for descriptor, real in saved:
                os.dup2(real, descriptor)
                os.close(real)


def refusal(parity: Parity, label: str, most_auc_cost: float) -> ExportError | None:
    """Returns why an exported model is not kept: it answers otherwise than the run, or costs AUC.

    Probabilities of a quantized model may differ by any amount.
    """
    on = f"on {counted(parity.examples, 'example')} of {parity.split}"
    if parity.limit is not None and not parity.largest_difference <= parity.limit:
        return DifferentAnswersError(
            f"The exported model ({label}) does not answer as the run does, so it was removed.",
            problems=[
                f"{task}: probabilities differ by up to {one.largest_difference:.2g}, "
                f"{counted(one.decisions_changed, 'decision')} changed"
                for task, one in parity.tasks.items()
            ],
            expected=f"probabilities that differ by at most {parity.limit:g}",
            received=f"up to {parity.largest_difference:.2g}, {on}",
            fix="Choose another format or precision.",
        )
    if parity.limit is None and not parity.auc_cost <= most_auc_cost:
        return ExportError(
            f"Quantization ({label}) costs too much, so the exported model was removed.",
            expected=f"a mean AUC that is at most {most_auc_cost:g} below that of the run",
            received=f"{parity.auc_cost:.4f} below{_interval_text(parity)}, {on}",
            fix="Choose float16, or accept the cost with --max-auc-cost.",
        )
    return None


def _interval_text(parity: Parity) -> str:
    if parity.auc_cost_interval is None:
        return ""
    return " (95 %: {:.4f} to {:.4f})".format(*parity.auc_cost_interval)


def _refuse_taken(target: Path) -> None:
    if target.exists():
        raise ExportError(
            f"'{target}' already exists; exports are never overwritten.",
            where=str(target),
            fix="Remove it, or choose another folder with --output.",
        )


def _split_to_compare(record: RunRecord) -> str:
    """Returns validation, or the first split that there is."""
    return VALIDATION if VALIDATION in record.parts else record.parts[0]


def _some(examples: Examples, most: int) -> Examples:
    """Returns at most so many examples, spread evenly."""
    count = len(examples.files)
    return examples.take(np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)))


def _samples(record: RunRecord, table: str | Path | None) -> np.ndarray:
    """Returns some inputs of the training split, or of another table."""
    examples = _some(examples_to_score(record, table, "train"), _NUM_SAMPLES)
    files = FileInputs(examples.files, record.bundle.input, cuts=examples.cuts)
    return files.take(np.arange(len(files)))
