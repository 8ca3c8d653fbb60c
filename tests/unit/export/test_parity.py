"""What the comparison of an exported model with its run says."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerastl.data.inputs.streams import FileInputs
from kerastl.evaluation.intervals import Bootstrap
from kerastl.export.exporting import DifferentAnswersError, refusal
from kerastl.export.parity import Reference
from kerastl.media.image.settings import ImageContract

LABELS = np.tile([[1.0, 0.0], [0.0, 1.0]], (30, 1))


@pytest.fixture
def reference() -> Reference:
    random = np.random.default_rng(0)
    bundle = SimpleNamespace(
        task_names=("a", "b"), heads={"one": ("b", "a")}, thresholds={"a": 0.5, "b": 0.5}
    )
    return Reference(
        bundle=bundle,
        split="validation",
        labels=LABELS,
        probabilities=np.clip(LABELS * 0.3 + random.uniform(0.1, 0.6, LABELS.shape), 0, 1),
        bootstrap=Bootstrap(groups=[str(row) for row in range(len(LABELS))], replicates=100),
        files=FileInputs([], ImageContract(shape=(8, 8, 3))),
        joins_windows=False,
    )


def found(probabilities: np.ndarray, *, pair: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """What the check writes: the columns of the head are in its own order."""
    pair = probabilities[[0, 0]] if pair is None else pair
    seconds = np.full(len(probabilities), 0.002)
    return {"head/one": probabilities[:, ::-1], "batch/one": pair[:, ::-1], "seconds": seconds}


def test_equal_answers_differ_by_nothing(reference: Reference) -> None:
    parity = reference.compare(found(reference.probabilities), limit=1e-3)
    assert parity.largest_difference == 0
    assert parity.auc_cost == 0
    assert parity.milliseconds == pytest.approx(2)
    assert refusal(parity, "x", 0.01) is None


def test_one_different_probability_is_found_and_refused(reference: Reference) -> None:
    other = reference.probabilities.copy()
    other[7, 1] += 0.6 if other[7, 1] < 0.5 else -0.6
    parity = reference.compare(found(other), limit=1e-3)
    assert parity.tasks["b"].largest_difference == pytest.approx(0.6)
    assert (parity.tasks["b"].decisions_changed, parity.tasks["a"].decisions_changed) == (1, 0)
    assert isinstance(refusal(parity, "x", 0.01), DifferentAnswersError)


def test_an_answer_that_depends_on_the_batch_is_refused(reference: Reference) -> None:
    pair = reference.probabilities[[0, 0]] + [[0.0], [0.01]]
    parity = reference.compare(found(reference.probabilities, pair=pair), limit=1e-3)
    assert isinstance(refusal(parity, "x", 0.01), DifferentAnswersError)


def test_answers_that_are_no_numbers_are_refused(reference: Reference) -> None:
    nothing = np.full_like(reference.probabilities, np.nan)
    for limit in (0.02, None):
        assert refusal(reference.compare(found(nothing), limit=limit), "x", 0.01) is not None


def test_quantization_may_change_probabilities_but_not_cost_auc(reference: Reference) -> None:
    sharper = reference.probabilities**2
    assert refusal(reference.compare(found(sharper), limit=None), "x", 0.01) is None
    worse = reference.compare(found(1 - reference.probabilities), limit=None)
    assert worse.auc_cost > 0.3
    assert worse.auc_cost_interval[0] < worse.auc_cost < worse.auc_cost_interval[1]
    assert "costs too much" in str(refusal(worse, "x", 0.01))
    assert refusal(worse, "x", 1.0) is None
