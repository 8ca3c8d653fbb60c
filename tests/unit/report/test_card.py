"""The model card: the report's results as Markdown that Hugging Face reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from finished_runs import NASTY, write_run

from kerastl.files import write_json
from kerastl.report import write_report


def card_of(run: Path) -> tuple[dict[str, Any], str]:
    """Returns the header and the body of a run's card."""
    _, header, body = (run / "MODEL_CARD.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(header), body


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", tasks=("car", "stop sign"), unknown_tasks=("stop sign",))
    write_report(folder)
    return folder


def test_the_header_is_what_hugging_face_reads(run: Path) -> None:
    header, _ = card_of(run)
    assert header["license"] == "mit"
    assert header["library_name"] == "keras"
    assert header["pipeline_tag"] == "image-classification"
    (entry,) = header["model-index"]
    (result,) = entry["results"]
    assert result["dataset"] == {"name": "table", "type": "table", "split": "test"}
    macro = json.loads((run / "metrics.json").read_text())["test"]["macro"]
    (auc, *_, of_car) = (one for one in result["metrics"] if one["type"] == "roc_auc")
    assert auc["value"] == pytest.approx(macro["auc"], abs=1e-4)
    assert f"{macro['auc_interval'][0]:.4f}" in auc["name"]
    assert "car" in of_car["name"]  # and no undefined score of the task without labels
    assert "stop sign" not in json.dumps(result)


def test_hugging_faces_own_reader_accepts_it(run: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub isn't installed")
    card = hub.ModelCard.load(run / "MODEL_CARD.md")
    assert card.data.eval_results[0].metric_type == "roc_auc"
    assert card.data.model_name == "run"


def test_the_body_states_data_scores_thresholds_limits_and_licenses(run: Path) -> None:
    _, body = card_of(run)
    assert "*For the author to fill in: what the model is for" in body
    assert "| stop sign: yes / no / unknown | 0 / 0 / 80 | 0 / 0 / 80 | 0 / 0 / 80 |" in body
    assert "| car | 0.414 | maximizes sensitivity + specificity |" in body
    assert "- On test, too few labels to say: stop sign (no label of this task is known" in body
    assert "of 480 labels" in body
    assert "| backbone tiny:image | MIT |" in body


def test_limits_repeat_the_warnings_and_the_conclusion_of_the_report(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", grouped=False, signal=0, gaps=0)
    bundle = json.loads((folder / "bundle.json").read_text())
    bundle["evidence"]["warnings"] = ["a.png in train and b.png in test have the same bytes."]
    bundle["data"]["group"] = None
    write_json(folder / "bundle.json", bundle)
    page = write_report(folder).read_text(encoding="utf-8")
    _, body = card_of(folder)
    for text in (
        "On test, no better than guessing: stop sign.",
        "The splits know no groups, so related images may be in both training and test.",
        "a.png in train and b.png in test have the same bytes.",
    ):
        assert text in body
        assert text in page.partition('id="card"')[2]


def test_a_card_names_no_place_on_the_machine(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    bundle = json.loads((folder / "bundle.json").read_text())
    bundle["backbone"]["weights"] = "/home/me/private/net.weights.h5"
    bundle["origin"] = {"host": "elsewhere", "folder": "/home/me/private/run"}
    write_json(folder / "bundle.json", bundle)
    write_report(folder)
    text = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "its weights (net.weights.h5)" in text
    assert "somebody else" not in text
    for place in ("/home/me", str(tmp_path), "elsewhere"):
        assert place not in text


def test_an_edited_card_is_kept_and_shown_when_the_report_is_built_again(run: Path) -> None:
    card = run / "MODEL_CARD.md"
    edited = card.read_text(encoding="utf-8").replace("*For the author", "For streets. *For", 1)
    card.write_text(edited, encoding="utf-8")
    page = write_report(run).read_text(encoding="utf-8")
    assert card.read_text(encoding="utf-8") == edited
    assert "For streets." in page


def test_a_card_that_nobody_has_edited_follows_the_results(run: Path) -> None:
    before = (run / "MODEL_CARD.md").read_text()
    bundle = json.loads((run / "bundle.json").read_text())
    bundle["tasks"]["car"]["threshold"] = 0.75
    write_json(run / "bundle.json", bundle)
    write_report(run)
    assert "| car | 0.750 |" in (run / "MODEL_CARD.md").read_text() != before


def test_a_report_in_another_file_leaves_the_card_alone(run: Path, tmp_path: Path) -> None:
    (run / "MODEL_CARD.md").unlink()
    write_report(run, output=tmp_path / "other.html")
    assert not (run / "MODEL_CARD.md").exists()


@pytest.mark.parametrize("name", [NASTY, "a|b", "# head\n\n- item", "*bold*_x_`code`", "[x](y)"])
def test_no_name_changes_what_the_card_consists_of(name: str, tmp_path: Path) -> None:
    sane = write_run(tmp_path / "sane", tasks=("car", "bus"))
    run = write_run(tmp_path / "run", tasks=("car", name))
    for folder in (sane, run):
        write_report(folder)
    header, _ = card_of(run)
    assert name.split("\n")[0].strip() in yaml.safe_dump(header, width=1000).replace("''", "'")
    lines = {folder: card_of(folder)[1].splitlines() for folder in (sane, run)}
    assert len(lines[sane]) == len(lines[run])
    for special in "<>*_`[]#|":
        unescaped = [line.replace(f"\\{special}", "").count(special) for line in lines[run]]
        if special != "_":  # in the code at the end
            expected = [line.replace(f"\\{special}", "").count(special) for line in lines[sane]]
            assert unescaped == expected, special
