"""The input contract of models for audio, and the keys of a config for audio alone."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kerastl.media.audio.input import AudioInput
from kerastl.media.base import InputContract
from kerastl.settings import Count, FilePath, Fraction, FractionOrAll, Listed, Positive, Section
from kerastl_runtime import input_contract
from kerastl_runtime.input_contract import Window

Decibels = Annotated[float, Field(ge=-60, le=100)]


DEFAULT_RATE_HZ = 16000
MAX_RATE_HZ = 1_000_000
EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")


class AudioContract(InputContract):
    """The input contract for audio: files are resampled, `window` is the part of longer ones."""

    foreign_keys = frozenset({"resize"})
    rank = input_contract.AudioContract.rank
    newest_rule = input_contract.AudioContract.newest_rule

    modality: Literal["audio"] = "audio"
    sample_rate_hz: Annotated[int, Field(ge=1, le=MAX_RATE_HZ)] = DEFAULT_RATE_HZ
    window: Window = "center"

    @property
    def has_windows(self) -> bool:
        return self.window == "pool"

    @property
    def recording_rate_hz(self) -> int:
        return self.sample_rate_hz

    @property
    def details(self) -> tuple[str, ...]:
        return (f"{self.sample_rate_hz:,} Hz",)

    def backbone_input(self) -> AudioInput:
        return AudioInput(sample_rate_hz=self.sample_rate_hz, num_samples=self.shape[0])


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


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("expected two numbers, the smaller one first")
    return bounds


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
    snr_db: Annotated[tuple[Decibels, Decibels], Listed, AfterValidator(_ordered)] = Field(
        default=(5.0, 30.0),
        description="Lowest and highest signal-to-noise ratio, in decibels.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the audio clips that get noise, 0 to 1."
    )


class ReverberationConfig(Section):
    """Rooms for training audio: decaying noise that is convolved with each audio clip."""

    seconds: Annotated[tuple[Positive, Positive], Listed, AfterValidator(_ordered)] = Field(
        default=(0.1, 0.5),
        description="Shortest and longest time in which the echo falls by 60 decibels, in seconds.",
    )
    probability: FractionOrAll = Field(
        default=0.5, description="Part of the audio clips that get an echo, 0 to 1."
    )


class SpecAugmentConfig(Section):
    """Stretches of time and bands of frequency that are set to the mean level."""

    time: Fraction = Field(
        default=0.1, description="Longest masked stretch, as a part of the window, 0 to below 1."
    )
    frequency: Fraction = Field(
        default=0.15, description="Widest masked band, as a part of the mel scale, 0 to below 1."
    )
    masks: Count = Field(default=2, description="Number of masks of each kind.")


class AudioViews(Section):
    """How often a frozen backbone listens to an audio clip."""

    shift: Fraction = Field(
        default=0.0,
        description="Average the features of each audio clip and of the clip shifted either way by "
        "this part of the window; three times the cost. 0: no shifts.",
    )


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
