"""The schema of `augment`: how training examples are varied.

Convention: a default stands here and nowhere else.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from kerastl.settings import (
    Count,
    FilePath,
    Fraction,
    FractionOrAll,
    Listed,
    Positive,
    Problems,
    Section,
    refuse,
)

Decibels = Annotated[float, Field(ge=-60, le=100)]


def _unordered(bounds: tuple[float, float]) -> Problems:
    if bounds[0] <= bounds[1]:
        return []
    return [((), "expected two numbers, the smaller one first")]


class NoiseConfig(Section):
    """Noise added to training sounds."""

    files: Annotated[tuple[FilePath, ...], Listed] = Field(
        default=(),
        description="Sounds, or folders with sounds, that noise is taken from at random places; "
        "relative to the config's folder. None: colored noise.",
    )
    color: Literal["white", "pink", "brown"] = Field(
        default="pink", description="Color of the noise where files names none."
    )
    snr_db: Annotated[tuple[Decibels, Decibels], Listed] = Field(
        default=(5.0, 30.0),
        description="Lowest and highest ratio of the sound's power to the noise's, in decibels.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the sounds that get noise, 0 to 1."
    )

    @field_validator("snr_db")
    @classmethod
    def _is_a_range(cls, snr_db: tuple[float, float]) -> tuple[float, float]:
        refuse(_unordered(snr_db))
        return snr_db


class ReverberationConfig(Section):
    """Rooms that training sounds are put into: noise that decays after each sound."""

    seconds: Annotated[tuple[Positive, Positive], Listed] = Field(
        default=(0.1, 0.5),
        description="Shortest and longest time in which the echo falls by 60 decibels, in seconds.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the sounds that get an echo, 0 to 1."
    )

    @field_validator("seconds")
    @classmethod
    def _is_a_range(cls, seconds: tuple[float, float]) -> tuple[float, float]:
        refuse(_unordered(seconds))
        return seconds


class SpecAugmentConfig(Section):
    """Stretches of time and bands of frequency that are brought to the sound's mean level."""

    time: Fraction = Field(
        default=0.1, description="Longest masked stretch, as a part of the window, 0 to below 1."
    )
    frequency: Fraction = Field(
        default=0.15, description="Widest masked band, as a part of the mel scale, 0 to below 1."
    )
    masks: Count = Field(default=2, description="Masks of each kind.")


class AugmentConfig(Section):
    """How training examples are varied; a key that stays 0, false or null does nothing."""

    flip: bool = Field(default=False, description="Mirror half of the pictures left to right.")
    rotate: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="Largest turn either way, as a part of the full circle, 0 to 0.5."
    )
    zoom: Fraction = Field(default=0.0, description="Largest zoom either way, as a part of size.")
    shift: Fraction = Field(
        default=0.0,
        description="Largest shift either way, as a part of the picture's size or the sound's "
        "window.",
    )
    brightness: Fraction = Field(
        default=0.0, description="Largest change of brightness either way, as a part of the range."
    )
    contrast: Fraction = Field(
        default=0.0, description="Largest change of contrast either way, as a part of it."
    )
    gain: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0.0, description="Largest change of a sound's level either way, in decibels."
    )
    noise: NoiseConfig | None = Field(default=None, description="Noise added to sounds.")
    reverberation: ReverberationConfig | None = Field(
        default=None, description="Rooms that sounds are put into."
    )
    spec_augment: SpecAugmentConfig | None = Field(
        default=None, description="Stretches and bands of sounds that are masked."
    )

    @property
    def active(self) -> tuple[str, ...]:
        """The keys that do something."""
        return tuple(key for key, value in self if value)
