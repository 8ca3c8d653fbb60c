"""The report in a real browser."""

import itertools
import json
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from finished_runs import NASTY, write_run
from scipy.special import logit

from kerastl.report import write_report
from kerastl.report.render import score

TASKS = ("car", NASTY)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a <b>run<b>"
    return write_run(folder, tasks=TASKS, names=NASTY, epochs=4)


@pytest.fixture(scope="module")
def report(run: Path) -> Path:
    return write_report(run)


@pytest.fixture
def page(browser: Any, report: Path) -> Any:
    """The browser with the report opened anew, its logs emptied before."""
    return open_page(browser, report)


def open_page(browser: Any, path: Path) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get("about:blank")
    browser.get(path.as_uri())
    return browser


def set_value(page: Any, control: str, value: str) -> None:
    """Moves a control as a user does: the value, then the event."""
    page.execute_script(
        "const c = document.querySelector(arguments[0]); c.value = arguments[1];"
        "c.dispatchEvent(new Event('input', {bubbles: true}));",
        control,
        value,
    )


def shown(page: Any, panel: str) -> dict[str, str]:
    return page.execute_script(
        "const found = {}; for (const cell of document.querySelectorAll("
        "'#' + arguments[0] + ' [data-out]')) found[cell.dataset.out] = cell.textContent;"
        "return found;",
        panel,
    )


def counted(run: Path, task: str, part: str, threshold: float) -> dict[str, str]:
    """Counts decisions from the predictions, without any code of the report."""
    frame = pd.read_parquet(run / "predictions.parquet")
    frame = frame[(frame["split"] == part) & frame[f"{task}_label"].notna()]
    yes, said = frame[f"{task}_label"] == 1, frame[task] >= threshold
    tp, fn = int((yes & said).sum()), int((yes & ~said).sum())
    fp, tn = int((~yes & said).sum()), int((~yes & ~said).sum())
    return {
        "tp": str(tp),
        "fn": str(fn),
        "fp": str(fp),
        "tn": str(tn),
        "sensitivity": rounded(tp, tp + fn),
        "specificity": rounded(tn, tn + fp),
        "precision": rounded(tp, tp + fp),
        "f1": rounded(2 * tp, 2 * tp + fn + fp),
        "accuracy": rounded(tp + tn, len(frame)),
        "threshold": score(threshold),
    }


def threshold_at(page: Any, step: int) -> float:
    """The threshold of a step of the slider of the first task."""
    data = json.loads(page.find_element("id", "sliders").get_attribute("textContent"))["task0-test"]
    logit = data["low"] + (data["high"] - data["low"]) * step / 1000
    return 1 / (1 + np.exp(-logit)) if step else 0.0


def rounded(part: float, whole: int) -> str:
    """A share with three digits, halves up as in school; a dash where there is none."""
    if not whole:
        return "–"
    return str(Decimal(part / whole).quantize(Decimal("0.001"), ROUND_HALF_UP))


def test_the_page_shows_its_sections_without_errors_or_requests(page: Any) -> None:
    assert page.find_element("id", "summary").is_displayed()
    assert page.find_element("css selector", ".task.on .panel.on svg.scores").is_displayed()
    assert page.find_elements("css selector", ".learning svg")
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []


@pytest.mark.parametrize("step", [0, 137, 500, 873, 1000])
def test_a_moved_slider_shows_the_counts_of_its_threshold(page: Any, run: Path, step: int) -> None:
    set_value(page, "#task0-test .slider", str(step))
    threshold = threshold_at(page, step)
    assert shown(page, "task0-test") == counted(run, "car", "test", threshold)


def test_before_it_moves_and_after_reset_the_threshold_is_the_runs_own(
    page: Any, run: Path
) -> None:
    own = json.loads((run / "bundle.json").read_text())["tasks"]["car"]["threshold"]
    expected = counted(run, "car", "test", own)
    assert shown(page, "task0-test") == expected
    set_value(page, "#task0-test .slider", "900")
    assert shown(page, "task0-test") != expected
    page.find_element("css selector", "#task0-test .reset").click()
    assert shown(page, "task0-test") == expected


def test_a_slider_obeys_the_keyboard(page: Any, run: Path) -> None:
    slider = page.find_element("css selector", "#task0-test .slider")
    slider.send_keys("\ue010")  # End
    assert shown(page, "task0-test")["tp"] == shown(page, "task0-test")["fp"] == "0"
    slider.send_keys("\ue012")  # arrow to the left
    threshold = threshold_at(page, 999)
    assert shown(page, "task0-test") == counted(run, "car", "test", threshold)
    assert slider.get_attribute("aria-valuetext") == score(threshold)


def test_a_typed_threshold_moves_all_splits_of_the_task(page: Any, run: Path) -> None:
    set_value(page, "#task0-test .typed", "0.25")
    step = int(page.find_element("css selector", "#task0-test .slider").get_attribute("value"))
    threshold = threshold_at(page, step)
    assert threshold == pytest.approx(0.25, rel=0.02)
    for part in ("test", "validation", "train"):
        assert shown(page, f"task0-{part}") == counted(run, "car", part, threshold)
    assert shown(page, "task1-test")["threshold"] != "0.250"


def test_the_mark_on_the_curves_follows_the_threshold(page: Any, run: Path) -> None:
    set_value(page, "#task0-test .slider", "600")
    counts = counted(run, "car", "test", threshold_at(page, 600))
    x, y = page.execute_script(
        "const mark = document.querySelector('#task0-test [data-chart=roc] .mark');"
        "return [Number(mark.getAttribute('cx')), Number(mark.getAttribute('cy'))];"
    )
    expected = (
        34 + 196 * (1 - float(counts["specificity"])),
        204 - 196 * float(counts["tp"]) / (float(counts["tp"]) + float(counts["fn"])),
    )
    np.testing.assert_allclose((x, y), expected, atol=0.2)


def test_another_task_and_another_split_can_be_chosen(page: Any) -> None:
    page.execute_script("document.querySelector('input[name=task][value=\"1\"]').click()")
    page.execute_script("document.querySelector('input[name=part][value=train]').click()")
    visible = [
        panel.get_attribute("id")
        for panel in page.find_elements("css selector", ".panel")
        if panel.is_displayed()
    ]
    assert visible == ["task1-train"]


def test_markup_in_names_is_shown_and_never_run(page: Any) -> None:
    assert page.execute_script("return window.hacked") is None
    assert page.find_elements("css selector", "img[src='x']") == []
    assert page.find_element("tag name", "h1").text == "a <b>run<b>"
    chips = page.find_elements("css selector", ".chips span")
    assert [chip.text for chip in chips] == list(TASKS)
    named = page.find_element("css selector", ".examples .name").get_attribute("textContent")
    assert named.startswith(NASTY.replace("/", "∕"))


def test_a_script_that_slipped_in_would_not_run(page: Any) -> None:
    page.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"hacked=1\">')"
    )
    page.execute_async_script("setTimeout(arguments[0], 100)")
    assert page.execute_script("return window.hacked") is None


def test_in_print_every_task_is_there_and_no_control(page: Any) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for task in page.find_elements("css selector", ".task"):
            assert task.is_displayed()
        for control in page.find_elements("css selector", "input, button, .toolbar"):
            assert not control.is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_long_names_and_all_scores_of_many_tasks_can_be_read(browser: Any, tmp_path: Path) -> None:
    names = tuple(f"a_task_with_a_long_name_and_number_{i}" for i in range(18))
    page = open_page(browser, write_report(write_run(tmp_path / "run", tasks=names)))
    size = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        cut = page.execute_script(
            "return [...document.querySelectorAll('.scroll, tbody th, .together li')].filter("
            "e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel ?? e.textContent)"
        )
        assert cut == []
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_text_has_enough_contrast_in_light_and_dark(page: Any) -> None:
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        colors = page.execute_script(
            "const probe = document.body.appendChild(document.createElement('i'));"
            "const read = name => { probe.style.color = `var(--${name})`;"
            "return getComputedStyle(probe).color.match(/\\d+/g).map(Number); };"
            "const found = {}; for (const n of ['paper','surface','ink','soft','yes','no','warn',"
            "'warn-paper']) found[n] = read(n); probe.remove(); return found;"
        )
        pairs = [("ink", "paper"), ("soft", "paper"), ("soft", "surface"), ("yes", "surface")]
        for ink, paper in [*pairs, ("no", "surface"), ("warn", "warn-paper"), ("warn", "surface")]:
            assert contrast(colors[ink], colors[paper]) >= 4.5, (scheme, ink, paper)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def contrast(first: list[int], second: list[int]) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(color: list[int]) -> float:
        c = np.array(color[:3]) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_sounds_can_be_played(browser: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "words", tasks=("wake",), modality="audio", rows=36, gaps=0)
    page = open_page(browser, write_report(run))
    seconds = page.execute_async_script(
        "const done = arguments[0], audio = document.querySelector('audio');"
        "if (audio.readyState > 0) done(audio.duration);"
        "else { audio.onloadedmetadata = () => done(audio.duration); audio.load(); }"
    )
    assert seconds == pytest.approx(0.2)
    assert page.get_log("browser") == []
    picture = page.find_element("css selector", ".examples.audio img")
    assert page.execute_script("return arguments[0].naturalHeight", picture) == 64


GALLERY = "#task0-test .gallery"


def probabilities(page: Any, cell: str) -> list[float]:
    """Those of the examples that a gallery shows."""
    items = page.find_elements("css selector", f"{GALLERY}[data-cell={cell}] li:not([hidden])")
    return [float(item.get_attribute("data-p")) for item in items]


@pytest.mark.parametrize("step", [0, 300, 700, 1000])
def test_galleries_follow_the_threshold(page: Any, run: Path, step: int) -> None:
    set_value(page, "#task0-test .slider", str(step))
    threshold = threshold_at(page, step)
    frame = pd.read_parquet(run / "predictions.parquet").query("split == 'test'")
    wrong = frame[(frame["car_label"] == 0) & (frame["car"] >= threshold)]["car"]
    shown = probabilities(page, "fp")
    assert shown == sorted(wrong, reverse=True)[: len(shown)]
    assert len(shown) == len(wrong) or len(shown) >= 4
    total = page.find_element("css selector", f"{GALLERY}[data-cell=fp] .total").text
    assert total == shown_count(page, "fp")


@pytest.mark.parametrize("threshold", [0.05, 0.6, 0.95])
def test_the_nearest_follow_the_threshold_among_the_examples_of_the_report(
    page: Any, threshold: float
) -> None:
    own = probabilities(page, "near")
    set_value(page, "#task0-test .typed", str(threshold))
    every = page.find_elements("css selector", f"{GALLERY} li:not(.copy)")
    listed = {float(item.get_attribute("data-p")) for item in every}
    step = int(page.find_element("css selector", "#task0-test .slider").get_attribute("value"))
    at = logit(threshold_at(page, step))
    nearest = sorted(listed, key=lambda p: abs(logit(p) - at))
    assert probabilities(page, "near") == nearest[: len(own)]
    assert probabilities(page, "near") != own
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids)
    page.find_element("css selector", "#task0-test .reset").click()
    assert probabilities(page, "near") == own


def test_curves_show_the_values_under_the_pointer_and_for_the_arrow_keys(
    page: Any, run: Path
) -> None:
    from selenium.webdriver import ActionChains

    chart = page.find_element("css selector", "#task0-test [data-chart=roc] svg")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(page).move_to_element(chart).perform()
    assert_readout_is_true(page, run)
    ActionChains(page).move_to_element(page.find_element("tag name", "h1")).perform()
    assert readout(page) == ""
    page.execute_script("arguments[0].focus({focusVisible: true})", chart)
    first = assert_readout_is_true(page, run)
    for key in ("\ue014", "\ue014", "\ue012", "\ue012"):
        chart.send_keys(key)
        assert_readout_is_true(page, run)
    assert readout(page).split(": ")[1] == first.split(": ")[1]


def readout(page: Any) -> str:
    return page.find_element("css selector", "#task0-test [data-chart=roc] .readout").text


def assert_readout_is_true(page: Any, run: Path) -> str:
    """The values of a curve are those that the predictions have at its threshold."""
    step = int(
        page.find_element("css selector", "#task0-test [data-chart=roc]").get_attribute("data-step")
    )
    counts = counted(run, "car", "test", threshold_at(page, step))
    rate = rounded(int(counts["fp"]), int(counts["fp"]) + int(counts["tn"]))
    assert readout(page) == (
        f"Threshold {counts['threshold']}: false positive rate {rate}, "
        f"sensitivity {counts['sensitivity']}"
    )
    return readout(page)


def shown_count(page: Any, cell: str) -> str:
    return shown(page, "task0-test")[cell]


def test_a_cell_of_the_confusion_matrix_shows_its_examples_only(page: Any) -> None:
    def visible() -> list[str | None]:
        galleries = page.find_elements("css selector", GALLERY)
        return [one.get_attribute("data-cell") for one in galleries if one.is_displayed()]

    assert visible() == ["fp", "fn", "near"]
    cell = page.find_element("css selector", "#task0-test .pick[data-cell=tp]")
    cell.click()
    assert visible() == ["tp"]
    assert min(probabilities(page, "tp")) >= 0.4
    cell.click()
    assert visible() == ["fp", "fn", "near"]


def test_galleries_are_those_of_the_chosen_split(page: Any, run: Path) -> None:
    def panels() -> set[str]:
        galleries = page.find_elements("css selector", ".task.on .gallery")
        above = "ancestor::*[contains(@class, 'panel')][1]"
        shown = [one for one in galleries if one.is_displayed()]
        return {one.find_element("xpath", above).get_attribute("id") for one in shown}

    page.execute_script("document.querySelector('input[name=part][value=train]').click()")
    until = time.monotonic() + 10
    while panels() != {"task0-train"} and time.monotonic() < until:
        time.sleep(0.05)
    assert panels() == {"task0-train"}


def test_pictures_enlarge_on_a_click_and_with_the_keyboard(page: Any) -> None:
    images = page.find_elements("css selector", f"{GALLERY}[data-cell=near] img")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", images[0])
    images[0].click()
    large = page.find_element("css selector", "#lightbox img")
    assert large.is_displayed()
    first = large.get_attribute("src")
    page.switch_to.active_element.send_keys("\ue014")  # arrow to the right
    assert large.get_attribute("src") != first
    large.click()
    assert not large.is_displayed()
    images[0].send_keys("\ue007")  # Enter
    assert large.is_displayed()


def test_the_scale_of_the_histogram_is_readable_on_a_phone(page: Any) -> None:
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        boxes = page.execute_script(
            "return [...document.querySelectorAll('#task0-test .scores text')]"
            ".map(t => t.getBoundingClientRect()).filter(b => b.width)"
            ".map(b => [b.left, b.right, b.height]).sort((a, b) => a[0] - b[0])"
        )
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert len(boxes) >= 3
    assert all(height >= 9 for _, _, height in boxes)
    assert all(right < left for (_, right, _), (left, _, _) in itertools.pairwise(boxes))
