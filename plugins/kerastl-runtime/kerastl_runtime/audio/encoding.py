"""Audio in memory as the bytes of a file that holds it exactly."""

import io
from typing import Any

import numpy as np
import soundfile


def encode_audio(value: Any, rate_hz: int) -> bytes | None:
    """Returns samples as a WAV file; None for anything but floats of shape `(samples,)`."""
    array = np.asarray(value)
    if array.dtype.kind != "f" or array.ndim != 1 or not array.size:
        return None
    encoded = io.BytesIO()
    soundfile.write(encoded, array.astype(np.float32), rate_hz, format="WAV", subtype="FLOAT")
    return encoded.getvalue()
