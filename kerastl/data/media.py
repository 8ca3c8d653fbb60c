"""Which files are pictures and which are sounds, by their names."""

from collections.abc import Mapping

from kerastl.data.images import EXTENSIONS as PICTURES
from kerastl.data.sound_files import EXTENSIONS as SOUNDS

MEDIA_EXTENSIONS: Mapping[str, tuple[str, ...]] = {"image": PICTURES, "audio": SOUNDS}
