"""Previews of examples, within a budget.

Convention: an example that cannot be shown has a sentence in its place; a report never fails
because of a file.
"""

from dataclasses import dataclass, field
from pathlib import Path

from kerastl.media.base import MediaType
from kerastl.media.preview import Preview, no_preview
from kerastl.media.segments import WHOLE, Bounds

BUDGET = 2_000_000  # characters of data URIs in a report


@dataclass
class PreviewStore:
    """Makes previews until the budget is spent; a file is read once.

    Args:
        media: The media type of the examples.
        left: Number of characters left.
    """

    media: MediaType
    left: int = BUDGET
    _made: dict[tuple[Path, Bounds], Preview] = field(default_factory=dict)

    def show(self, path: Path, segment: Bounds = WHOLE) -> Preview:
        """Returns the preview of a file, or of a segment of it."""
        key = path, segment
        if key not in self._made:
            self._made[key] = self.media.preview(path, segment)
        size = len(self._made[key].uri or "")
        if size > self.left:
            return no_preview("left out to keep the report small")
        self.left -= size
        return self._made[key]
