"""A comparison from config to report, interrupted and continued."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerastl.compare import Comparison, compare, grouping, read_comparison, trials
from kerastl.compare.grouping import Grouping
from kerastl.errors import ConfigError, RunError
from kerastl.runs import Run


def write_config(folder: Path, table: Path, **more: Any) -> Path:
    config = {
        "data": {
            "table": str(table),
            "image": "path",
            "tasks": ["bright", "red"],
            "group": "scene",
            "split": {"validation": 0.2, "test": 0.3},
        },
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
        **more,
    }
    path = folder / "bright.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def config(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("compare"), bright_images / "table.csv")


@pytest.fixture(scope="module")
def found(config: Path) -> Comparison:
    """The second training is interrupted, then the comparison is given again."""
    train, calls = trials.pipeline.train, []

    def stop_at_second(*arguments: Any, **settings: Any) -> Run:
        calls.append(settings["output"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*arguments, **settings)

    output = config.parent / "compared"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials.pipeline, "train", stop_at_second)
        with pytest.raises(KeyboardInterrupt):
            compare(config, axis="unknown=masked,blanks as no", seeds=1, output=output)
        calls.clear()
        patch.setattr(
            trials.pipeline, "train", lambda *a, **s: (calls.append(1), train(*a, **s))[1]
        )
        comparison = compare(config, axis="unknown=masked,blanks as no", seeds=1, output=output)
        assert len(calls) == 1
    return comparison


def test_every_training_is_an_ordinary_run_on_the_same_rows(found: Comparison) -> None:
    runs = [Run(path) for path in sorted(found.path.glob("arms/*/seed-0"))]
    assert len(runs) == 2
    tests = [list(run.predictions.query("split == 'test'")["path"]) for run in runs]
    assert tests[0] == tests[1]


def test_the_result_contains_answers_variants_costs_and_the_config(found: Comparison) -> None:
    values = json.loads((found.path / "compare.json").read_text())
    assert values == found.values == read_comparison(found.path).values
    (answer,) = values["answers"]
    assert set(answer["tasks"]) == {"bright", "red"}
    assert answer["tasks"]["red"]["auc"]["verdict"] == "no verdict"  # too few groups
    for side in values["sides"]:
        assert 0 <= side["macro"]["auc"]["mean"] <= 1
        assert side["cost"]["parameters"] > 0
        assert side["cost"]["seconds"] > 0
    assert "tiny:image" in values["config"]


def test_the_report_is_in_the_folder_of_the_comparison(found: Comparison) -> None:
    page = (found.path / "report.html").read_text()
    assert "blanks as no instead of masked" in page.lower()


def test_another_comparison_is_not_written_into_the_same_folder(
    found: Comparison, config: Path
) -> None:
    with pytest.raises(RunError, match="contains another comparison"):
        compare(config, axis="unknown=masked,drop rows", seeds=1, output=found.path)


def test_a_folder_with_other_files_is_not_changed(config: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not a comparison"):
        compare(config, axis="examples=10,all", seeds=1, output=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_variant_with_an_invalid_config_is_refused_before_anything_is_written(
    config: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"fit\.epochs"):
        compare(config, axis="fit.epochs=1,2", seeds=1, output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_keys_of_fit_are_refused_if_no_variant_knows_them(config: Path, tmp_path: Path) -> None:
    arguments = {"axis": "unknown=masked,drop rows", "overrides": ["fit.epochs=3"]}
    with pytest.raises(ConfigError, match=r"fit\.epochs: has no effect with solver: exact"):
        compare(config, seeds=1, output=tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_the_frozen_variant_is_solved_though_the_others_have_epochs(
    config: Path, tmp_path: Path
) -> None:
    found = compare(
        config,
        axis="trainable=false,{stages: 1}",
        seeds=1,
        output=tmp_path / "fair",
        overrides=["fit.epochs=1"],
    )
    solvers = [
        Run(path).record.config.fit.solver for path in sorted(found.path.glob("arms/*/seed-0"))
    ]
    assert solvers == ["exact", "keras"]
    assert any("exact (false), keras (stages: 1)" in note for note in found.result.notes)
    assert "epochs: 1" in found.result.config


@pytest.mark.slow
def test_sharing_compares_one_network_with_one_for_each_frozen_and_fine_tuned(
    bright_images: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", trainable=True, fit={"epochs": 1})
    found = compare(config, axis="sharing", seeds=1, output=tmp_path / "sharing")
    modes = {answer["mode"] for answer in found.values["answers"]}
    assert modes == {"frozen", "fine-tuned"}
    conditions = [condition["condition"] for condition in found.values["conditions"]]
    assert len(conditions) == 5
    assert "2 models" in found.values["costs"][0]


@pytest.mark.slow
def test_a_grouping_is_tested_on_rows_that_were_no_test_rows(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed = Grouping(mode="frozen", groups=(("bright",), ("red",)), expected=0.1)
    monkeypatch.setattr(grouping, "propose_grouping", lambda results: proposed)
    output = tmp_path / "grouped"
    found = compare(config, axis="sharing=frozen", seeds=2, output=output)
    tested = [side for side in found.result.sides if side.name.endswith("fresh splits")]
    assert [side.tasks for side in tested] == [("bright", "red"), ("bright",), ("red",)]
    before, *fresh = (
        set(Run(output / run).predictions.query("split == 'test'")["path"])
        for run in (found.result.sides[0].runs[0], *tested[0].runs)
    )
    assert not before & (fresh[0] | fresh[1])
    assert not fresh[0] & fresh[1]
    assert sum(answer.kind == "grouping" for answer in found.result.answers) == 2
    assert found.result.scored.rows == len(before)
    assert "expected to change the macro AUC by +0.100" in (output / "report.html").read_text()


@pytest.mark.slow
def test_sharing_from_scratch_trains_random_weights_and_lends_what_they_learned(
    config: Path, tmp_path: Path
) -> None:
    arguments = {"axis": "sharing=scratch", "seeds": 1, "overrides": ["fit.epochs=1"]}
    found = compare(config, output=tmp_path / "scratch", **arguments)
    by_name = {side.name: side for side in found.result.sides}
    network = Run(tmp_path / "scratch" / by_name["all tasks, scratch"].runs[0])
    assert network.record.config.backbone.weights is None
    assert network.record.config.trainable.batch_norm == "update"
    lent = Run(
        tmp_path / "scratch" / by_name["red on what the others learned from scratch"].runs[0]
    )
    assert lent.record.config.backbone.name.startswith("run:")
    assert [condition.mode for condition in found.result.conditions] == [None, "scratch", "scratch"]
