"""Windows of audio: which part of an audio clip a backbone gets.

Convention: the rule is documented in `kerastl.media.audio.decoding`, and is part of its version.
"""

import math
from typing import get_args

import numpy as np

from kerastl.errors import ConfigError
from kerastl.media.audio.settings import Window

MAX_WINDOWS = 64
WINDOWS: tuple[str, ...] = get_args(Window)

_GRID = 100  # parts of a window on which the loudest one is searched


def cut_windows(samples: np.ndarray, *, num_samples: int, rule: str) -> np.ndarray:
    """Cuts an audio clip in memory into `(windows, num_samples)`; one, except for `"pool"`."""
    refuse_unknown_window(rule)
    if rule == "loudest":
        energies = energies_of(samples, grid_step(num_samples))
        starts = [loudest_start(energies, len(samples), num_samples)]
    else:
        starts = window_starts(rule, len(samples), num_samples)
    return np.stack(
        [filled(samples[start : start + num_samples], num_samples, rule) for start in starts]
    )


def grid_step(num_samples: int) -> int:
    """Returns the distance between the positions at which the loudest window can begin."""
    return max(1, num_samples // _GRID)


def energies_of(samples: np.ndarray, hop: int) -> np.ndarray:
    """Returns the sum of squares of each whole hop."""
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    return np.square(whole, dtype=np.float64).sum(axis=1)


def loudest_start(energies: np.ndarray, length: int, num_samples: int) -> int:
    """Returns the first sample of the loudest window, by the energy of each step of the grid."""
    if length <= num_samples:
        return 0
    hop = grid_step(num_samples)
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    width = num_samples // hop
    candidates = sums[width:] - sums[:-width]
    fitting = candidates[: (length - num_samples) // hop + 1]
    # Sums of equal silence differ in their last bits: equal up to these is equal.
    return int(np.argmax(fitting >= fitting.max() * (1 - 1e-9))) * hop


def window_starts(rule: str, length: int, num_samples: int) -> list[int]:
    """Returns the starts of the windows of every rule except `"loudest"`."""
    if rule == "start" or length <= num_samples:
        return [0]
    if rule == "center":
        return [(length - num_samples) // 2]
    count = min(MAX_WINDOWS, math.ceil(length / num_samples))
    return [int(start) for start in np.linspace(0, length - num_samples, count).round()]


def filled(part: np.ndarray, num_samples: int, rule: str) -> np.ndarray:
    """Returns a part padded with silence to the length of a window."""
    missing = num_samples - len(part)
    if not missing:
        return part
    before = 0 if rule == "start" else missing // 2
    return np.pad(part, (before, missing - before))


def loudest(windows: np.ndarray) -> int:
    """Returns the index of the window with the most energy, the first of equals."""
    return int(np.square(windows, dtype=np.float64).sum(axis=1).argmax())


def refuse_unknown_window(window: str) -> None:
    """Raises a `ConfigError` if there is no such rule."""
    if window not in WINDOWS:
        raise ConfigError(
            "There is no such window.", expected=", ".join(WINDOWS), received=repr(window)
        )
