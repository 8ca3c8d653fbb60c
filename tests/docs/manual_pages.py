"""The pages of the manual."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTICE = "<!-- Written by"


def all_pages() -> list[Path]:
    """Returns every page of the manual, relative to the project, sorted."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def text_of(page: Path) -> str:
    """Returns the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def is_generated(page: Path) -> bool:
    """Whether the page is written by docs/generate.py."""
    return text_of(page).startswith(NOTICE)
