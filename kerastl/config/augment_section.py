"""The schema of `augment`: random changes of training examples.

Convention: the keys and their defaults are those of the media types.
"""

from typing import TYPE_CHECKING, Any

from pydantic import create_model

from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import Section


class _Augment(Section):
    """Random changes of training examples; a key that is 0, false or null has no effect."""

    @property
    def active(self) -> tuple[str, ...]:
        """The keys that have an effect."""
        return tuple(key for key, value in self if value)


def _with_media_settings(base: type[_Augment]) -> Any:
    fields = merged_fields(media.augment_settings for media in MEDIA_TYPES.values())
    return create_model("AugmentConfig", __base__=base, __doc__=base.__doc__, **fields)


if TYPE_CHECKING:
    AugmentConfig = _Augment
else:
    AugmentConfig = _with_media_settings(_Augment)
