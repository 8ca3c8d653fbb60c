"""The decoded inputs of examples that can have several each, stored one after another in a file.

Convention: `take` returns the representative input of an example, `draw` a random one.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from kerastl.scratch import explaining_no_room


class Windows:
    """The inputs of every example, by the example's index.

    All inputs `(inputs, *shape)` have those of an example next to each other; `counts` are their
    numbers, and `representative` returns an index in those of an example.
    """

    def __init__(
        self, values: np.ndarray, counts: np.ndarray, representative: Callable[[np.ndarray], int]
    ):
        self.values = values
        self.counts = counts
        self._representative = representative
        self._firsts = np.cumsum(counts) - counts

    @classmethod
    def gather(
        cls,
        examples: Iterable[np.ndarray],
        shape: tuple[int, ...],
        dtype: np.dtype,
        representative: Callable[[np.ndarray], int],
    ) -> "Windows":
        """Writes the inputs of each example, of this shape and type, one example in memory."""
        counts = []
        with tempfile.TemporaryFile(prefix="kerastl-windows-") as file:
            for windows in examples:
                counts.append(len(windows))
                with explaining_no_room(windows.nbytes * 2, "decoded windows"):
                    file.write(np.ascontiguousarray(windows, dtype).tobytes())
                    file.flush()
            whole = (sum(counts), *shape)
            values = np.memmap(file, dtype, "r", shape=whole) if counts else np.zeros(whole, dtype)
        return cls(values, np.array(counts, int), representative)

    def __len__(self) -> int:
        return len(self.counts)

    def of(self, row: int) -> np.ndarray:
        """Returns all inputs of an example, `(inputs, *shape)`."""
        first = self._firsts[row]
        return np.asarray(self.values[first : first + self.counts[row]])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the representative input of each of these examples, in their order."""
        examples = map(self.of, indices)
        return np.stack([inputs[self._representative(inputs)] for inputs in examples])

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns one input of each of these examples, drawn by the seed and its index."""
        chosen = [
            self._firsts[row] + np.random.default_rng([*seed, row]).integers(self.counts[row])
            for row in map(int, indices)
        ]
        return np.asarray(self.values[chosen])
