"""Writes docs/reference/ and the plugin table of the README: `python docs/generate.py`.

Convention: nothing here imports Keras; the code is parsed, not run.
"""

import argparse
import sys
from pathlib import Path

from generator import api, backbones, cli, config, errors

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path("docs/reference")
NOTICE = "<!-- Written by `python docs/generate.py`; edit the code instead. -->\n\n"
PAGES = {
    "api.md": api.page,
    "backbones.md": backbones.page,
    "cli.md": cli.page,
    "config.md": config.page,
    "errors.md": errors.page,
}
TABLE_MARKS = ("<!-- plugins: begin -->\n", "<!-- plugins: end -->\n")


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Returns path relative to the repository and text of every file that is generated."""
    files = {REFERENCE / name: NOTICE + page() for name, page in PAGES.items()}
    readme = Path("README.md")
    files[readme] = with_table((root / readme).read_text(encoding="utf-8"), backbones.table())
    return files


def with_table(readme: str, table: str) -> str:
    """Returns the README with the table between its markers."""
    begin, end = (readme.index(mark) for mark in TABLE_MARKS)
    return readme[: begin + len(TABLE_MARKS[0])] + table + readme[end:]


def stale(root: Path = ROOT) -> list[Path]:
    """Returns the generated files that are out of date, sorted."""
    return sorted(
        path
        for path, text in generated(root).items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    )


def write(root: Path = ROOT) -> list[Path]:
    """Writes all files that are out of date and returns their paths."""
    changed, texts = stale(root), generated(root)
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts[path], encoding="utf-8")
    return changed


def main() -> None:
    """Writes the files, or with --check lists those out of date and exits with code 1."""
    parser = argparse.ArgumentParser(description="Write docs/reference/ from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    if parser.parse_args().check:
        paths = stale()
        for path in paths:
            print(f"stale: {path}; run `python docs/generate.py`")
        sys.exit(1 if paths else 0)
    for path in write():
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
