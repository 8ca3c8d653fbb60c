"""The schema of `augment`: random changes of training examples."""

import yaml

from kerastl.media.base import MediaType
from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import Section, with_fields


@with_fields(merged_fields(media.augment_settings for media in MEDIA_TYPES.values()))
class AugmentConfig(Section):
    """Random changes of training examples; a key that is 0, false or null has no effect."""

    @property
    def active(self) -> tuple[str, ...]:
        """The keys that have an effect."""
        return tuple(key for key, value in self if value)


def usual_augment(media: MediaType) -> AugmentConfig | None:
    """Returns the changes by default of inputs of a media type if the backbone is trained."""
    return AugmentConfig(**media.usual_augment) if media.usual_augment else None


def usual_augment_text(media: MediaType) -> str:
    """Returns the same as YAML in one line."""
    values = dict(media.usual_augment)
    return yaml.safe_dump(
        values, default_flow_style=True, sort_keys=False, width=float("inf")
    ).strip()
