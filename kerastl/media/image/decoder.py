"""The decoder of images, by the rule of `kerastl.media.image.decoding`."""

import hashlib
from pathlib import Path

import numpy as np

from kerastl.media.decoder import DecodedExample, Decoder
from kerastl.media.image import decoding
from kerastl.media.image.contract import ImageContract
from kerastl.media.segments import WHOLE, Bounds


class ImageDecoder(Decoder):
    """Decodes images to uint8 in [0, 255].

    Args:
        contract: Shape and geometry.
    """

    def __init__(self, contract: ImageContract):
        rule = {
            "modality": "image",
            "shape": list(contract.shape),
            "resize": contract.resize,
            "version": decoding.RULE_VERSION,
        }
        super().__init__(np.uint8, rule)
        self._contract = contract

    def load(self, path: Path, segment: Bounds = WHOLE) -> DecodedExample:
        """Reads one image; images have no segments."""
        data = decoding.read_image_file(path)
        height, width = self._contract.shape[:2]
        image = decoding.decode_image(
            data, height=height, width=width, resize=self._contract.resize, where=str(path)
        )
        return DecodedExample(values=image[np.newaxis], digest=hashlib.sha256(data).digest())

    def noise(self, count: int) -> np.ndarray:
        """Returns images of random pixels."""
        shape = (count, *self._contract.shape)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
