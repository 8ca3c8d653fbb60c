"""Audio of every kind, damaged: finite samples of the wanted length, or refused."""

import random
from pathlib import Path

import numpy as np
from mutations import damaged
from odd_files import odd_audio
from runner import Kind, Use, WrongNumberError

from kerastl_runtime.audio.decoding import load_windows
from kerastl_runtime.media_file import as_file


def _prepare(seeds: Path) -> Use:
    paths = [path for path in odd_audio(seeds) if path.stat().st_size]
    contents = {path.name: path.read_bytes() for path in paths}

    def use(draw: random.Random, place: Path) -> bool:
        name = draw.choice(sorted(contents))
        data = contents[name]
        for _ in range(draw.choice((0, 1, 1, 1, 2))):
            data = (
                _near_the_header(data, draw) if draw.random() < 0.5 else damaged(data, draw) or data
            )
        path = place / name
        path.write_bytes(data)
        length = draw.choice((1, 160, 4000, 16_000))
        how = {"rate_hz": draw.choice((8_000, 16_000)), "num_samples": length}
        window = draw.choice(("center", "loudest", "pool", "start"))
        found = [load_windows(as_file(path), window=window, **how) for _ in range(2)]
        if found[0].shape[1:] != (length,) or not np.isfinite(found[0]).all():
            raise WrongNumberError(f"{found[0].shape}, finite: {np.isfinite(found[0]).all()}")
        if not np.array_equal(*found):
            raise WrongNumberError("two readings differ")
        return True

    return use


def _near_the_header(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    changed[draw.randrange(min(len(data), 60))] = draw.randrange(256)
    return bytes(changed)


KINDS = (Kind(name="audio", prepare=_prepare),)
