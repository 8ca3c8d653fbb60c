"""The benchmark of unknown labels, and the ways in which it hides labels."""

import numpy as np
import pandas as pd
import pytest

SHARES = (0.2, 0.5, 0.8)


@pytest.fixture
def labels() -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.random((20_000, 3)) < (0.1, 0.3, 0.6)).astype(float)


def known_among(labels: np.ndarray, given: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns the share of known labels of each task among the chosen ones."""
    return (~np.isnan(given) & chosen).sum(axis=0) / chosen.sum(axis=0)


@pytest.mark.parametrize("hidden", SHARES)
@pytest.mark.parametrize(
    "name", ["at random", "depends on another label", "depends on the label", "blocks by annotator"]
)
def test_of_each_task_the_share_asked_for_is_hidden(
    labels: np.ndarray, name: str, hidden: float
) -> None:
    from gap_bench.mechanisms import MECHANISMS

    given = MECHANISMS[name](labels, None, hidden, 1)
    assert np.isnan(given).mean(axis=0) == pytest.approx(hidden, abs=0.015)
    known = ~np.isnan(given)
    assert (given[known] == labels[known]).all()


@pytest.mark.parametrize("hidden", [0.5, 0.8])
@pytest.mark.parametrize(("name", "shift"), [("by_own_label", 0), ("by_other_label", -1)])
def test_labels_that_are_favored_are_known_twice_as_often(
    labels: np.ndarray, name: str, shift: int, hidden: float
) -> None:
    from gap_bench import mechanisms

    given = getattr(mechanisms, name)(labels, None, hidden, 1)
    favored = np.roll(labels, shift, axis=1) == 1
    ratio = known_among(labels, given, favored) / known_among(labels, given, ~favored)
    assert ratio == pytest.approx(2.0, rel=0.1)


def test_all_favored_labels_are_known_if_few_labels_are_hidden(labels: np.ndarray) -> None:
    from gap_bench.mechanisms import by_own_label

    rare = labels[:, :2]  # with more positives, they need not all be known
    given = by_own_label(rare, None, 0.2, 1)
    assert not np.isnan(given[rare == 1]).any()


@pytest.mark.parametrize("hidden", SHARES)
def test_only_positives_are_left_if_only_positives_were_recorded(
    labels: np.ndarray, hidden: float
) -> None:
    from gap_bench.mechanisms import positives_only

    given = positives_only(labels, None, hidden, 1)
    assert set(given[~np.isnan(given)]) == {1.0}
    assert known_among(labels, given, labels == 1) == pytest.approx(1 - hidden, abs=0.03)


def test_an_annotator_answers_all_or_none_of_the_rows_of_a_task() -> None:
    from gap_bench.mechanisms import ANNOTATORS, by_annotator

    labels = np.zeros((10 * ANNOTATORS, 4))
    groups = np.repeat(np.arange(ANNOTATORS), 10)
    given = by_annotator(labels, groups, 0.5, 1)
    known = ~np.isnan(given).reshape(ANNOTATORS, 10, 4)
    assert (known.all(axis=1) | ~known.any(axis=1)).all()
    assert (known[:, 0].sum(axis=0) == ANNOTATORS / 2).all()


def test_labels_nearest_to_the_decision_are_uncertain() -> None:
    from gap_bench.mechanisms import uncertain

    logits = np.array([[-3.0], [0.5], [-0.1], [2.0], [4.0]])
    assert uncertain(np.zeros((5, 1)), logits, 0.4).ravel().tolist() == [0, 1, 1, 0, 0]


def test_treatments_fill_weigh_and_drop_unknown_labels() -> None:
    from gap_bench.treatments import treat

    found = treat(np.array([[1.0, np.nan], [0.0, 1.0], [np.nan, 0.0]]))
    unknown = np.nan
    expected = {
        "masked": [[1, unknown], [0, 1], [unknown, 0]],
        "weak negative": [[1, 0], [0, 1], [0, 0]],
        "blanks as no": [[1, 0], [0, 1], [0, 0]],
        "mean imputed": [[1, 0.5], [0, 1], [0.5, 0]],
        "rows dropped": [[unknown, unknown], [0, 1], [unknown, unknown]],
    }
    assert found.keys() == expected.keys()
    for name, labels in expected.items():
        np.testing.assert_array_equal(found[name].filled, labels)
    weights = {name: one.unknown_weight for name, one in found.items() if one.unknown_weight}
    assert weights == {"weak negative": 0.1}


def test_a_small_table_gets_all_tables_of_results(tmp_path, capsys) -> None:
    import gaps

    results = tmp_path / "results.csv"
    gaps.main(["--quick", "--seeds", "2", "--results", str(results)])
    printed = capsys.readouterr().out
    assert "### made_up: macro AUC, 2 seeds" in printed
    assert "| at random | 20 % | 0." in printed
    assert "### only positives recorded: log loss" in printed
    assert "### uncertain: macro AUC" in printed
    frame = pd.read_csv(results)
    has_model = frame[frame["treatment"] == "masked"].groupby("mechanism")["auc"].count() > 0
    assert not has_model["only positives recorded"]
    assert has_model.drop("only positives recorded").all()


def test_a_table_that_is_not_there_is_skipped_with_a_reason(tmp_path, capsys) -> None:
    import gaps

    options = ["--shared", str(tmp_path), "--tables", "commands"]
    with pytest.raises(SystemExit):
        gaps.main([*options, "--results", str(tmp_path / "results.csv")])
    printed = capsys.readouterr().out
    assert (
        f"commands is skipped: {tmp_path / 'data/commands/commands.csv'} does not exist" in printed
    )
