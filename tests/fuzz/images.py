"""Damaged images of every kind: decoded to uint8 of the wanted size, twice alike, or refused."""

import random
from pathlib import Path

import numpy as np
from mutations import damaged
from odd_files import odd_images
from PIL import Image
from runner import Kind, Use, WrongNumberError

from kerastl.media.image.inspection import inspect_image
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.image.decoding import decode_image
from kerastl_runtime.media_file import as_file

_SIDES = (1, 2, 7, 32, 65, 300)


def _prepare(seeds: Path) -> Use:
    paths = [path for path in odd_images(seeds, rounds=2) if path.is_file() and path.stat().st_size]
    paths = [path for path in paths if path.stat().st_size < 60_000]
    Image.new("I;16", (9, 7), 700).save(seeds / "deep.tif")
    contents = {path.name: path.read_bytes() for path in [*paths, seeds / "deep.tif"]}

    def use(draw: random.Random, place: Path) -> bool:
        name = draw.choice(sorted(contents))
        data = contents[name]
        for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
            data = damaged(data, draw) or data
        (place / name).write_bytes(data)
        height, width = draw.choice(_SIDES), draw.choice(_SIDES)
        how = {"height": height, "width": width, "resize": draw.choice(("stretch", "pad", "crop"))}
        intensity = draw.choice((None, None, (0.0, 255.0)))
        cut = (
            WHOLE
            if draw.random() < 0.8
            else Cut(*(draw.choice((0, 1, 3, 1e9, 0.5)) for _ in Cut._fields))
            if hasattr(Cut, "_fields")
            else WHOLE
        )
        try:
            inspect_image(as_file(place / name))
        except Exception as error:
            _refuse_others(error)
        found = [decode_image(data, cut=cut, intensity=intensity, **how) for _ in range(2)]
        if found[0].shape != (height, width, 3) or found[0].dtype != np.uint8:
            raise WrongNumberError(f"{found[0].shape} {found[0].dtype}")
        if not np.array_equal(*found):
            raise WrongNumberError("two readings differ")
        return True

    return use


def _refuse_others(error: Exception) -> None:
    from kerastl.errors import KerastlError

    if not isinstance(error, KerastlError):
        raise error


KINDS = (Kind(name="images", prepare=_prepare, share=2),)
