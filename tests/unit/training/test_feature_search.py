"""`features: auto` keeps what lowers the out-of-fold loss by more than its noise."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerastl
from kerastl.config import parse_config
from kerastl.config.features_section import FeaturesConfig
from kerastl.media.media_types import media_type
from kerastl.training.feature_search import candidates, choose_features

IMAGE = media_type("image")
NUM = 300


def problem(signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels of two tasks, and one feature for each that knows this much about them."""
    random = np.random.default_rng(seed)
    labels = (random.random((NUM, 2)) < 0.5).astype(float)
    return labels, (signal * labels + random.normal(size=(NUM, 2))).astype(np.float32)


def test_candidates_come_in_the_order_of_cost_and_within_the_budget() -> None:
    found = candidates(IMAGE, (160, 160, 3), 4.0)
    costs = [cost for _, cost in found]
    assert costs == sorted(costs)
    assert costs[0] == 1
    assert costs[-1] <= 4
    assert found[0][0] == FeaturesConfig()
    assert {settings.sizes for settings, _ in found} == {
        (),
        (224,),
        (160, 224),
        (320,),
    }
    assert len(candidates(IMAGE, (160, 160, 3), 1.0)) == 1
    assert len(candidates(IMAGE, (160, 160, 3), 20.0)) == 10


def test_audio_has_shifts_as_candidates() -> None:
    found = candidates(media_type("audio"), (16_000,), 4.0)
    assert [(settings.shift, cost) for settings, cost in found] == [(0.0, 1), (0.05, 3), (0.1, 3)]


def test_better_features_are_kept_and_equal_ones_are_not() -> None:
    labels, weak = problem(0.5)
    _, strong = problem(2.0)
    flips, large = FeaturesConfig(flips=True), FeaturesConfig(sizes=(224,))
    chosen, trials = choose_features(
        [(FeaturesConfig(), 1.0, weak), (flips, 2.0, strong), (large, 4.0, strong)],
        labels,
        None,
        IMAGE,
        seed=0,
    )
    assert chosen == flips
    assert [trial.kept for trial in trials] == [True, True, False]
    assert trials[0].gain is None
    assert trials[1].gain.loss > 0.1
    assert trials[1].loss < trials[0].loss
    assert [trial.features for trial in trials] == ["one view", "flips: true", "sizes: [224]"]


def test_features_that_differ_by_noise_alone_are_rarely_kept() -> None:
    kept = 0
    for seed in range(40):
        labels, first = problem(0.7, seed)
        _, second = problem(0.7, seed + 1_000)
        second = first + 0.1 * second
        found = [(FeaturesConfig(), 1.0, first), (FeaturesConfig(flips=True), 2.0, second)]
        kept += choose_features(found, labels, None, IMAGE, seed=seed)[1][1].kept
    assert kept <= 4


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Images whose class shows in small stripes, which a larger size sees better."""
    random = np.random.default_rng(0)
    lines = ["path,striped"]
    for number in range(80):
        image = random.integers(0, 60, (48, 48, 3))
        if number % 2:
            image[::4] += 90
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{number % 2}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "table.csv"


def test_a_training_writes_what_was_chosen_and_what_was_tried(table: Path, tmp_path: Path) -> None:
    config = parse_config(
        {
            "data": {"table": str(table), "image": "path", "tasks": ["striped"]},
            "backbone": {"name": "tiny:image", "input_size": 32},
            "features": {"cost": 2},
            "evaluation": {"bootstrap": 0},
        }
    )
    run = kerastl.train(config, output=tmp_path / "run", cache=False)
    chosen = run.record.config.features
    assert isinstance(chosen, FeaturesConfig)
    trials = run.record.bundle.evidence.features.feature_trials
    assert [trial.cost for trial in trials] == sorted(trial.cost for trial in trials)
    assert trials[0].features == "one view"
    assert max(trial.cost for trial in trials) <= 2
    paths = [table.parent / f"{number}.png" for number in range(20)]
    assert run.predict(paths)["striped"].notna().all()
