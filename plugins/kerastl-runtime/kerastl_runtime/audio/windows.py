"""Windows of audio: which part of an audio clip a backbone gets.

Convention: the rule is documented in `decoding`, and is part of its version.
"""

import math
from collections.abc import Callable
from typing import get_args

import numpy as np

from kerastl_runtime.errors import ConfigError
from kerastl_runtime.input_contract import Window

MAX_WINDOWS = 64
SCANNED = 2**20  # samples in memory during the search for the loudest window
WINDOWS: tuple[str, ...] = get_args(Window)

Read = Callable[[int, int], np.ndarray]  # from the first sample and that after the last

_GRID = 100  # parts of a window on which the loudest one is searched


def read_windows(read: Read, length: int, *, num_samples: int, rule: str) -> np.ndarray:
    """Returns the `(windows, num_samples)` of an audio clip: one, except for `"pool"`."""
    if rule not in WINDOWS:
        raise ConfigError(
            "There is no such window.", expected=", ".join(WINDOWS), received=repr(rule)
        )
    if rule in ("loudest", "pool") and num_samples < length <= SCANNED:
        samples = read(0, length)
        read = lambda begin, end: samples[begin:end]  # noqa: E731  # read once instead of twice
    if rule == "start" or length <= num_samples:
        starts = [0]
    elif rule == "center":
        starts = [(length - num_samples) // 2]
    elif rule == "loudest":
        starts = [_loudest_start(read, length, num_samples)]
    else:
        count = min(MAX_WINDOWS, math.ceil(length / num_samples))
        starts = [int(start) for start in np.linspace(0, length - num_samples, count).round()]
    parts = [read(start, min(start + num_samples, length)) for start in starts]
    return np.stack([_filled(part, num_samples, rule) for part in parts])


def _loudest_start(read: Read, length: int, num_samples: int) -> int:
    """Returns the first sample of the loudest window that begins on the grid."""
    hop = max(1, num_samples // _GRID)
    size = max(1, SCANNED // hop) * hop
    starts = range(0, length, size)
    energies = [_energies(read(start, min(start + size, length)), hop) for start in starts]
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate(energies))])
    width = num_samples // hop
    candidates = sums[width:] - sums[:-width]
    fitting = candidates[: (length - num_samples) // hop + 1]
    # Sums of equal silence differ in their last bits: equal up to these is equal.
    return int(np.argmax(fitting >= fitting.max() * (1 - 1e-9))) * hop


def _energies(samples: np.ndarray, hop: int) -> np.ndarray:
    """Returns the sum of squares of each whole hop."""
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    return np.square(whole, dtype=np.float64).sum(axis=1)


def _filled(part: np.ndarray, num_samples: int, rule: str) -> np.ndarray:
    """Returns a part padded with silence to the length of a window."""
    missing = num_samples - len(part)
    if not missing:
        return part
    before = 0 if rule == "start" else missing // 2
    return np.pad(part, (before, missing - before))


def loudest(windows: np.ndarray) -> int:
    """Returns the index of the window with the most energy, the first of equals."""
    return int(np.square(windows, dtype=np.float64).sum(axis=1).argmax())
