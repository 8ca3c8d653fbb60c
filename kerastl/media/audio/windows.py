"""Windows of a sound: which part of it a backbone hears.

Convention: the rule is told in `kerastl.media.audio.decoding`, and is part of its version.
"""

import math
from typing import Literal

import numpy as np

from kerastl.errors import ConfigError

MAX_WINDOWS = 64
Window = Literal["start", "center", "loudest", "pool"]
WINDOWS: tuple[Window, ...] = ("start", "center", "loudest", "pool")

_GRID = 100  # parts of a window on which the loudest one is searched


def cut_windows(samples: np.ndarray, *, num_samples: int, rule: str) -> np.ndarray:
    """Cuts the windows of a sound that is in memory.

    Args:
        samples: Shape `(samples,)`, not empty.
        num_samples: Length of a window.
        rule: `"start"`, `"center"`, `"loudest"` or `"pool"`.

    Returns:
        Shape `(windows, num_samples)`; one window, but for `"pool"`.

    Raises:
        ConfigError: There is no such rule.
    """
    refuse_unknown_window(rule)
    if rule == "loudest":
        energies = energies_of(samples, grid_step(num_samples))
        starts = [loudest_start(energies, len(samples), num_samples)]
    else:
        starts = window_starts(rule, len(samples), num_samples)
    return np.stack(
        [filled(samples[start : start + num_samples], num_samples, rule) for start in starts]
    )


def num_windows(num_all: int, num_samples: int) -> int:
    """Returns how many windows `"pool"` takes of a sound.

    Args:
        num_all: Samples of the sound.
        num_samples: Samples of a window.
    """
    return min(MAX_WINDOWS, max(1, math.ceil(num_all / num_samples)))


def grid_step(num_samples: int) -> int:
    """Returns the distance between the places where the loudest window may begin."""
    return max(1, num_samples // _GRID)


def energies_of(samples: np.ndarray, hop: int) -> np.ndarray:
    """Returns the sum of squares of each whole hop."""
    whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
    return np.square(whole, dtype=np.float64).sum(axis=1)


def loudest_start(energies: np.ndarray, length: int, num_samples: int) -> int:
    """Returns the sample at which the window with the most energy begins.

    Args:
        energies: What `energies_of` returned for the steps of the grid.
        length: Samples of the sound.
        num_samples: Samples of a window.
    """
    if length <= num_samples:
        return 0
    hop = grid_step(num_samples)
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    width = num_samples // hop
    candidates = sums[width:] - sums[:-width]
    fitting = candidates[: (length - num_samples) // hop + 1]
    # Sums of one silence differ in their last bits: what is equal but for these is equal.
    return int(np.argmax(fitting >= fitting.max() * (1 - 1e-9))) * hop


def window_starts(rule: str, length: int, num_samples: int) -> list[int]:
    """Returns where the windows of every rule but `"loudest"` begin."""
    if rule == "start" or length <= num_samples:
        return [0]
    if rule == "center":
        return [(length - num_samples) // 2]
    count = num_windows(length, num_samples)
    return [int(start) for start in np.linspace(0, length - num_samples, count).round()]


def filled(part: np.ndarray, num_samples: int, rule: str) -> np.ndarray:
    """Returns a part with the silence that a window is filled up with."""
    missing = num_samples - len(part)
    if not missing:
        return part
    before = 0 if rule == "start" else missing // 2
    return np.pad(part, (before, missing - before))


def refuse_unknown_window(window: str) -> None:
    """Raises a `ConfigError` where there is no such rule."""
    if window not in WINDOWS:
        raise ConfigError(
            "There is no such window.", expected=", ".join(WINDOWS), received=repr(window)
        )
