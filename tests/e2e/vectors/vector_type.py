"""A third media type in one module: vectors that are stored as .npy files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from kerastl.errors import MediaError
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import InputContract, MediaSummary, MediaType
from kerastl.media.preview import Preview, no_preview
from kerastl.settings import Section
from kerastl_runtime.decoder import DecodedExample, Decoder
from kerastl_runtime.media_file import MediaFile


def read_vector(file: MediaFile) -> np.ndarray:
    try:
        return np.load(file.open())
    except (OSError, ValueError) as error:
        raise MediaError("The vector cannot be read.", where=str(file)) from error


@dataclass(frozen=True, kw_only=True)
class VectorInput(BackboneInput):
    length: int
    modality: ClassVar[str] = "vector"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def summary(self) -> str:
        return f"vector of {self.length}"

    def resized(self, size, *, backbone):
        return VectorInput(length=size)


class VectorContract(InputContract):
    modality: Literal["vector"] = "vector"
    scale: float = 1.0

    def backbone_input(self) -> VectorInput:
        return VectorInput(length=self.shape[0])


class VectorSettings(Section):
    scale: float = Field(default=1.0, description="Factor of every vector.")


class VectorDecoder(Decoder):
    def __init__(self, contract: VectorContract):
        super().__init__(
            np.float32,
            {"modality": "vector", "shape": list(contract.shape), "scale": contract.scale},
        )
        self.contract = contract

    def load(self, file, cut=()) -> DecodedExample:
        values = read_vector(file).astype(np.float32) * np.float32(self.contract.scale)
        return DecodedExample(values=values[np.newaxis], digest=file.sha256())

    def noise(self, count: int) -> np.ndarray:
        shape = (count, *self.contract.shape)
        return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class VectorSummary(MediaSummary):
    lengths: dict[int, int]

    def lines(self) -> list[str]:
        return [f"Vectors:  {self.lengths}"]

    def warnings(self) -> list[str]:
        return ["Vectors differ in length."] if len(self.lengths) > 1 else []


class VectorType(MediaType):
    name = "vector"
    noun = "vector"
    nouns = "vectors"
    collective = "vectors"
    extensions = (".npy",)
    formats = "NPY"
    contract_class = VectorContract
    data_settings = VectorSettings
    report_keys = ("vectors",)

    def accepts_shape(self, shape: Sequence[int | None]) -> bool:
        return len(shape) == 1

    def default_input(self, size, settings) -> VectorInput:
        return VectorInput(length=size or 4)

    def make_contract(self, shape, settings, taken, *, backbone) -> VectorContract:
        return VectorContract(shape=shape, scale=settings.scale)

    def decoder(self, contract: VectorContract) -> VectorDecoder:
        return VectorDecoder(contract)

    def inspect(self, file, cut) -> int:
        return len(read_vector(file))

    def summarize(self, paths, facts, *, has_cuts, taken, settings) -> VectorSummary:
        lengths = [fact for fact in facts if fact is not None]
        return VectorSummary(lengths={n: lengths.count(n) for n in sorted(set(lengths))})

    def preview(self, file, cut) -> Preview:
        return no_preview(f"mean {read_vector(file).mean():.2f}")

    def varied_examples(self, shape) -> np.ndarray:
        return np.random.default_rng(0).standard_normal((4, *shape)).astype("float32")


VECTOR: Any = VectorType()
