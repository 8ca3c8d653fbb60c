"""What a report shows of one example: an image, a player, or the reason why there is neither."""

import base64
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a report shows of one example."""

    element: Literal["image", "audio", "none"]  # of the page; "none" is a text
    uri: str | None = None  # a data URI
    reason: str | None = None  # the text instead of an element
    picture: str | None = None  # the data URI of an image that is shown with audio


def no_preview(reason: str) -> Preview:
    """Returns a preview that is a text, such as the reason why a file cannot be shown."""
    return Preview(element="none", reason=reason)


def data_uri(content_type: str, data: bytes) -> str:
    """Returns bytes as a data URI."""
    return f"data:{content_type};base64,{base64.b64encode(data).decode('ascii')}"
