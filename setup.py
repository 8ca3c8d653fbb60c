"""The text for package indexes: the README, whose links into the repository lead nowhere there.

Everything else about the package is in setup.cfg.
"""

import re
from pathlib import Path

from setuptools import setup

_COMMENT = re.compile(r"<!--.*?-->\n?", re.S)
_FIGURE = re.compile(r"^!\[.*?\n\n\*.*?\*\n\n", re.M | re.S)  # with its caption
_ANCHOR = re.compile(r"\[([^\]]*)\]\(#[^)]*\)")
_FILE = re.compile(r"\[([^\]]*)\]\((?!https?://)([^)]*)\)")


def index_text(readme: str) -> str:
    """Returns a README without figures and comments, with names of files instead of links."""
    changes = ((_COMMENT, ""), (_FIGURE, ""), (_ANCHOR, r"\1"), (_FILE, r"\1 (`\2`)"))
    for pattern, text in changes:
        readme = pattern.sub(text, readme)
    return readme


if __name__ == "__main__":
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    setup(long_description=index_text(readme))
