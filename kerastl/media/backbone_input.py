"""What a backbone takes.

Convention: this module is light, as listing backbones needs it.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self


class BackboneInput(ABC):
    """What a backbone takes: one subclass per media type, as a plugin states it."""

    modality: ClassVar[str]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """The input in a few words, such as "image 224 x 224"."""

    @abstractmethod
    def resized(self, size: int | tuple[int, int], *, backbone: str) -> Self:
        """Returns the input with another `input_size`; errors name the backbone."""

    def smallest(self) -> Self:
        """Returns the smallest input that the backbone takes, or its own if that is not known."""
        return self
