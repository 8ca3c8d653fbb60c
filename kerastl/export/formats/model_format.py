"""The abstract format of exported models, and what formats are made from."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from kerastl.errors import ExportError
from kerastl.export.composed import ComposedModel
from kerastl.export.serving import ServingModel, make_serving_model
from kerastl.run.bundle import Bundle
from kerastl.run.trained_model import TrainedModel

Precision = Literal["float32", "float16", "dynamic", "int8"]


@dataclass(kw_only=True)
class Source:
    """What the formats of one run are made from; SavedModels are written at their first use.

    Args:
        model: The model of the run.
        bundle: Its bundle.
        sha256: Hashes of the files of the run that determine its answers.
        folder: Folder for temporary files.
        samples: Inputs of the contract's shape, `(samples, *shape)`, on which ranges of activations
            are measured.
        metadata: The text that the format stores in the model file.
    """

    model: TrainedModel
    bundle: Bundle
    sha256: Mapping[str, str]
    folder: Path
    samples: Sequence[np.ndarray] | np.ndarray
    metadata: str = ""
    _serving: dict[bool, ServingModel] = field(default_factory=dict, init=False)

    def refuse(self, form: "Form") -> None:
        """Checks that a form can hold the backbone and take the examples.

        Raises:
            ExportError: The backbone is no Keras model, and the format holds nothing else; or the
                form takes one window at a time, and those of an example have one answer.
        """
        format = form.format
        if form.batch is not None and self.bundle.input.has_windows:
            raise ExportError(
                f"A model in {form.label} takes one window at a time, and this run averages those "
                "of each audio clip.",
                fix="Choose another precision, or train with data.window: center.",
            )
        if self.composed is not None and not format.takes_onnx:
            raise ExportError(
                f"The format {format.name} cannot hold the backbone of this run, which is an ONNX "
                "network.",
                fix="Choose onnx or openvino.",
            )

    @cached_property
    def composed(self) -> ComposedModel | None:
        """The model in ONNX if the backbone is no Keras model."""
        if self.model.extractor is None:
            return None
        viewed = self.model.extractor.viewed(self.model.views)
        return ComposedModel(extractor=viewed, heads=self.model.keras, bundle=self.bundle)

    def interface(self, *, takes_any_extent: bool) -> ServingModel | ComposedModel:
        """Returns what states the input of the exported model."""
        return self.composed or self.serving(takes_any_extent=takes_any_extent)

    def serving(self, *, takes_any_extent: bool) -> ServingModel:
        """Returns the serving model."""
        if takes_any_extent not in self._serving:
            self._serving[takes_any_extent] = make_serving_model(
                self.model.keras, self.bundle, takes_any_extent=takes_any_extent
            )
        return self._serving[takes_any_extent]

    def saved_model(self, *, takes_any_extent: bool, batch: int | None = None) -> Path:
        """Returns the folder of the serving model as a SavedModel."""
        serving = self.serving(takes_any_extent=takes_any_extent)
        path = self.folder / f"{'open' if serving.takes_any_extent else 'fixed'}-{batch}"
        if not path.exists():
            serving.write_saved_model(path, batch=batch)
        return path

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Yields each sample as a batch of one by the name of the input."""
        name = self.interface(takes_any_extent=False).input_name
        return ({name: sample[np.newaxis]} for sample in self.samples)


class Format(ABC):
    """A format of exported models: one subclass in a module of its own, in one table."""

    name: ClassVar[str]
    file: ClassVar[str]  # or folder, inside the folder of the export
    precisions: ClassVar[tuple[Precision, ...]] = ("float32",)
    open_precisions: ClassVar[tuple[Precision, ...]] = ("float32",)  # that take any extent
    single_precisions: ClassVar[tuple[Precision, ...]] = ()  # that take one example at a time
    packages: ClassVar[Mapping[str, str]] = {}  # modules that are needed, to extras of kerastl
    quantizer: ClassVar[str | None] = None  # module that int8 needs too
    takes_onnx: ClassVar[bool] = False  # whether it can hold a backbone that is an ONNX network
    settings: ClassVar[Mapping[str, str]] = {}  # of the runtime, without which results differ

    @abstractmethod
    def write(self, source: Source, precision: Precision, path: Path) -> None:
        """Writes the model with its metadata; errors of converters may be of any type."""

    def refuse_missing(self, precision: Precision) -> None:
        """Checks that all packages are installed.

        Raises:
            ExportError: One is not.
        """
        needed = dict(self.packages)
        if precision == "int8" and self.quantizer is not None:
            needed[self.quantizer] = "quantize"
        missing = [name for name in needed if importlib.util.find_spec(name) is None]
        if missing:
            extras = ",".join(sorted({needed[name] for name in missing}))
            raise ExportError(
                f"The format {self.name} ({precision}) needs {' and '.join(missing)}.",
                fix=f"pip install 'kerastl[{extras}]'",
            )


@dataclass(frozen=True)
class Form:
    """A format in one of its precisions."""

    format: Format
    precision: Precision

    @property
    def label(self) -> str:
        """Format and precision, which is also the name of the folder."""
        name = self.format.name
        return name if self.precision == "float32" else f"{name}-{self.precision}"

    @property
    def takes_any_extent(self) -> bool:
        """Whether inputs are brought to their size inside of the model."""
        return self.precision in self.format.open_precisions

    @property
    def batch(self) -> int | None:
        """The size of batches, None for any."""
        return 1 if self.precision in self.format.single_precisions else None
