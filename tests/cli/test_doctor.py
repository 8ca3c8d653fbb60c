import dataclasses
import json
import re

import pytest
from click.testing import CliRunner

from kerastl import health
from kerastl.backbones import Plugin
from kerastl.cli.doctor import command
from kerastl.health import Check, Health

WELL = Health(
    versions={"python": "3.11.7", "pillow": None},
    backend="tensorflow",
    backends={"tensorflow": "2.21.0", "jax": None},
    devices=("cpu:0",),
    engines=("openvino float32", "keras float32"),
    plugins=(
        Plugin(family="tiny", distribution="kerastl-tiny", version="0.1", target="tiny:family"),
    ),
    checks=(Check(name="Training works with missing labels", ok=True, detail="loss 1.0"),),
)
ILL = dataclasses.replace(
    WELL,
    checks=(Check(name="Training works with missing labels", ok=False, detail="the loss was nan"),),
)


@pytest.fixture
def doctor(monkeypatch):
    def run(report, *arguments):
        monkeypatch.setattr(health, "examine", lambda: report)
        return CliRunner().invoke(command, arguments)

    return run


def test_a_healthy_installation_exits_with_0(doctor):
    result = doctor(WELL)
    assert result.exit_code == 0
    assert "No problems." in result.output
    for text in ("3.11.7", "pillow", "missing", "cpu:0", "kerastl-tiny 0.1", "loss 1.0"):
        assert text in result.output
    assert re.search(r"Engines for features, fastest first\n\nopenvino float32", result.output)


def test_problems_are_listed_at_the_end_and_exit_with_1(doctor):
    result = doctor(ILL)
    assert result.exit_code == 1
    assert result.output.endswith(
        "Problems:\n  - Failed: Training works with missing labels. the loss was nan\n"
    )


@pytest.mark.parametrize(("report", "code"), [(WELL, 0), (ILL, 1)], ids=["well", "ill"])
def test_json_contains_everything(doctor, report, code):
    result = doctor(report, "--json")
    assert result.exit_code == code
    facts = json.loads(result.output)
    assert facts["ok"] is (code == 0)
    assert facts["checks"] == [dataclasses.asdict(check) for check in report.checks]
    assert set(facts) == {
        "ok", "versions", "backend", "backends", "devices", "engines", "plugins", "checks",
        "problems",
    }  # fmt: skip


def test_markup_in_a_problem_is_shown_as_it_is(doctor):
    check = Check(name="Saving works", ok=False, detail="got [bold]x[/bold]")
    assert "got [bold]x[/bold]" in doctor(dataclasses.replace(WELL, checks=(check,))).output
