"""The abstract media type and its input contract.

Convention: everything that depends on what an example is belongs to a subclass of `MediaType`, of
`InputContract` or of `BackboneInput`; the rest of kerastl never compares names of media types.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from kerastl.errors import BackboneError, counted
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.preview import Preview
from kerastl.media.view import View
from kerastl.settings import Count, Listed, Problems, Section
from kerastl_runtime.input_contract import MAX_VALUES

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerastl_runtime.decoder import Cut, Decoder
    from kerastl_runtime.media_file import MediaFile


class InputContract(BaseModel, ABC):
    """What goes into a trained model and how a file becomes it; `input` in `bundle.json`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
    foreign_keys: ClassVar[frozenset[str]] = frozenset()  # of other media types, in older bundles
    rank: ClassVar[int | None] = None  # number of sides of `shape`, None for any
    newest_rule: ClassVar[int] = 1  # that this version of kerastl knows

    modality: str
    shape: Annotated[tuple[Count, ...], Listed]
    rule_version: Count = 1  # of the rule by which files are decoded

    @model_validator(mode="before")
    @classmethod
    def _without_foreign_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            key: value
            for key, value in values.items()
            if key not in cls.foreign_keys and value is not None
        }

    @field_validator("shape")
    @classmethod
    def _is_possible(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if cls.rank is not None and len(shape) != cls.rank:
            raise ValueError(f"expected {counted(cls.rank, 'number')}, received {len(shape)}")
        if (size := math.prod(shape)) > MAX_VALUES:
            raise ValueError(f"expected at most {MAX_VALUES:,} values, received {size:,}")
        return shape

    @field_validator("rule_version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version > cls.newest_rule:
            raise ValueError(
                f"expected at most {cls.newest_rule}, received {version}. Install the version of "
                "kerastl that trained the run."
            )
        return version

    @property
    def has_windows(self) -> bool:
        """Whether an example can have several inputs, whose features are averaged."""
        return False

    @property
    def recording_rate_hz(self) -> int | None:
        """Sample rate of recordings that a model can slide over, None if it cannot."""
        return None

    @property
    def details(self) -> tuple[str, ...]:
        """What a report shows besides the shape."""
        return ()

    @abstractmethod
    def backbone_input(self) -> BackboneInput:
        """Returns the same input as a backbone states it."""


class MediaSummary(ABC):
    """What `kerastl data check` reports about the readable files of a table."""

    @abstractmethod
    def lines(self) -> list[str]:
        """Returns the lines of facts, each with a heading of ten characters."""

    @abstractmethod
    def warnings(self) -> list[str]:
        """Returns a sentence for each thing that training accepts but the user should know."""


class MediaType(ABC):
    """A kind of input, such as images, with everything that depends on the kind.

    A new media type is a subclass in one module; `kerastl.media.media_types.register` adds its
    instance to the table before `kerastl.config` is imported. The argument `settings` of its
    methods is an instance of `data_settings`, or of the section `augment` in those that change
    training examples, or of `features` in those about views.
    """

    name: ClassVar[str]  # in configs (the column of files below `data`), bundles and backbones
    noun: ClassVar[str]  # one example, such as "image"
    nouns: ClassVar[str]  # several examples, such as "images" or "audio clips"
    collective: ClassVar[str]  # such inputs in general, such as "images" or "audio"
    extensions: ClassVar[tuple[str, ...]]  # of files, in lower case and with their dot
    values: ClassVar[str] = ""  # what `encoded` takes, as a list in words
    formats: ClassVar[str]  # as a list in words, such as "JPEG or PNG"
    contract_class: ClassVar[type[InputContract]]
    data_settings: ClassVar[type[Section]] = Section  # keys below `data` of this media type alone
    augment_settings: ClassVar[type[Section]] = Section  # keys below `augment` that work for it
    usual_augment: ClassVar[Mapping[str, Any]] = {}  # values of these keys for a trained backbone
    augment_caution: ClassVar[str | None] = None  # sentence about when those values are wrong
    view_settings: ClassVar[type[Section]] = Section  # keys below `features` of it alone
    raw_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)  # of the raw input of a network
    # Whether networks scale raw input to values around 0, which the conformance kit then checks.
    has_usual_scaling: ClassVar[bool] = False
    cut_columns: ClassVar[tuple[str, ...]] = ()  # of tables that cut examples out of files
    cut_cells: ClassVar[str] = ""  # what these columns may contain, in words
    has_recordings: ClassVar[bool] = False  # a trained model can slide over long recordings
    # Keys of the summary in the JSON of `kerastl data check`: the current one, then those that are
    # kept for one release.
    report_keys: ClassVar[tuple[str, ...]]

    @abstractmethod
    def accepts_shape(self, shape: Sequence[int | None]) -> bool:
        """Whether a network whose raw input has this shape can take such examples."""

    @abstractmethod
    def default_input(self, size: int | tuple[int, int] | None, settings: Any) -> BackboneInput:
        """Returns the input for a value of `input_size`, None for the default of the media type."""

    def used_cut_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Returns those of the columns of a table that cut examples out of files."""
        return tuple(column for column in self.cut_columns if column in columns)

    def bad_cuts(self, values: "np.ndarray") -> Iterable[tuple[int, int, str]]:
        """Returns row, column and "is not ..." of each number that makes no valid cut.

        The argument `values` has the numbers, at least 0, `(rows, len(cut_columns))`; NaN: blank.
        """
        return ()

    def cut_text(self, cut: "Cut") -> str:
        """Returns a cut in a few words for reports."""
        return ""

    def decided_settings(self, settings: Any, files: "Sequence[MediaFile]") -> Mapping[str, Any]:
        """Returns values of the keys in `data_settings` that the files of a table decide."""
        return {}

    @abstractmethod
    def make_contract(
        self, shape: tuple[int, ...], settings: Any, taken: BackboneInput | None, *, backbone: str
    ) -> InputContract:
        """Returns the contract for inputs of a shape that this media type accepts.

        `taken` is what the backbone states, or None if only loading can tell; raises a
        `BackboneError` if the settings contradict it.
        """

    @abstractmethod
    def decoder(self, contract: Any) -> "Decoder":
        """Returns the decoder from files to the inputs of a contract of this media type."""

    @abstractmethod
    def inspect(self, file: "MediaFile", cut: "Cut") -> Any:
        """Returns facts about all of an example for `summarize`, or raises a `MediaError`."""

    @abstractmethod
    def summarize(
        self,
        files: "Sequence[MediaFile]",
        facts: Sequence[Any],
        *,
        has_cuts: bool,
        taken: BackboneInput | None,
        settings: Any,
    ) -> MediaSummary:
        """Returns what `kerastl data check` reports; at least one example is readable.

        `facts` are what `inspect` returned for each example, None if it is unreadable. `taken` is
        the input of the backbone, or None if it is unknown.
        """

    @abstractmethod
    def preview(self, file: "MediaFile", cut: "Cut") -> Preview:
        """Returns what a report shows of an example; if it cannot be shown, the reason."""

    def encoded(self, value: Any, contract: Any) -> bytes | None:
        """Returns the bytes of a file that holds a value in memory exactly; None for other values.

        The decoder turns them into the input that the value stands for.
        """
        return None

    @abstractmethod
    def varied_examples(self, shape: Sequence[int | None]) -> "np.ndarray":
        """Returns four float32 inputs that differ widely; an open side is None in `shape`."""

    def fitting(self, contract: Any) -> "keras.layers.Layer | None":
        """Returns a layer that brings inputs of any extent to the contract's shape, or None.

        It does what the decoder does after reading a file.
        """
        return None

    def reading(self, contract: Any) -> str:
        """Returns what a program does to a file before an exported model takes it."""
        return "As kerastl reads it."

    def views(self, settings: Any, shape: tuple[int, ...]) -> tuple[View, ...]:
        """Returns the views of an input of this shape that a frozen backbone computes features of.

        The argument `settings` has the keys below `features`.
        """
        return (View(),)

    def candidate_views(self, shape: tuple[int, ...]) -> tuple[Mapping[str, Any], ...]:
        """Returns values of the keys below `features` that are worth trying, besides the defaults.

        Args:
            shape: Shape of the backbone's usual input.
        """
        return ()

    def view_cost(self, settings: Any, shape: tuple[int, ...]) -> float:
        """Returns the cost of all views of one example, in passes of an input of this shape."""
        return float(len(self.views(settings, shape)))

    def largest_size(self, settings: Any) -> int | tuple[int, int] | None:
        """Returns the value of `input_size` that the views ask for, or None."""
        return None

    def view_problems(self, settings: Any, size: Any) -> Problems:
        """Returns what is wrong with views for a value of `input_size`, with paths below them."""
        return []

    def drawing_setting(self, settings: Any) -> str | None:
        """Returns the setting by which training draws one of several inputs, or None."""
        return None

    def batch_augmentation(self, settings: Any) -> Callable[[Any, Any], Any] | None:
        """Returns a random change of a batch by Keras operations, or None if there is none.

        The change is determined by the batch and a seed, which is a tensor of two numbers.
        """
        return None

    def example_augmentation(
        self, settings: Any, contract: Any
    ) -> "Callable[[np.ndarray, np.random.Generator], np.ndarray] | None":
        """Returns a random change of one input in NumPy, or None if there is none."""
        return None

    def contract(
        self, shape: tuple[int, ...], settings: Any, taken: BackboneInput | None, *, backbone: str
    ) -> InputContract:
        """Returns the contract as `make_contract`, or raises a `BackboneError` for other shapes."""
        if not self.accepts_shape(shape):
            raise BackboneError(
                f"The backbone '{backbone}' does not take {self.collective}.",
                received=f"a network for inputs of shape {shape}",
                fix=f"Choose a backbone for {self.collective}: `kerastl backbones list --modality "
                f"{self.name}`.",
            )
        return self.make_contract(shape, settings, taken, backbone=backbone)

    def matches(self, path: Path) -> bool:
        """Whether the extension of a file is one of this media type."""
        return path.suffix.lower() in self.extensions
