"""The decoder of audio, by the rule of `kerastl.media.audio.decoding`."""

from pathlib import Path

import numpy as np

from kerastl.files import FileStatus, file_sha256
from kerastl.media.audio import decoding
from kerastl.media.audio.contract import AudioContract
from kerastl.media.audio.windows import loudest
from kerastl.media.decoder import DecodedExample, Decoder
from kerastl.media.segments import WHOLE, Bounds


class AudioDecoder(Decoder):
    """Decodes audio to mono float32 in [-1, 1].

    Args:
        contract: Number of samples, sample rate and window.
    """

    def __init__(self, contract: AudioContract):
        rule = {
            "modality": "audio",
            "num_samples": contract.shape[0],
            "sample_rate_hz": contract.sample_rate_hz,
            "window": contract.window,
            "version": decoding.RULE_VERSION,
        }
        super().__init__(np.float32, rule)
        self._contract = contract
        self._digests: dict[Path, tuple[FileStatus, bytes]] = {}

    def load(self, path: Path, segment: Bounds = WHOLE) -> DecodedExample:
        """Reads the windows of one audio file or of a segment of it."""
        before = FileStatus.of(path)
        values = decoding.load_windows(
            path,
            rate_hz=self._contract.sample_rate_hz,
            num_samples=self._contract.shape[0],
            window=self._contract.window,
            start_seconds=segment[0],
            end_seconds=segment[1],
        )
        return DecodedExample(values=values, digest=self._digest(path, before))

    def noise(self, count: int) -> np.ndarray:
        """Returns white noise at a tenth of full scale."""
        noise = np.random.default_rng(0).standard_normal((count, *self._contract.shape))
        return (0.1 * noise).astype(np.float32)

    def representative(self, inputs: np.ndarray) -> int:
        """Returns the index of the loudest window."""
        return loudest(inputs)

    def _digest(self, path: Path, before: FileStatus | None) -> bytes | None:
        """Returns the hash of a file if its status is still that from before decoding."""
        known = self._digests.get(path)
        if known is None or known[0] != before:
            digest = file_sha256(path)
            if before is None or FileStatus.of(path) != before:
                return None
            known = self._digests[path] = (before, digest)
        return known[1]
