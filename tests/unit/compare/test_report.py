"""The report of a comparison: complete, escaped, without scripts."""

import re
from pathlib import Path
from typing import Any

import pytest

from kerastl.compare.page import render_report
from kerastl.compare.recommendation import recommend
from kerastl.compare.result import Comparison, ComparisonResult
from kerastl.records import from_values, to_values
from kerastl.report.charts import difference_row

DIFFERENCE = {
    "difference": 0.031,
    "interval": [0.01, 0.05],
    "by_seed": [0.031],
    "verdict": "helps",
}


SIDE: dict[str, Any] = {
    "name": "false",
    "mode": None,
    "tasks": ["<car>"],
    "macro": {
        "auc": {"mean": 0.7, "by_seed": [0.7]},
        "log_loss": {"mean": 0.5, "by_seed": [0.5]},
    },
    "cost": {
        "seconds": 12.0,
        "parameters": 1234567.0,
        "trainable_parameters": 12.0,
        "bytes": 2500000.0,
        "milliseconds_per_example": 1.5,
    },
}


def result(**changes) -> ComparisonResult:
    answer = {
        "question": "true instead of false",
        "mode": None,
        "tasks": {"<car>": {"auc": DIFFERENCE, "log_loss": DIFFERENCE}},
        "macro": {"auc": DIFFERENCE, "log_loss": DIFFERENCE},
    }
    values = {
        "axis": "trainable",
        "tasks": ["<car>"],
        "seeds": [0],
        "backbone": "tiny:image",
        "scored": {"part": "test", "rows": 30, "groups": 25, "unit": "groups", "replicates": 100},
        "findings": ["true instead of false: helps."],
        "answers": [answer],
        "conditions": [
            {"condition": "Same input.", "mode": None, "holds": True, "evidence": ["Both."]}
        ],
        "sides": [SIDE, {**SIDE, "name": "true"}],
        "costs": [],
        "notes": [],
        "config": "data: {}\n",
        "versions": {"kerastl": "0.1.0"},
        **changes,
    }
    return from_values(ComparisonResult, values)


def test_the_page_shows_findings_differences_conditions_and_costs() -> None:
    page = render_report(result(), name="street")
    for part in ("true instead of false: helps.", "+0.031", "+0.010 to +0.050", "Same input."):
        assert part in page
    for part in ("1,234,567", "2.5", "1.50", "Holds."):
        assert part in page


def test_names_of_tasks_are_escaped_and_scripts_are_forbidden() -> None:
    page = render_report(result(), name="<b>")
    assert "<car>" not in page
    assert "&lt;car&gt;" in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)


def test_an_undefined_difference_is_text_without_a_chart() -> None:
    nothing = {**DIFFERENCE, "difference": None, "interval": None, "verdict": "no verdict"}
    answer = {
        **to_values(result().answers[0]),
        "tasks": {"car": {"auc": nothing, "log_loss": nothing}},
    }
    page = render_report(result(answers=[answer]), name="street")
    assert "undefined" in page
    assert "no verdict" in page


def test_a_learning_curve_with_intervals_is_drawn_if_examples_are_the_axis() -> None:
    loss = {**SIDE["macro"]["log_loss"], "interval": [0.4, 0.6]}
    side = {**SIDE, "macro": {**SIDE["macro"], "log_loss": loss}}
    page = render_report(result(axis="examples", sides=[SIDE, side]), name="street")
    assert "Macro AUC over the number" in page
    assert page.count('class="whisker"') == 1
    assert "Macro AUC over the number" not in render_report(result(), name="street")


@pytest.mark.parametrize("value", [-0.5, 0.0, 0.5])
def test_values_beyond_the_scale_are_drawn_at_its_end(value: float) -> None:
    drawn = str(difference_row(value, (value - 1, value + 1), reach=0.1))
    positions = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    assert all(8 <= position <= 232 for position in positions)


def test_it_links_to_each_training_and_repeats_the_command() -> None:
    side = {**SIDE, "runs": ["arms/01-false/seed-0"]}
    page = render_report(result(sides=[side], command="kerastl compare a.yaml"), name="street")
    assert '<a href="arms/01-false/seed-0/report.html">0.700</a>' in page
    assert "kerastl compare a.yaml" in page


def contrast(question: str, auc: str, log_loss: str, size: float = 0.1) -> dict[str, Any]:
    one = {"difference": size, "interval": [0.01, 0.2], "by_seed": [size]}
    macro = {"auc": {**one, "verdict": auc}, "log_loss": {**one, "verdict": log_loss}}
    first, _, second = question.partition(" instead of ")
    return {
        "question": question,
        "kind": "answer",
        "mode": None,
        "first": [first.removesuffix(" examples")],
        "second": [second],
        "tasks": {},
        "macro": macro,
    }


@pytest.mark.parametrize(
    ("axis", "contrasts", "expected"),
    [
        ("trainable", [("b instead of a", "no verdict", "no verdict")], "Do not choose yet: "),
        (
            "trainable",
            [("b instead of a", "helps", "no difference seen")],
            "Choose b instead of a: macro AUC +0.100, 95 % +0.010 to +0.200; log loss +0.100",
        ),
        (
            "unknown",
            [("b instead of a", "no difference seen", "hurts")],
            "Stay with a: b instead of a hurts (macro AUC",
        ),
        (
            "trainable",
            [("b instead of a", "no difference seen", "no difference seen")],
            "Stay with a: nothing else is seen to be better.",
        ),
        (
            "trainable",
            [("b instead of a", "helps", "hurts")],
            "It depends: b instead of a helps by one score and hurts by the other",
        ),
        (
            "examples",
            [
                ("200 examples instead of 50", "helps", "helps"),
                ("all examples instead of 200", "no difference seen", "no difference seen"),
            ],
            "More than 200 examples are not seen to help.",
        ),
        (
            "examples",
            [("all examples instead of 200", "helps", "helps")],
            "Label more: all examples instead of 200 still helps",
        ),
    ],
)
def test_the_recommendation_follows_the_verdicts_on_both_scores(
    axis: str, contrasts: list[tuple[str, str, str]], expected: str
) -> None:
    results = result(answers=[contrast(*one) for one in contrasts]).answers
    assert recommend(results, axis=axis).startswith(expected)


def test_a_comparison_is_shown_in_one_line_and_as_small_tables() -> None:
    found = Comparison(path=Path("runs/c"), result=result())
    in_short = "trainable, 2 variants, 1 seed, tasks <car>>"
    assert repr(found) == f"<Comparison 'runs/c': {in_short}"
    assert repr(found.result) == f"<ComparisonResult: {in_short}"
    html = found._repr_html_()
    assert "<td>true instead of false</td><td>+0.031</td><td>+0.010 to +0.050</td>" in html
    assert "<td>false</td><td>0.700</td><td>0.500</td>" in html
