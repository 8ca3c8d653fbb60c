"""Audio is varied by seed, epoch and example alone, and never where they are scored."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from kerastl.config import (
    AugmentConfig,
    NoiseConfig,
    ReverberationConfig,
    SpecAugmentConfig,
)
from kerastl.data.inputs.batches import make_batches
from kerastl.data.inputs.streams import FileInputs
from kerastl.errors import MediaError
from kerastl.media.audio import augmentation as changes
from kerastl.media.audio.noise import NoiseSource, colored_noise
from kerastl.media.audio.settings import AudioContract
from kerastl.training.augmented_inputs import augmented_inputs, make_augmentation

RATE_HZ = 8000
CONTRACT = AudioContract(shape=(4000,), sample_rate_hz=RATE_HZ)
ALL = AugmentConfig(
    shift=0.2,
    gain=6.0,
    noise=NoiseConfig(probability=1.0),
    reverberation=ReverberationConfig(probability=1.0),
    spec_augment=SpecAugmentConfig(),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> FileInputs:
    folder = tmp_path_factory.mktemp("audio")
    random = np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(5)]
    for path in paths:
        soundfile.write(path, random.uniform(-0.3, 0.3, 4000), RATE_HZ)
    return FileInputs(paths, CONTRACT)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def tone(num_samples: int = 4000) -> np.ndarray:
    return (0.2 * np.sin(np.arange(num_samples) * 0.3)).astype(np.float32)


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


def test_a_variant_depends_on_seed_epoch_and_example_alone(inputs: FileInputs) -> None:
    varied = augmented_inputs(inputs, ALL)
    together = varied.draw(np.array([0, 1, 2]), seed=(3, 0))
    np.testing.assert_array_equal(varied.draw(np.array([2]), seed=(3, 0))[0], together[2])
    for other in ((3, 1), (4, 0)):
        assert np.abs(varied.draw(np.array([2]), seed=other)[0] - together[2]).max() > 0.01


def test_batches_vary_in_training_and_not_in_validation(inputs: FileInputs) -> None:
    varied, labels, rows = augmented_inputs(inputs, ALL), np.ones((5, 1), np.float32), np.arange(5)
    plain = inputs.take(rows)

    def epochs(shuffle_seed, first_epoch=0):
        found = make_batches(
            varied, labels, rows, batch_size=5, shuffle_seed=shuffle_seed, first_epoch=first_epoch
        )
        return [x.numpy() for _ in range(2) for x, _ in found]

    np.testing.assert_array_equal(epochs(None), [plain, plain])
    first, second = epochs(7)
    assert np.abs(np.sort(first.sum(axis=1)) - np.sort(second.sum(axis=1))).max() > 1e-3
    np.testing.assert_array_equal(epochs(7, first_epoch=1)[0], second)  # as after an interruption


def test_audio_is_varied_in_one_place_only(inputs: FileInputs) -> None:
    assert make_augmentation(ALL, augmented_inputs(inputs, ALL)) is None
    assert augmented_inputs(inputs, None) is inputs
    assert augmented_inputs(inputs, AugmentConfig()) is inputs


def test_a_shift_moves_and_fills_with_silence(random: np.random.Generator) -> None:
    samples = np.arange(1.0, 11.0)
    for _ in range(20):
        moved = changes.shift(samples, random, largest=0.3)
        kept = moved[moved != 0]
        assert len(kept) >= 7
        np.testing.assert_array_equal(np.diff(kept), 1)


def test_a_gain_stays_within_its_decibels(random: np.random.Generator) -> None:
    gains = [changes.change_level(np.ones(1), random, largest_db=6.0)[0] for _ in range(200)]
    assert 10 ** (-6 / 20) <= min(gains) < 0.55
    assert 1.8 < max(gains) <= 10 ** (6 / 20)


@pytest.mark.parametrize("color", ["white", "pink", "brown"])
def test_noise_has_the_ratio_that_was_asked_for(random: np.random.Generator, color: str) -> None:
    settings = NoiseConfig(color=color, snr_db=(10.0, 10.0), probability=1.0)
    noise = changes.add_noise(tone(), random, settings=settings, source=None) - tone()
    assert decibels(np.mean(tone() ** 2) / np.mean(noise**2)) == pytest.approx(10, abs=0.1)


def test_the_darker_the_color_the_less_is_high(random: np.random.Generator) -> None:
    def high_part(color: str) -> float:
        spectrum = np.abs(np.fft.rfft(colored_noise(8000, color, random))) ** 2
        return float(spectrum[2000:].sum() / spectrum.sum())

    white, pink, brown = (high_part(color) for color in ("white", "pink", "brown"))
    assert white > 3 * pink > 9 * brown


def test_noise_from_files_is_taken_at_random_places(tmp_path: Path, random) -> None:
    ramp = np.arange(8000) / 8000
    soundfile.write(tmp_path / "ramp.wav", ramp, RATE_HZ, subtype="FLOAT")
    source = NoiseSource([tmp_path], RATE_HZ)
    drawn = [source.draw(100, random) for _ in range(5)]
    assert len({round(float(part[0]), 4) for part in drawn}) == 5
    for part in drawn:
        np.testing.assert_allclose(np.diff(part), 1 / 8000, atol=1e-6)
    assert len(source.draw(20000, random)) == 20000


def test_noise_that_can_not_be_read_is_found_at_once(inputs: FileInputs, tmp_path: Path) -> None:
    settings = AugmentConfig(noise=NoiseConfig(files=(tmp_path / "gone.wav",)))
    with pytest.raises(MediaError, match="does not exist"):
        augmented_inputs(inputs, settings)


def test_a_room_answers_a_click_with_a_decaying_echo(random: np.random.Generator) -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 0.5
    settings = ReverberationConfig(seconds=(0.4, 0.4), probability=1.0)
    heard = changes.reverberate(click, random, settings=settings, rate_hz=RATE_HZ)
    early, late = np.sum(heard[101:500] ** 2), np.sum(heard[2101:2500] ** 2)
    assert np.abs(heard[:100]).max() < 1e-6
    assert decibels(early / late) == pytest.approx(60 * 2000 / 3200, abs=6)
    assert np.sum(heard**2) == pytest.approx(np.sum(click**2), rel=1e-3)


def test_masks_bring_bands_and_stretches_to_the_mean_and_leave_the_rest(
    random: np.random.Generator,
) -> None:
    samples = tone(8000)
    settings = SpecAugmentConfig(time=0.3, frequency=0.3, masks=1)
    masked = changes.mask_spectrum(samples, random, settings=settings, rate_hz=RATE_HZ)
    _, _, before = signal.stft(samples, nperseg=200)
    _, _, after = signal.stft(masked, nperseg=200)
    changed = np.abs(np.abs(after) - np.abs(before)) > 1e-6
    frames = changed[9:11].any(axis=0)  # the bins of the tone
    assert 0.01 < frames.mean() < 0.6
    assert not np.array_equal(masked, samples)
    assert masked.shape == samples.shape


def test_a_probability_of_zero_changes_nothing(random: np.random.Generator) -> None:
    settings = NoiseConfig(probability=0.0)
    np.testing.assert_array_equal(
        changes.add_noise(tone(), random, settings=settings, source=None), tone()
    )


def test_silence_stays_finite(random: np.random.Generator, inputs: FileInputs) -> None:
    for change in changes._changes(ALL, RATE_HZ):
        assert np.isfinite(change(np.zeros(4000, np.float32), random)).all()
