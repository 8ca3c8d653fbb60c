"""The log-mel front end: one clip is never looked at through another."""

import keras
import numpy as np
import pytest

from kerastl.backbones import LogMel

RATE_HZ = 16000


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    random = np.random.default_rng(0)
    seconds = np.arange(8000) / RATE_HZ
    tone = 0.5 * np.sin(2 * np.pi * 1000 * seconds)
    return np.stack([tone, 0.1 * random.standard_normal(8000), 0 * tone]).astype(np.float32)


def spectrogram(clips: np.ndarray, **settings: object) -> np.ndarray:
    layer = LogMel(sample_rate_hz=RATE_HZ, **settings)
    return keras.ops.convert_to_numpy(layer(clips))


def test_a_clip_becomes_frames_of_bands_as_the_layer_declares(clips):
    layer = LogMel(sample_rate_hz=RATE_HZ, hop_seconds=0.02, num_bands=40)
    found = layer(clips)
    assert tuple(found.shape) == (3, 26, 40) == layer.compute_output_shape(clips.shape)
    assert layer.compute_output_shape((None, None)) == (None, None, 40)


def test_a_tone_is_loudest_in_the_band_of_its_frequency(clips):
    found = spectrogram(clips[:1], num_bands=64, min_hz=60.0, normalization="none")[0]
    mel = 2595 * np.log10(1 + np.array([60.0, 1000.0, 8000.0]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 65 - 1
    assert abs(found.mean(axis=0).argmax() - expected) <= 1


def test_the_other_clips_of_a_batch_change_nothing(clips):
    quiet = 1e-3 * clips[1:2]
    alone = spectrogram(quiet)
    beside = spectrogram(np.concatenate([quiet, clips[:1]]))[:1]
    np.testing.assert_allclose(alone, beside, atol=1e-4)


def test_each_clip_has_mean_0_and_variance_1_whatever_its_level(clips):
    loud, quiet = spectrogram(clips[1:2]), spectrogram(0.3 * clips[1:2])
    assert abs(loud.mean()) < 1e-4
    assert abs(loud.std() - 1) < 1e-3
    np.testing.assert_allclose(loud, quiet, atol=1e-3)


def test_silence_becomes_zeros(clips):
    np.testing.assert_array_equal(spectrogram(clips[2:]), 0)


def test_subtracting_the_mean_removes_a_constant_filter(clips):
    found = spectrogram(clips[1:2], subtract_mean=True, normalization="none")
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-3)


def test_it_stays_in_float32_under_a_mixed_policy(clips):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = LogMel(sample_rate_hz=RATE_HZ)
        assert keras.backend.standardize_dtype(layer(clips).dtype) == "float32"
        np.testing.assert_array_equal(layer(clips), spectrogram(clips))
    finally:
        keras.config.set_dtype_policy("float32")


def test_it_survives_saving_under_safe_mode(clips, tmp_path):
    waveform = keras.Input((8000,))
    features = keras.layers.GlobalAveragePooling1D()(
        LogMel(sample_rate_hz=RATE_HZ, num_bands=20, subtract_mean=True)(waveform)
    )
    model = keras.Model(waveform, features)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    np.testing.assert_array_equal(loaded(clips), model(clips))
