"""Listening: the sliding window, and scores that do not depend on how audio arrives."""

import io
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from kerastl.config import ListeningConfig
from kerastl.errors import RunError
from kerastl.heads.builder import build_model
from kerastl.layers import Backbone
from kerastl.listening.stream_scorer import Detection, SlidingWindow, StreamScorer
from kerastl.listening.window_scorer import WindowScorer
from kerastl.media.audio.blocks import file_blocks, pipe_blocks
from kerastl.media.audio.settings import AudioContract
from kerastl.run.bundle import BackboneFacts, Bundle, Calibration, DataFacts, TaskBundle
from kerastl_runtime.audio.decoding import read_audio

RATE_HZ = 4000
WINDOW = 2000
WORDS = {"low": Calibration(scale=3.0, offset=-1.0), "high": Calibration()}
BUNDLE = Bundle(
    tasks={word: TaskBundle(calibration=calibration) for word, calibration in WORDS.items()},
    heads={"tasks": tuple(WORDS)},
    input=AudioContract(shape=(WINDOW,), sample_rate_hz=RATE_HZ),
    backbone=BackboneFacts(
        id="tones", weights=None, options={}, license="", sha256="", trained=False
    ),
    data=DataFacts(tables=(), rows=0, column="path", group=None),
    versions={},
    plugins={},
    created="",
)


def make_scorer(engine: str, bundle: Bundle = BUNDLE) -> WindowScorer:
    """A model whose two words share one backbone: tones of 200 Hz and of 800 Hz."""
    raw = keras.Input((WINDOW,))
    x = keras.layers.Reshape((WINDOW, 1))(raw)
    x = keras.layers.Conv1D(2, 200, strides=10, use_bias=False, name="tones")(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    network = keras.Model(raw, x)
    seconds = np.arange(200) / RATE_HZ
    kernel = np.stack([np.sin(2 * np.pi * pitch * seconds) for pitch in (200, 800)], axis=1)
    network.get_layer("tones").set_weights([kernel[:, None, :].astype(np.float32) / 10])
    stages = [{"name": "all", "layers": [layer.name for layer in network.layers]}]
    model = build_model(Backbone(network, stages=stages, name="backbone"), list(WORDS))
    model.get_layer("tasks_logits").set_weights([np.eye(2, dtype=np.float32), -np.ones(2) * 3])
    return WindowScorer(model, bundle, cache=False, engine=engine)


@pytest.fixture(scope="module")
def scorer() -> WindowScorer:
    return make_scorer("keras")


@pytest.fixture(scope="module")
def stream_scorer(scorer: WindowScorer) -> StreamScorer:
    return StreamScorer(scorer, ListeningConfig(smooth_windows=2, refractory_seconds=0.6))


def tones(seconds: float = 12.3, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Noise with a low tone at 3 s, a high one at 7 s, and both at 10 s, 0.3 s each."""
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    samples = 0.02 * np.random.default_rng(0).standard_normal(len(time))
    for pitch, begin in ((200, 3.0), (800, 7.0), (200, 10.0), (800, 10.0)):
        inside = (time >= begin) & (time < begin + 0.3)
        samples[inside] += 0.4 * np.sin(2 * np.pi * pitch * time[inside])
    return samples.astype(np.float32)


def detections(stream_scorer: StreamScorer, blocks: Sequence[np.ndarray]) -> list[Detection]:
    found = stream_scorer.detect(blocks, {"low": 0.5, "high": 0.5})
    return [detection for _, detections in found for detection in detections]


def windows_of(samples: np.ndarray, cuts: Sequence[int], *, hop: int) -> np.ndarray:
    window = SlidingWindow(10, hop)
    parts = [part for block in np.split(samples, cuts) for part in window.push(block)]
    return np.concatenate([*parts, *window.finish()])


@pytest.mark.parametrize("cuts", [[], [1], [9, 10, 11], [3, 30, 31], list(range(47))])
@pytest.mark.parametrize("hop", [1, 3, 10])
def test_the_window_slides_over_blocks_as_over_the_whole(cuts: list[int], hop: int) -> None:
    samples = np.arange(1.0, 48.0, dtype=np.float32)
    found = windows_of(samples, cuts, hop=hop)
    padded = np.pad(samples, (0, 10))
    starts = range(0, len(found) * hop, hop)
    np.testing.assert_array_equal(found, [padded[start : start + 10] for start in starts])
    assert starts[-1] + 10 >= 47 > starts[-1] + 10 - hop


def test_audio_shorter_than_the_window_is_one_window_padded_with_silence() -> None:
    found = windows_of(np.ones(4, np.float32), [2], hop=3)
    np.testing.assert_array_equal(found, [[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]])


def test_empty_audio_gives_no_window_and_no_score(stream_scorer: StreamScorer) -> None:
    assert stream_scorer.scores([]).shape == (0, 2)
    assert stream_scorer.scores([np.zeros(0, np.float32)]).shape == (0, 2)


@pytest.mark.parametrize("length", [37, 400, 1999, 2001, 30_000])
def test_scores_in_blocks_are_the_scores_of_the_whole(
    stream_scorer: StreamScorer, length: int
) -> None:
    samples = tones()
    blocks = np.split(samples, range(length, len(samples), length))
    whole = stream_scorer.scores([samples])
    np.testing.assert_allclose(stream_scorer.scores(blocks), whole, atol=1e-6)
    assert detections(stream_scorer, blocks) == detections(stream_scorer, [samples])


def test_both_words_are_detected_where_they_are_by_one_backbone(
    stream_scorer: StreamScorer,
) -> None:
    found = [(one.word, round(one.end_seconds, 1)) for one in detections(stream_scorer, [tones()])]
    assert [word for word, _ in found] == ["low", "high", "low", "high"]
    for (_, end), begin in zip(found, (3.0, 7.0, 10.0, 10.0), strict=True):
        assert begin <= end <= begin + 0.4


def test_scores_are_calibrated_as_predictions_are(scorer: WindowScorer) -> None:
    windows = tones()[: 3 * WINDOW].reshape(3, WINDOW)
    raw = scorer.score(windows)[:, 0]
    uncalibrated = BUNDLE.changed(tasks={word: TaskBundle() for word in WORDS})
    scorer_of_raw = make_scorer("keras", uncalibrated)
    logits = np.log(scorer_of_raw.score(windows)[:, 0])
    logits -= np.log1p(-np.exp(logits))
    np.testing.assert_allclose(raw, 1 / (1 + np.exp(-(3 * logits - 1))), rtol=1e-4)


def test_the_last_window_ends_with_the_audio(stream_scorer: StreamScorer) -> None:
    ends = np.concatenate([frames.ends for frames in stream_scorer.stream([tones(2.33)])])
    assert ends[-1] == pytest.approx(2.33)
    np.testing.assert_allclose(np.diff(ends)[:-1], 0.1)


@pytest.mark.parametrize("source_hz", [4000, 8000, 11025])
def test_a_pipe_a_file_and_the_whole_array_give_the_same_scores(
    stream_scorer: StreamScorer, tmp_path: Path, source_hz: int
) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, tones(rate_hz=source_hz), source_hz, subtype="PCM_16")
    whole = stream_scorer.scores([read_audio(path, rate_hz=RATE_HZ)])
    of_file = stream_scorer.scores(file_blocks(path, rate_hz=RATE_HZ, block_seconds=0.7))
    with path.open("rb") as stream:
        of_pipe = stream_scorer.scores(pipe_blocks(stream, rate_hz=RATE_HZ))
    bare = io.BytesIO(path.read_bytes()[44:])
    of_bare = stream_scorer.scores(pipe_blocks(bare, rate_hz=RATE_HZ, source_hz=source_hz))
    for streamed in (of_file, of_pipe, of_bare):
        assert len(streamed) == len(whole)
        np.testing.assert_allclose(streamed, whole, atol=1e-4)


def test_the_fast_engine_gives_the_scores_of_keras(scorer: WindowScorer) -> None:
    pytest.importorskip("openvino")
    fast = make_scorer("openvino")
    windows = tones()[: 9 * WINDOW].reshape(9, WINDOW)
    assert fast.engine == "openvino float32"
    np.testing.assert_allclose(fast.score(windows), scorer.score(windows), atol=1e-4)


def test_memory_is_bounded_however_long_the_audio(stream_scorer: StreamScorer) -> None:
    block, num_blocks = tones(2.0), 200
    tracemalloc.start()
    num_frames = sum(len(f.scores) for f in stream_scorer.stream(block for _ in range(num_blocks)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_frames > 3900
    assert peak < num_blocks * block.nbytes / 4


def test_a_hop_beyond_the_window_is_refused(scorer: WindowScorer) -> None:
    with pytest.raises(RunError) as raised:
        StreamScorer(scorer, ListeningConfig(hop_seconds=0.6))
    assert str(raised.value) == (
        "The hop is longer than the window, so parts of the audio would be skipped.\n"
        "  where:    evaluation.listening.hop_seconds\n"
        "  expected: at most the length of the window, 0.5 s\n"
        "  received: 0.6 s"
    )
