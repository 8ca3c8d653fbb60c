"""Random changes to training sounds, on the raw waveform and off in evaluation.

Convention: what happens to an example depends on the seed, the epoch and the example's index alone,
so neither the batch nor an interruption changes it. SpecAugment masks the short-time spectrum of
the waveform instead of a layer inside the network: so it works in front of any backbone (that of a
TF Hub module can't be reached), and nothing in a model ever draws at random.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy import signal

from kerastl.config import (
    AugmentConfig,
    NoiseConfig,
    ReverberationConfig,
    SpecAugmentConfig,
)
from kerastl.data.inputs.streams import FileInputs
from kerastl.training.noise import NoiseSource, colored_noise

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_QUIET_POWER = 1e-8  # of full scale squared: what is quieter counts as this loud
_FRAME_SECONDS = 0.025
_ECHO_DECIBELS = (-20.0, 0.0)  # of the echo's energy, relative to the direct sound's


class AugmentedSounds:
    """Sounds of which training sees another variant in each epoch.

    Args:
        inputs: The sounds; validation sees them unchanged.
        augment: What to change, and by how much.

    Raises:
        MediaError: There are no sounds where noise is taken from.
    """

    def __init__(self, inputs: FileInputs, augment: AugmentConfig):
        self.inputs = inputs
        self._changes = _changes(augment, inputs.sample_rate_hz)

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the sounds unchanged, `(sounds, num_samples)`."""
        return self.inputs.take(indices)

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns a variant of each sound, drawn by the seed and the sound's index."""
        sounds = np.array(self.inputs.draw(indices, seed=seed), np.float32)
        for place, row in enumerate(map(int, indices)):
            random = np.random.default_rng([*seed, row, 1])
            for change in self._changes:
                sounds[place] = change(sounds[place], random)
        return np.clip(sounds, -1.0, 1.0, out=sounds)


def _changes(augment: AugmentConfig, rate_hz: int) -> list[Change]:
    """Returns the changes in the order of the world: source, room, noise, level, then masks."""
    changes: list[Change] = []
    if augment.shift:
        changes.append(partial(shift, largest=augment.shift))
    if augment.reverberation is not None:
        changes.append(partial(reverberate, settings=augment.reverberation, rate_hz=rate_hz))
    if augment.noise is not None:
        source = NoiseSource(augment.noise.files, rate_hz) if augment.noise.files else None
        changes.append(partial(add_noise, settings=augment.noise, source=source))
    if augment.gain:
        changes.append(partial(change_level, largest_db=augment.gain))
    if augment.spec_augment is not None:
        changes.append(partial(mask_spectrum, settings=augment.spec_augment, rate_hz=rate_hz))
    return changes


def shift(sound: np.ndarray, random: np.random.Generator, *, largest: float) -> np.ndarray:
    """Moves a sound in time; silence takes the place of what moved away.

    Args:
        sound: `(samples,)`.
        random: Draws the distance.
        largest: Largest distance either way, as a part of the sound.
    """
    distance = round(float(random.uniform(-largest, largest)) * len(sound))
    moved = np.zeros_like(sound)
    if distance >= 0:
        moved[distance:] = sound[: len(sound) - distance]
    else:
        moved[:distance] = sound[-distance:]
    return moved


def change_level(
    sound: np.ndarray, random: np.random.Generator, *, largest_db: float
) -> np.ndarray:
    """Makes a sound louder or quieter by at most `largest_db` decibels."""
    return sound * np.float32(10 ** (random.uniform(-largest_db, largest_db) / 20))


def add_noise(
    sound: np.ndarray,
    random: np.random.Generator,
    *,
    settings: NoiseConfig,
    source: NoiseSource | None,
) -> np.ndarray:
    """Adds noise at a drawn ratio of powers, to some sounds.

    Args:
        sound: `(samples,)`.
        random: Draws whether, which noise and how loud.
        settings: Ratio, probability and color.
        source: Files that noise is taken from, or None for colored noise.
    """
    if random.random() >= settings.probability:
        return sound
    if source is not None:
        noise = source.draw(len(sound), random)
    else:
        noise = colored_noise(len(sound), settings.color, random)
    ratio = 10 ** (random.uniform(*settings.snr_db) / 10)
    power = max(float(np.mean(np.square(sound))), _QUIET_POWER)
    noise_power = max(float(np.mean(np.square(noise))), _QUIET_POWER)
    return sound + noise * np.float32(np.sqrt(power / ratio / noise_power))


def reverberate(
    sound: np.ndarray, random: np.random.Generator, *, settings: ReverberationConfig, rate_hz: int
) -> np.ndarray:
    """Adds the echo of a drawn room to some sounds: noise that decays by 60 decibels.

    Its energy is 0 to 20 decibels below that of the direct sound; the level of the whole stays.

    Args:
        sound: `(samples,)`.
        random: Draws whether, how long and how loud.
        settings: Range of the time, probability.
        rate_hz: Samples per second.

    Reference:
        Schroeder (1965), https://doi.org/10.1121/1.1909343
    """
    if random.random() >= settings.probability:
        return sound
    seconds = random.uniform(*settings.seconds)
    times = np.arange(1, max(2, round(seconds * rate_hz))) / rate_hz
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    tail *= np.sqrt(10 ** (random.uniform(*_ECHO_DECIBELS) / 10) / np.square(tail).sum())
    echoed = sound + signal.fftconvolve(sound, np.concatenate([[0.0], tail]))[: len(sound)]
    before, after = float(np.square(sound).sum()), float(np.square(echoed).sum())
    return (echoed * np.sqrt(before / after) if after > 0 else echoed).astype(np.float32)


def mask_spectrum(
    sound: np.ndarray, random: np.random.Generator, *, settings: SpecAugmentConfig, rate_hz: int
) -> np.ndarray:
    """Masks stretches of time and mel bands of the short-time spectrum.

    Masked magnitudes become the geometric mean of the sound's, which is the mean of the log
    spectrum, as in SpecAugment; phases stay.

    Args:
        sound: `(samples,)`.
        random: Draws where the masks lie and how wide they are.
        settings: Largest sizes, and how many.
        rate_hz: Samples per second.

    Reference:
        Park et al. (2019), https://doi.org/10.21437/Interspeech.2019-2680
    """
    length = max(16, round(_FRAME_SECONDS * rate_hz))
    _, _, spectrum = signal.stft(sound, nperseg=length)
    masked = np.zeros(spectrum.shape, bool)
    mel = np.log1p(np.linspace(0, rate_hz / 2, len(spectrum)) / 700)
    for _ in range(settings.masks):
        masked[:, _band(np.arange(spectrum.shape[1]), settings.time, random)] = True
        masked[_band(mel, settings.frequency, random)] = True
    magnitudes = np.abs(spectrum) + 1e-12
    mean = np.exp(np.log(magnitudes).mean())
    spectrum = np.where(masked, spectrum / magnitudes * mean, spectrum)
    _, changed = signal.istft(spectrum, nperseg=length)
    return np.asarray(changed[: len(sound)], np.float32)


def _band(places: np.ndarray, largest: float, random: np.random.Generator) -> np.ndarray:
    """Returns which places lie in a drawn band, as wide as `largest` of all of them at most."""
    extent = places[-1] - places[0]
    width = random.uniform(0, largest) * extent
    start = places[0] + random.uniform(0, extent - width)
    return (places >= start) & (places < start + width)
