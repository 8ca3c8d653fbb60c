"""Which files are pictures and which are sounds, by their names."""

from collections.abc import Mapping

from kerastl.media.audio.files import EXTENSIONS as SOUNDS
from kerastl.media.image.decoding import EXTENSIONS as PICTURES

MEDIA_EXTENSIONS: Mapping[str, tuple[str, ...]] = {"image": PICTURES, "audio": SOUNDS}
