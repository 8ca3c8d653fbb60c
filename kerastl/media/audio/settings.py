"""Settings that exist for audio alone: keys of a config below `data` and `augment`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from kerastl.media.audio.contract import Window
from kerastl.settings import (
    Count,
    FilePath,
    Fraction,
    FractionOrAll,
    Listed,
    Positive,
    Section,
)

Decibels = Annotated[float, Field(ge=-60, le=100)]


class AudioSettings(Section):
    """How an audio clip becomes an input."""

    window: Window = Field(
        default="center",
        description="Which part of a longer audio clip the backbone gets: the start, the center, "
        "the loudest window, or as many windows as cover it, whose features are averaged (pool).",
    )
    sample_rate_hz: Count | None = Field(
        default=None,
        description="Samples per second that the backbone takes; null is what the backbone "
        "states, or 16000 if it states nothing.",
    )


class NoiseConfig(Section):
    """Noise added to training audio."""

    files: Annotated[tuple[FilePath, ...], Listed] = Field(
        default=(),
        description="Audio files, or folders of audio files, from which noise is taken at random "
        "places; relative to the config's folder. None: colored noise.",
    )
    color: Literal["white", "pink", "brown"] = Field(
        default="pink", description="Color of the noise if there are no files."
    )
    snr_db: Annotated[tuple[Decibels, Decibels], Listed] = Field(
        default=(5.0, 30.0),
        description="Lowest and highest signal-to-noise ratio, in decibels.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the audio clips that get noise, 0 to 1."
    )

    @field_validator("snr_db")
    @classmethod
    def _is_a_range(cls, snr_db: tuple[float, float]) -> tuple[float, float]:
        return _ordered(snr_db)


class ReverberationConfig(Section):
    """Rooms for training audio: decaying noise that is convolved with each audio clip."""

    seconds: Annotated[tuple[Positive, Positive], Listed] = Field(
        default=(0.1, 0.5),
        description="Shortest and longest time in which the echo falls by 60 decibels, in seconds.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the audio clips that get an echo, 0 to 1."
    )

    @field_validator("seconds")
    @classmethod
    def _is_a_range(cls, seconds: tuple[float, float]) -> tuple[float, float]:
        return _ordered(seconds)


class SpecAugmentConfig(Section):
    """Stretches of time and bands of frequency that are set to the mean level."""

    time: Fraction = Field(
        default=0.1, description="Longest masked stretch, as a part of the window, 0 to below 1."
    )
    frequency: Fraction = Field(
        default=0.15, description="Widest masked band, as a part of the mel scale, 0 to below 1."
    )
    masks: Count = Field(default=2, description="Number of masks of each kind.")


class AudioAugmentation(Section):
    """Random changes of training audio."""

    shift: Fraction = Field(
        default=0.0, description="Largest shift either way, as a part of the input's extent."
    )
    gain: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0.0, description="Largest change of the level either way, in decibels."
    )
    noise: NoiseConfig | None = Field(default=None, description="Noise added to audio clips.")
    reverberation: ReverberationConfig | None = Field(
        default=None, description="Rooms that audio clips are put into."
    )
    spec_augment: SpecAugmentConfig | None = Field(
        default=None, description="Stretches and bands of audio clips that are masked."
    )


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("expected two numbers, the smaller one first")
    return bounds
