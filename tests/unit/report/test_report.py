"""The report of a run, without a browser."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from finished_runs import NASTY, write_run
from PIL import Image
from scipy.special import logit

from kerastl.errors import RunError
from kerastl.evaluation.score_types import RecordingScores
from kerastl.media.media_types import media_type
from kerastl.progress import Progress
from kerastl.records import from_values
from kerastl.report import write_report, write_report_or_warn
from kerastl.report.content import Content, gather_content
from kerastl.report.detections import write_recordings_report
from kerastl.report.gallery import BUDGET, examples_per_gallery
from kerastl.run.origin import readable_files
from kerastl.run.record import read_record
from kerastl.runs import load_run
from kerastl_runtime.decoder import WHOLE


class Page(HTMLParser):
    """The text and the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


class Listener(Progress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def report(run: Path) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


def content_of(run: Path) -> Content:
    record = read_record(run)
    return gather_content(record, readable_files(record))


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_names_with_markup_become_text_and_no_element(tmp_path: Path) -> None:
    page = report(write_run(tmp_path / "run", tasks=(NASTY, "car"), names=NASTY))
    assert all(attributes.get("src") != "x" for _, attributes in page.elements)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert NASTY in page.text


def test_nothing_on_the_page_comes_from_elsewhere(tmp_path: Path) -> None:
    page = report(write_run(tmp_path / "run"))
    sources = [a[key] for _, a in page.elements for key in ("src", "href", "data") if a.get(key)]
    assert sources
    assert [s for s in sources if not s.startswith(("#", "data:"))] == []
    assert "url(http" not in page.text


def test_the_content_policy_allows_this_script_and_this_style_only(tmp_path: Path) -> None:
    page = report(write_run(tmp_path / "run"))
    policy = next(a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in page.elements)


def test_undefined_scores_are_shown_as_undefined_with_their_reason(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tasks=("car", "ghost"), unknown_tasks=("ghost",))
    know_only_yes(run, "car")
    text = report(run).text
    assert "undefined: no label of this task is known here" in text
    assert re.search(r"undefined: all \d+ known labels are yes", text)
    assert "nan" not in text.lower().split()


def know_only_yes(run: Path, task: str) -> None:
    """Makes every known label a yes, in predictions and scores."""
    frame = pd.read_parquet(run / "predictions.parquet")
    frame.loc[frame[f"{task}_label"].notna(), f"{task}_label"] = 1.0
    frame.to_parquet(run / "predictions.parquet")
    metrics = json.loads((run / "metrics.json").read_text())
    for part in metrics.values():
        part["tasks"][task] |= {"auc": None, "average_precision": None, "auc_interval": None}
    (run / "metrics.json").write_text(json.dumps(metrics))


@pytest.mark.parametrize("parts", [("train",), ("train", "validation")])
def test_without_a_test_split_the_report_says_so(tmp_path: Path, parts: tuple[str, ...]) -> None:
    text = report(write_run(tmp_path / "run", parts=parts, rows=60)).text
    assert f"There is no test split. The scores shown first are on {parts[-1]}" in text


def test_nothing_is_concluded_from_few_labels_of_a_class(tmp_path: Path) -> None:
    conclusion = content_of(write_run(tmp_path / "run", rows=36, gaps=0)).conclusion
    assert list(conclusion.by_verdict) == ["too few labels to say"]
    assert all(re.fullmatch(r"\d known (yes|no)", str(one.reason)) for one in conclusion.tasks)


def test_a_clear_signal_is_usable_a_faint_one_weak_and_noise_is_guessing(tmp_path: Path) -> None:
    found = {
        signal: content_of(
            write_run(tmp_path / f"{signal}", rows=1200, gaps=0, signal=signal)
        ).conclusion
        for signal in (2.4, 0.7, 0.0)
    }
    verdicts = {signal: {one.verdict for one in c.tasks} for signal, c in found.items()}
    assert verdicts == {2.4: {"usable"}, 0.7: {"weak"}, 0.0: {"no better than guessing"}}
    assert re.match(r"Of 2 tasks: 2 usable \(macro AUC 0\.\d{3} on test, 95 %", found[2.4].headline)
    assert found[0.0].headline.startswith("No better than guessing (macro AUC 0.")
    assert not found[0.0].is_good


def test_on_training_examples_nothing_is_concluded(tmp_path: Path) -> None:
    text = report(write_run(tmp_path / "run", parts=("train",), rows=60)).text
    assert "Nothing can be concluded: all examples were used for training." in text


def test_a_log_loss_above_the_base_rates_is_warned_of(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rows=600, gaps=0, signal=0.0)
    text = report(run).text
    assert "car, stop sign: on test the log loss is no lower than if every probability" in text


def test_warnings_of_one_kind_are_one_line_with_the_tasks_named(tmp_path: Path) -> None:
    tasks = tuple(f"finding {i}" for i in range(18))
    run = write_run(tmp_path / "run", tasks=tasks, rows=600)
    bundle = json.loads((run / "bundle.json").read_text())
    for i, task in enumerate(bundle["tasks"].values()):
        task["threshold_note"] = f"only {i + 3} positives are known"
    bundle["evidence"]["warnings"] = ["finding 3: known negatives are not in every split"]
    (run / "bundle.json").write_text(json.dumps(bundle))
    kinds = content_of(run).warnings
    assert [kind.text for kind in kinds] == [
        "known negatives are not in every split",
        "only 3 to 20 positives are known.",
    ]
    assert kinds[1].tasks == tasks
    assert kinds[1].sentences[0] == "finding 0: only 3 positives are known."


def test_confident_mistakes_come_first_and_are_mistakes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    content = content_of(run)
    frame = pd.read_parquet(run / "predictions.parquet").query("split == 'test'")
    wrong = frame[(frame["car_label"] == 0) & (frame["car"] >= content.tasks[0].threshold)]
    shown = content.tasks[0].galleries["test"][0]
    assert shown.total == len(wrong)
    expected = wrong.sort_values("car", ascending=False)["path"].tolist()
    assert [example.path for example in shown.shown] == expected[: len(shown.shown)]


def test_uncertain_examples_may_be_unlabeled(tmp_path: Path) -> None:
    content = content_of(write_run(tmp_path / "run", gaps=0.7))
    uncertain = content.tasks[0].galleries["test"][2].shown
    threshold = logit(content.tasks[0].threshold)
    distances = [abs(logit(example.probability) - threshold) for example in uncertain]
    assert distances == sorted(distances)
    assert "unknown" in {example.truth for example in uncertain}


def test_missing_and_unreadable_files_have_a_sentence_in_their_place(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for path in (run / "files").iterdir():
        path.write_bytes(b"not an image")
    text = report(run).text
    assert "The image does not exist." in text
    assert "The file is not an image that kerastl reads." in text


def test_a_long_audio_clip_is_named_but_not_embedded(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", modality="audio", rows=36)
    for number, path in enumerate(sorted((run / "files").iterdir())):
        noise = np.random.default_rng(0).uniform(-1, 1, 16000 * (20 if number % 2 else 8))
        soundfile.write(path, noise, 16000)
    page = report(run)
    assert "too long to embed (20.0 s)" in page.text
    assert "too long to embed (8.0 s)" in page.text
    assert "audio" not in [tag for tag, _ in page.elements]


def test_many_tasks_with_photographs_stay_below_five_megabytes(tmp_path: Path) -> None:
    tasks = tuple(f"finding {i}" for i in range(24))
    run = write_run(tmp_path / "run", tasks=tasks, rows=400, gaps=0.5)
    random = np.random.default_rng(0)
    for path in pd.read_csv(run / "table.csv")["path"]:
        coarse = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((320, 240)).save(path, "JPEG")
    page = write_report(run)
    assert page.stat().st_size < 5_000_000
    sources = re.findall(r'src="(data:image/[^"]*)"', page.read_text(encoding="utf-8"))
    assert 1_500_000 < sum(map(len, sources)) <= BUDGET


def test_a_picture_is_embedded_large_enough_to_be_enlarged(tmp_path: Path) -> None:
    Image.new("RGB", (1280, 960)).save(tmp_path / "a.jpg")
    uri = media_type("image").preview(tmp_path / "a.jpg", WHOLE).uri
    assert uri is not None
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert (picture.format, picture.size) == ("WEBP", (320, 240))


def test_small_pictures_leave_room_for_more_examples() -> None:
    assert examples_per_gallery(4, 3, 1_000) == [8, 4, 4]
    assert examples_per_gallery(4, 3, 12_000) == [5, 2, 2]
    assert examples_per_gallery(18, 3, 12_000) == [2, 1, 1]


def test_learning_curves_are_drawn_from_the_history(tmp_path: Path) -> None:
    learning = content_of(write_run(tmp_path / "run", epochs=5)).learning
    assert learning.phases == (("heads", 2), ("fine-tuning", 3))
    assert [title for title, _ in learning.charts] == ["log loss per known label", "AUC"]


def write_history(run: Path, losses: dict[int, float], *, kept: int) -> None:
    rows = [
        {"phase": "fine_tuning", "epoch": e, "kept": e == kept, "val_loss": v, "val_log_loss": v}
        for e, v in losses.items()
    ]
    pd.DataFrame(rows).to_csv(run / "history.csv", index=False)


def test_it_says_if_no_epoch_was_better_than_the_solved_heads(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_history(run, {0: 0.5, 1: 0.75, 2: 0.625}, kept=0)
    learning = content_of(run).learning
    assert learning.epochs == 2
    assert learning.phases == (("fine-tuning", 2),)
    assert learning.outcome == (
        "No epoch was better; the solved heads were kept: the lowest validation loss was 0.6250 "
        "(before the first epoch, 0.5000)."
    )


def test_it_says_which_epoch_was_kept(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_history(run, {0: 0.5, 1: 0.25, 2: 0.625}, kept=1)
    learning = content_of(run).learning
    assert learning.outcome == (
        "Epoch 1 has the lowest validation loss, 0.2500 (before the first epoch, 0.5000); it was "
        "kept."
    )
    assert 'class="kept"' in learning.charts[0][1]


def test_it_says_by_which_loss_the_epoch_was_kept(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_history(run, {0: 0.5, 1: 0.25, 2: 0.625}, kept=2)
    history = pd.read_csv(run / "history.csv")
    history["val_calibrated_log_loss"] = [0.4, 0.3, 0.2]
    history.to_csv(run / "history.csv", index=False)
    learning = content_of(run).learning
    assert learning.outcome == (
        "Epoch 2 has the lowest calibrated validation loss, 0.2000 (before the first epoch, "
        "0.4000); it was kept."
    )
    assert learning.charts[0][0] == "calibrated log loss per known label"


def test_the_rates_that_auto_tried_are_charted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    bundle = json.loads((run / "bundle.json").read_text())
    gain = {"loss": 0.02, "low": -0.01, "high": 0.05, "known": 80}
    auto = {"trained": False, "reason": "not clearly better on validation", "rate": 0.001}
    auto |= {"gain": gain, "trials": [{"rate": 0.0001, "gain": gain}]}
    bundle["evidence"]["features"] = {"auto": auto}
    (run / "bundle.json").write_text(json.dumps(bundle))
    learning = content_of(run).learning
    rows = [(row.name, row.change, row.interval) for row in learning.trials[-1].rows]
    assert rows == [
        ("rate 0.0001, short", -0.02, (-0.05, 0.01)),
        ("rate 0.001, all epochs", -0.02, (-0.05, 0.01)),
    ]
    text = report(run).text
    assert "The frozen backbone was kept: not clearly better on validation." in text
    bundle["evidence"]["features"] = {"auto": {"trials": 3}}
    (run / "bundle.json").write_text(json.dumps(bundle))
    with pytest.raises(RunError, match=r"evidence\.features"):
        content_of(run)


def test_an_exact_head_has_strengths_and_says_that_there_are_no_epochs(tmp_path: Path) -> None:
    text = report(write_run(tmp_path / "run")).text
    assert "There are no epochs: the linear head on frozen features was solved" in text


def test_the_path_of_strengths_is_drawn_if_it_was_stored(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    bundle = json.loads((run / "bundle.json").read_text())
    losses = {"car": [0.6, 0.5, 0.55], "stop sign": [0.7, None, 0.6]}
    bundle["evidence"]["regularization_path"] = {"strengths": [1, 0.1, 0.01], "losses": losses}
    (run / "bundle.json").write_text(json.dumps(bundle))
    path = content_of(run).learning.path
    assert path is not None
    assert path.count('class="line train"') == path.count('class="value"') == 2


def test_how_the_threshold_was_chosen_is_described(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tasks=("a", "b", "c"))
    bundle = json.loads((run / "bundle.json").read_text())
    chosen = [("sensitivity>=0.9", "validation, 80 known labels"), ("0.3", "nothing")]
    for task, (policy, tuned_on) in zip("ab", chosen, strict=True):
        bundle["tasks"][task] |= {"threshold_policy": policy, "tuned_on": tuned_on}
    (run / "bundle.json").write_text(json.dumps(bundle))
    assert [task.chosen for task in content_of(run).tasks] == [
        "the highest with a sensitivity of at least 0.9, chosen on validation predictions "
        "(80 known labels), as calibration was",
        "fixed",
        "maximizes sensitivity + specificity",
    ]


PROMISE = {
    "quantity": "sensitivity", "limit": 0.9, "is_promised": True, "value": 0.96, "bound": 0.905,
    "count": 50, "unit": "positives", "effective": 50.0, "needed": None,
    "price": {"quantity": "specificity", "value": 0.22, "at_point_choice": 0.38},
}  # fmt: skip


def test_a_promise_is_shown_with_its_bound_and_price(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tasks=("a", "b"))
    bundle = json.loads((run / "bundle.json").read_text())
    told = {"threshold_policy": "sensitivity>=0.9", "bounds": {"sensitivity": 0.905}}
    broken = {**PROMISE, "is_promised": False, "price": None}
    bundle["tasks"]["a"] |= {**told, "promise": PROMISE}
    bundle["tasks"]["b"] |= {**told, "promise": broken, "threshold_note": "it is not promised"}
    (run / "bundle.json").write_text(json.dumps(bundle))
    content = content_of(run)
    assert content.tasks[0].chosen == (
        "the highest with a sensitivity of at least 0.9; promised for new data, at the price of "
        "specificity 0.22, not 0.38; in new data with 90 % confidence sensitivity ≥ 0.905"
    )
    assert content.tasks[1].chosen.endswith("sensitivity ≥ 0.905; it is not promised")
    (warning,) = content.warnings
    assert (warning.tasks, warning.text) == (("b",), "it is not promised.")


def test_an_undone_weight_is_not_called_a_calibration(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", calibrated=False)
    bundle = json.loads((run / "bundle.json").read_text())
    bundle["tasks"]["car"]["calibration"]["offset"] = -2.0
    (run / "bundle.json").write_text(json.dumps(bundle))
    note = content_of(run).tasks[0].panels[0].reliability_note
    assert note == ("Not calibrated: too few. Logit − 2.00 undoes weights and label smoothing.")


def test_what_was_found_about_missingness_is_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    found = {
        "positives": {
            "car": {
                "among_known": 0.614,
                "among_all": 0.412,
                "among_all_interval": [0.355, 0.47],
                "differs": True,
                "reason": None,
            },
            "stop sign": {"among_known": 0.1, "reason": "too few"},
        },
        "examined_on": "validation predictions",
        "uncertain": {"car": 3},
        "groups": {
            "count": 9,
            "tasks": {"car": {"all_known": 4, "some_known": 3, "none_known": 2}},
        },
        "warnings": ["car: labels are not missing at random."],
    }
    (run / "missingness.json").write_text(json.dumps(found))
    text = report(run).text
    above, _, card = text.partition(" Model card ")
    assert above.count("car: labels are not missing at random.") == 1
    assert card.count("car: labels are not missing at random.") == 1
    for words in ("0.614", "0.412 0.355–0.470", "unknown: too few", "4 / 3 / 2", "car 3"):
        assert words in text


def test_all_that_repeats_the_run_is_there(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    text = report(run).text
    for words in ("kerastl-tiny==0.1.0", f"kerastl train {run}/config.yaml", "1" * 64, "0" * 64):
        assert words in text
    assert 'tasks: ["car", "stop sign"]' in text


def test_the_command_installs_no_package_just_because_a_bundle_names_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    bundle = json.loads((run / "bundle.json").read_text())
    bundle["plugins"] = {"evil": "1.0", "kerastl-tiny": "0.1.0; rm -r ."}
    (run / "bundle.json").write_text(json.dumps(bundle))
    command = content_of(run).commands[0]
    assert command.startswith("pip install 'kerastl-tiny==0.1.0; rm -r .' kerastl==0.1.0")
    assert "evil" not in command


def test_a_run_without_predictions_is_refused_by_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "predictions.parquet").unlink()
    with pytest.raises(RunError) as caught:
        write_report(run)
    assert str(caught.value) == (
        "The run file 'predictions.parquet' is missing.\n"
        f"  where:    {run}/predictions.parquet\n"
        "  expected: the file as `kerastl train` writes it\n"
        "  fix:      Restore the file, or train the run again."
    )


def test_a_report_that_fails_is_a_warning_and_leaves_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "predictions.parquet").write_bytes(b"torn")
    listener = Listener()
    assert write_report_or_warn(run, progress=listener) is None
    (warning,) = listener.warnings
    assert warning.startswith("The run is complete, but its report could not be written (RunError:")
    assert warning.endswith(f"Run `kerastl report {run}` to try again.")


def test_a_run_is_shown_in_one_line_and_as_a_small_table(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path / "run"))
    tasks = run.tasks
    assert repr(run).startswith(f"<Run {str(run.path)!r}: {run.bundle.backbone.id}, tasks ")
    assert len(repr(run)) < 300
    page = Page(run._repr_html_())
    assert [tag for tag, _ in page.elements].count("tr") == len(tasks) + 2
    assert "scores on test" in page.text
    assert all(task in page.text for task in tasks)


def test_misses_and_false_accepts_in_recordings_can_be_played(tmp_path: Path) -> None:
    recording = tmp_path / "kitchen.wav"
    soundfile.write(recording, np.random.default_rng(0).uniform(-0.1, 0.1, 16000 * 4), 16000)
    interval = {"missed_share_interval": None, "false_accepts_per_hour_interval": [1.0, 9.0]}
    rates = {"events": 3, "missed": 1, "missed_share": 0.33, "false_accepts": 1, **interval}
    rates |= {"false_accepts_per_hour": 2.0, "latency_seconds": {"median": 0.1, "p90": 0.2}}
    rates["intervals"] = {"missed_share": None, "false_accepts_per_hour": "Poisson"}
    mistakes = [
        {"kind": kind, "recording": str(recording), "start_seconds": 1.0, "end_seconds": 1.5}
        | {"score": 0.0123}
        for kind in ("false accept", "missed")
    ]
    curve = {"thresholds": [0.5], "false_accepts_per_hour": [2.0], "missed_share": [0.3]}
    word = {**rates, "threshold": 0.5, "curve": curve, "mistakes": mistakes}
    listening = {"hop_seconds": 0.1, "smooth_windows": 3, "refractory_seconds": 1}
    scores = {
        "all": rates, "words": {"seven": word}, "recordings": 1, "hours": 0.5,
        "real_time_factor": 0.1, "engine": "keras", "tuned_on": {"seven": "nothing"},
        "listening": {**listening, "window_seconds": 1.0}, "rule": "", "notes": [],
    }  # fmt: skip
    page = tmp_path / "page.html"
    write_recordings_report(
        from_values(RecordingScores, scores), page, run=tmp_path, recordings="table.csv"
    )
    found = Page(page.read_text(encoding="utf-8"))
    players = [attributes for tag, attributes in found.elements if tag == "audio"]
    assert [a["aria-label"] for a in players] == [
        f"false accept in {recording}",
        f"missed in {recording}",
    ]
    assert all(str(a["src"]).startswith("data:audio/flac") for a in players)
    assert "0.012 at 1.00 s" in found.text


def test_the_conclusion_and_the_scores_below_it_are_rounded_alike(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tasks=("car",))
    metrics = json.loads((run / "metrics.json").read_text())
    auc = {"auc": 0.99972, "auc_interval": [0.99512, 0.99984]}
    for scores in (metrics["test"]["tasks"]["car"], metrics["test"]["macro"]):
        scores |= auc
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = report(run).text
    assert "car is usable (AUC 0.9997 on test, 95 % 0.9951 to 0.9998)." in text
    assert text.count("0.9997") >= 4
    assert "1.000" not in text.partition("Tasks")[0]
