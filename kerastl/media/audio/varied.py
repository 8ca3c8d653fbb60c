"""Audio clips that differ widely, for checks of backbones."""

import numpy as np

_FREE_SAMPLES = 16000


def varied_audio(num_samples: int | None) -> np.ndarray:
    """Returns a faint, a loud and a rising audio clip, and a tone, float32 in [-1, 1].

    Args:
        num_samples: Length of an audio clip; None if the network leaves it open.
    """
    random = np.random.default_rng(0)
    length = num_samples or _FREE_SAMPLES
    time = np.linspace(0, 1, length)
    clips = [
        0.003 * random.uniform(-1, 1, length),
        random.uniform(-1, 1, length),
        0.3 * np.sin(2 * np.pi * 800 * time**2) * time,
        0.5 * np.sin(2 * np.pi * 300 * time),
    ]
    return np.stack(clips).astype("float32")
