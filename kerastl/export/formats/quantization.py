"""Quantization to int8 by NNCF, of convolutions alone.

Convention: convolutions have most weights and take most time, and their inputs are of one order of
magnitude. Spectrograms, square roots and heads are not, so all else stays in floating point.
"""

import logging
from collections.abc import Iterable
from typing import Any

from kerastl.export.formats.model_format import Source


def quantized(model: Any, source: Source, floating: Iterable[str]) -> Any:
    """Returns a model with int8 weights and activations.

    Args:
        model: A model of OpenVINO or ONNX.
        source: The samples on which ranges of activations are measured.
        floating: Types of the operations that stay in floating point.
    """
    import nncf

    nncf.set_log_level(logging.ERROR)
    samples = list(source.batches())
    return nncf.quantize(
        model,
        nncf.Dataset(samples),
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(types=sorted(floating), validate=False),
    )
