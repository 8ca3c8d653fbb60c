"""What the shipped weights of `tiny:speech` are worth, held to the stated scores."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl.demo.wake_word import WORDS, load_clips, pink_noise
from kerastl_runtime.audio.decoding import load_windows
from kerastl_runtime.audio.windows import read_windows
from kerastl_tiny import SPEECH

RATE_HZ = 16_000
WAKE_WORDS_AUC, TOLERANCE = 0.974, 0.01
SEVEN_AUC = 0.95
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "spoken_digits"
Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def clips() -> tuple[Array, Array, Array]:
    """The words of the demo in noise: clips, words and numbers of the voices."""
    rng, clips, words, voices = np.random.default_rng(0), [], [], []
    for voice, spoken in enumerate(load_clips().values()):
        for word, clip in spoken:
            (window,) = read_windows(
                lambda begin, end, clip=clip: clip[begin:end],
                len(clip),
                num_samples=RATE_HZ,
                rule="center",
            )
            clips.append(window + 0.05 * pink_noise(rng, RATE_HZ))
            words.append(word)
            voices.append(voice)
    return np.stack(clips).astype(np.float32), np.array(words), np.array(voices)


def wake_words_auc(network: keras.Model, clips: tuple[Array, Array, Array]) -> float:
    """Returns the mean AUC over the wake words, on the voices that the probe never heard."""
    clips, words, voices = clips
    features = network.predict(clips, batch_size=60, verbose=0)
    scores = []
    for parity in (0, 1):
        heard = voices % 2 == parity
        for word in WORDS:
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
            probe.fit(features[heard], words[heard] == word)
            found = probe.decision_function(features[~heard])
            scores.append(roc_auc_score(words[~heard] == word, found))
    return float(np.mean(scores))


def test_its_features_reproduce_the_stated_score_on_the_words_of_the_demo(
    clips: tuple[Array, Array, Array],
) -> None:
    network = SPEECH.build(weights=SPEECH.default_weights, input=SPEECH.input)
    assert wake_words_auc(network, clips) == pytest.approx(WAKE_WORDS_AUC, abs=TOLERANCE)


def test_random_weights_know_less(clips: tuple[Array, Array, Array]) -> None:
    keras.utils.set_random_seed(0)
    network = SPEECH.build(weights=None, input=SPEECH.input)
    assert wake_words_auc(network, clips) < WAKE_WORDS_AUC - 0.02


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs recordings that aren't part of the project")
def test_twenty_clips_of_a_digit_are_enough_for_unseen_speakers() -> None:
    table = pd.read_csv(SHARED / "spoken_digits.csv")
    clips = [
        load_windows(SHARED / path, rate_hz=RATE_HZ, num_samples=RATE_HZ)[0]
        for path in table["path"]
    ]
    network = SPEECH.build(weights=SPEECH.default_weights, input=SPEECH.input)
    features = network.predict(np.stack(clips), batch_size=100, verbose=0)
    people, is_seven = table["speaker"].unique(), table["digit_7"].eq(1).to_numpy()
    scores = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        heard = table["speaker"].isin(rng.permutation(people)[:3]).to_numpy()
        rows = np.concatenate(
            [
                rng.choice(np.flatnonzero(heard & part), 20, replace=False)
                for part in (is_seven, ~is_seven)
            ]
        )
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        probe.fit(features[rows], is_seven[rows])
        found = probe.decision_function(features[~heard])
        scores.append(roc_auc_score(is_seven[~heard], found))
    assert np.mean(scores) >= SEVEN_AUC
