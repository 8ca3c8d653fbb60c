"""Tests of programs that pip doesn't install: skipped on a developer's machine, required in CI."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_program_skips_a_test_unless_it_is_required(
    without: Callable[[str, str], NoReturn], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = (pytest.skip.Exception, pytest.fail.Exception)
    found = {}
    for required in ("espeak", "browser,espeak"):
        monkeypatch.setenv("KERASTL_TEST_REQUIRE", required)
        with pytest.raises(outcomes) as caught:
            without("browser", "selenium isn't installed")
        found[required] = caught.type, str(caught.value)
    assert found == {
        "espeak": (pytest.skip.Exception, "selenium isn't installed"),
        "browser,espeak": (
            pytest.fail.Exception,
            "KERASTL_TEST_REQUIRE asks for browser, but selenium isn't installed.",
        ),
    }


def run_ci(folder: Path, *programs: str, **variables: str) -> list[str]:
    """Runs `.ci/run` where these are the only programs, all of which do nothing but log."""
    (folder / "bin").mkdir()
    (folder / "bin" / "dirname").symlink_to(shutil.which("dirname") or "dirname")
    log = folder / "log"
    for program in ("make", *programs):
        path = folder / "bin" / program
        path.write_text(
            f'#!/bin/bash\necho "{program} $*, $KERASTL_TEST_REQUIRE" >> "{log}"\n', "utf-8"
        )
        path.chmod(0o755)
    environment = {"PATH": str(folder / "bin"), **variables}
    subprocess.run(["/bin/bash", ROOT / ".ci" / "run"], env=environment, check=True)
    return log.read_text().splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_ci_installs_what_is_missing(tmp_path: Path) -> None:
    assert run_ci(tmp_path, "apt-get", "chromium", "espeak-ng") == [
        "apt-get update -qq, browser,espeak",
        "apt-get install -qq -y --no-install-recommends chromium chromium-driver espeak-ng, "
        "browser,espeak",
        "make lint, browser,espeak",
        "make test, browser,espeak",
        "make test-backends, browser,espeak",
    ]


def test_ci_installs_nothing_that_is_there(tmp_path: Path) -> None:
    ran = run_ci(tmp_path, "apt-get", "chromium", "chromedriver", "espeak-ng")
    assert [line.partition(" ")[0] for line in ran] == ["make"] * 3


def test_ci_requires_nothing_if_asked(tmp_path: Path) -> None:
    assert run_ci(tmp_path, "apt-get", KERASTL_TEST_REQUIRE="")[0] == "make lint, "
