"""The decoded windows of many sounds, one after another in a file without a name.

Convention: who wants one input per sound gets its loudest window; who draws gets one at random.
"""

import tempfile
from collections.abc import Iterable, Sequence

import numpy as np

from kerastl.scratch import no_room


class Windows:
    """The windows of every sound, by the sound's index.

    Args:
        values: All windows, `(windows, num_samples)`, those of a sound next to each other.
        counts: How many each sound has, `(sounds,)`.
    """

    def __init__(self, values: np.ndarray, counts: np.ndarray):
        self.values = values
        self.counts = counts
        self._firsts = np.cumsum(counts) - counts

    @classmethod
    def gather(cls, sounds: Iterable[np.ndarray], num_samples: int) -> "Windows":
        """Writes the windows of each sound as they come; memory holds one sound at a time.

        Raises:
            KerastlError: The folder for temporary files has no room.
        """
        counts = []
        with tempfile.TemporaryFile(prefix="kerastl-sounds-") as file:
            for windows in sounds:
                counts.append(len(windows))
                try:
                    file.write(np.ascontiguousarray(windows, np.float32).tobytes())
                    file.flush()
                except OSError as error:
                    raise no_room(windows.nbytes * 2, error, what="decoded audio") from error
            shape = (sum(counts), num_samples)
            values = np.memmap(file, np.float32, "r", shape=shape) if counts else np.zeros(shape)
        return cls(values, np.array(counts, int))

    def __len__(self) -> int:
        return len(self.counts)

    def of(self, row: int) -> np.ndarray:
        """Returns all windows of a sound, `(windows, num_samples)`."""
        first = self._firsts[row]
        return np.asarray(self.values[first : first + self.counts[row]])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the loudest window of each of these sounds, in their order."""
        return np.stack([self.of(row)[loudest(self.of(row))] for row in indices])

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns one window of each of these sounds, drawn by the seed and the sound's index."""
        chosen = [
            self._firsts[row] + np.random.default_rng([*seed, row]).integers(self.counts[row])
            for row in map(int, indices)
        ]
        return np.asarray(self.values[chosen])


def loudest(windows: np.ndarray) -> int:
    """Returns the index of the window with the most energy, the first of equals."""
    return int(np.square(windows, dtype=np.float64).sum(axis=1).argmax())
