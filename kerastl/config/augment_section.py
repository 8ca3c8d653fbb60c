"""The schema of `augment`: random changes of training examples.

Convention: the keys and their defaults are those of the media types.
"""

from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import Section, with_fields


@with_fields(merged_fields(media.augment_settings for media in MEDIA_TYPES.values()))
class AugmentConfig(Section):
    """Random changes of training examples; a key that is 0, false or null has no effect."""

    @property
    def active(self) -> tuple[str, ...]:
        """The keys that have an effect."""
        return tuple(key for key, value in self if value)
