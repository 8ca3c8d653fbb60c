"""The code of the manual does what the manual says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from manual_blocks import Demos, blocks_of, expect, has_code, run_page
from manual_pages import ROOT, all_pages, is_generated, text_of

SLOW_MARK = "<!-- slow -->"
COMMENT = re.compile(r"<!--.*?-->", re.S)
ELSEWHERE = re.compile(r"<!-- run by (?P<test>\S+) -->")


def pages_with_code() -> Iterator[object]:
    for page in all_pages():
        is_run_here = not is_generated(page) and not ELSEWHERE.search(text_of(page))
        if is_run_here and has_code(text_of(page)):
            marks = [pytest.mark.slow] if SLOW_MARK in text_of(page) else []
            yield pytest.param(page, id=page.as_posix(), marks=marks)


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Demos:
    return Demos(tmp_path_factory.mktemp("demos"))


@pytest.mark.parametrize("page", list(pages_with_code()))
def test_the_code_of_a_page_runs(
    page: Path, demos: Demos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(text_of(page), where=str(page), demos=demos)


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_a_page_that_is_run_elsewhere_names_a_test_that_reads_it(page: Path) -> None:
    named = ELSEWHERE.search(text_of(page))
    assert named is None or page.name in (ROOT / named["test"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_no_code_of_a_page_is_hidden_from_readers(page: Path) -> None:
    hidden = [text for text in COMMENT.findall(text_of(page)) if "```" in text]
    assert hidden == []


def test_a_block_knows_its_language_title_line_and_neighbor() -> None:
    page = 'Text.\n\n```yaml title="a.yaml"\nx: 1\n```\n\n```text\nout\n```\nmore\n```text\n```\n'
    first, second, third = blocks_of(page)
    assert (first.language, first.title, first.text, first.line) == ("yaml", "a.yaml", "x: 1\n", 3)
    assert second.follows == first
    assert third.follows is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("car  0.91", "car 0.89\n"),
        ("a ... z", "a b c z"),
        ("AUC 1.000", "AUC 0.999"),
        ("12 rows", "12   rows"),
    ],
)
def test_output_that_is_nearly_as_shown_passes(shown: str, printed: str) -> None:
    expect(shown, printed, "page")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("car 0.91", "car 0.71"), ("12 rows", "13 rows"), ("a b", "a b c"), ("car 0.91", "car -")],
)
def test_output_that_is_not_as_shown_fails(shown: str, printed: str) -> None:
    with pytest.raises(AssertionError, match="page"):
        expect(shown, printed, "page")


def test_a_part_of_a_config_that_is_wrong_fails(demos: Demos) -> None:
    from kerastl.errors import ConfigError

    with pytest.raises(ConfigError, match="stags"):
        run_page("```yaml\ntrainable: {stags: 1}\n```\n", where="page", demos=demos)


def test_code_that_raises_fails(demos: Demos) -> None:
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", where="page", demos=demos)


def test_a_command_whose_output_differs_fails(demos: Demos) -> None:
    with pytest.raises(AssertionError, match="backbones"):
        run_page("```console\n$ echo backbones\nfamilies\n```\n", where="page", demos=demos)


def test_a_demo_is_made_once_and_each_page_has_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(command: str) -> tuple[str, None]:
        made.append(command)
        Path("demo").mkdir()
        Path("demo/table.csv").write_text("drawn", encoding="utf-8")
        return "Next: ...", None

    demos = Demos(tmp_path / "made", make)
    for page in ("first", "second", "third"):
        (tmp_path / page).mkdir()
        monkeypatch.chdir(tmp_path / page)
        run_page("```console\n$ kerastl demo x\nNext: ...\n```\n", where=page, demos=demos)
        assert Path("demo/table.csv").read_text(encoding="utf-8") == "drawn"
        Path("demo/table.csv").write_text(f"changed by {page}", encoding="utf-8")
    assert made == ["kerastl demo x"]
