"""Random changes of training audio on the raw waveform.

Convention: SpecAugment masks the short-time spectrum of the waveform instead of a layer inside the
network: so it works in front of any backbone (the spectrogram of a TF Hub module cannot be
reached), and no model ever draws at random.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import signal

from kerastl.media.audio.noise import NoiseSource, colored_noise
from kerastl.media.audio.settings import (
    AudioAugmentation,
    NoiseConfig,
    ReverberationConfig,
    SpecAugmentConfig,
)

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_QUIET_POWER = 1e-8  # of full scale squared: anything quieter counts as this loud
_FRAME_SECONDS = 0.025
_ECHO_DECIBELS = (-20.0, 0.0)  # of the echo's energy, relative to the direct signal


def example_augmentation(augment: AudioAugmentation, rate_hz: int) -> Change | None:
    """Returns a random change of one waveform, or None if nothing is to change."""
    changes = _changes(augment, rate_hz)

    def change(samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
        samples = np.array(samples, np.float32)
        for one in changes:
            samples[:] = one(samples, random)
        return np.clip(samples, -1.0, 1.0, out=samples)

    return change if changes else None


def _changes(augment: AudioAugmentation, rate_hz: int) -> list[Change]:
    """Returns the changes in their physical order: source, room, noise, level, then masks."""
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


def shift(samples: np.ndarray, random: np.random.Generator, *, largest: float) -> np.ndarray:
    """Moves an audio clip in time by at most `largest` of its length; silence fills the gap."""
    distance = round(float(random.uniform(-largest, largest)) * len(samples))
    moved = np.zeros_like(samples)
    if distance >= 0:
        moved[distance:] = samples[: len(samples) - distance]
    else:
        moved[:distance] = samples[-distance:]
    return moved


def change_level(
    samples: np.ndarray, random: np.random.Generator, *, largest_db: float
) -> np.ndarray:
    """Makes an audio clip louder or quieter by at most `largest_db` decibels."""
    return samples * np.float32(10 ** (random.uniform(-largest_db, largest_db) / 20))


def add_noise(
    samples: np.ndarray,
    random: np.random.Generator,
    *,
    settings: NoiseConfig,
    source: NoiseSource | None,
) -> np.ndarray:
    """Adds noise at a drawn signal-to-noise ratio to some audio clips; colored without files."""
    if random.random() >= settings.probability:
        return samples
    if source is not None:
        noise = source.draw(len(samples), random)
    else:
        noise = colored_noise(len(samples), settings.color, random)
    ratio = 10 ** (random.uniform(*settings.snr_db) / 10)
    power = max(float(np.mean(np.square(samples))), _QUIET_POWER)
    noise_power = max(float(np.mean(np.square(noise))), _QUIET_POWER)
    return samples + noise * np.float32(np.sqrt(power / ratio / noise_power))


def reverberate(
    samples: np.ndarray, random: np.random.Generator, *, settings: ReverberationConfig, rate_hz: int
) -> np.ndarray:
    """Adds the echo of a drawn room to some audio clips: noise that decays by 60 decibels.

    Its energy is 0 to 20 decibels below that of the direct signal; the level of the whole stays.

    Reference:
        Schroeder (1965), https://doi.org/10.1121/1.1909343
    """
    if random.random() >= settings.probability:
        return samples
    seconds = random.uniform(*settings.seconds)
    times = np.arange(1, max(2, round(seconds * rate_hz))) / rate_hz
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    tail *= np.sqrt(10 ** (random.uniform(*_ECHO_DECIBELS) / 10) / np.square(tail).sum())
    echoed = samples + signal.fftconvolve(samples, np.concatenate([[0.0], tail]))[: len(samples)]
    before, after = float(np.square(samples).sum()), float(np.square(echoed).sum())
    return (echoed * np.sqrt(before / after) if after > 0 else echoed).astype(np.float32)


def mask_spectrum(
    samples: np.ndarray, random: np.random.Generator, *, settings: SpecAugmentConfig, rate_hz: int
) -> np.ndarray:
    """Masks stretches of time and mel bands of the short-time spectrum.

    Masked magnitudes become the geometric mean of all, which is the mean of the log
    spectrum, as in SpecAugment; phases stay.

    Reference:
        Park et al. (2019), https://doi.org/10.21437/Interspeech.2019-2680
    """
    length = max(16, round(_FRAME_SECONDS * rate_hz))
    _, _, spectrum = signal.stft(samples, nperseg=length)
    masked = np.zeros(spectrum.shape, bool)
    mel = np.log1p(np.linspace(0, rate_hz / 2, len(spectrum)) / 700)
    for _ in range(settings.masks):
        masked[:, _band(np.arange(spectrum.shape[1]), settings.time, random)] = True
        masked[_band(mel, settings.frequency, random)] = True
    magnitudes = np.abs(spectrum) + 1e-12
    mean = np.exp(np.log(magnitudes).mean())
    spectrum = np.where(masked, spectrum / magnitudes * mean, spectrum)
    _, changed = signal.istft(spectrum, nperseg=length)
    return np.asarray(changed[: len(samples)], np.float32)


def _band(places: np.ndarray, largest: float, random: np.random.Generator) -> np.ndarray:
    """Returns which places are in a drawn band whose width is at most `largest` of their extent."""
    extent = places[-1] - places[0]
    width = random.uniform(0, largest) * extent
    start = places[0] + random.uniform(0, extent - width)
    return (places >= start) & (places < start + width)
