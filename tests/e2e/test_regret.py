"""The regret that `benchmarks/compare_regret.py` computes is no maximum over noise."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

SEEDS, NUM_ROWS = 6, 400


@pytest.fixture(scope="module")
def script(repository: Path) -> ModuleType:
    path = repository / "benchmarks" / "compare_regret.py"
    spec = importlib.util.spec_from_file_location("compare_regret", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Table:
    """As much of `Examples` as is needed."""

    tasks = ("car", "bus")
    paths = tuple(Path(f"{row}.png") for row in range(NUM_ROWS))
    groups = np.array([f"g{row // 2}" for row in range(NUM_ROWS)])

    def __len__(self) -> int:
        return NUM_ROWS


def judge(script: ModuleType, quality: dict[str, float]) -> Any:
    """Returns a judge of made-up runs: how well a policy separates the classes, and its noise."""
    labels = np.random.default_rng(0).integers(0, 2, (NUM_ROWS, 2)).astype(float)

    class MadeUp(script.Judge):
        def run(self, size: str, policy: str, seed: int) -> Any:
            random = np.random.default_rng([seed, list(script.ARMS).index(policy)])
            shared = np.random.default_rng([seed, 99])
            noise = shared.normal(size=labels.shape) + 0.3 * random.normal(size=labels.shape)
            logits = quality.get(policy, 1.0) * (2 * labels - 1) + noise
            rows = np.random.default_rng([seed, 7]).permutation(NUM_ROWS)[:120]
            frame = pd.DataFrame({"path": [f"{row}.png" for row in rows], "split": "test"})
            for column, task in enumerate(self.tasks):
                frame[f"{task}_label"] = labels[rows, column]
                frame[task] = 1 / (1 + np.exp(-2 * logits[rows, column]))
            return SimpleNamespace(predictions=frame)

    return MadeUp(Table(), Path(), SEEDS)


@pytest.mark.parametrize("score", ["auc", "log_loss"])
def test_equally_good_policies_have_a_regret_only_if_the_best_is_picked_on_each_split(
    script: ModuleType, score: str
) -> None:
    found = judge(script, {}).regret(score, ["50"])
    low, high = found.of_best.interval
    assert low < 0 < high
    assert found.of_best_on_each > max(found.of_best.value, found.of_best_on_others)
    assert found.of_best_on_each > 2 * abs(found.of_best_on_others)


@pytest.mark.parametrize("score", ["auc", "log_loss"])
def test_a_policy_that_is_better_on_every_split_is_a_regret(script: ModuleType, score: str) -> None:
    found = judge(script, {"true": 1.6}).regret(score, ["50", "200"])
    assert found.best == "true"
    assert found.of_best.interval[0] > 0
    assert found.of_best_on_others == pytest.approx(found.of_best.value)
    assert found.of_best_on_each == pytest.approx(found.of_best.value)
