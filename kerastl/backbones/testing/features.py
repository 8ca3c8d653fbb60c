"""Checks of the features of raw input."""

from typing import Any

import keras
import numpy as np

from kerastl.backbones.testing.subject import SAME_ROW, DoesNotApply, Subject, assert_equal_features
from kerastl.backbones.wiring import input_of

_SAME_PROGRAM = 1e-5
_ROUNDINGS = 4

_KERNEL_LAYERS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)


def takes_raw_input(subject: Subject) -> None:
    """Raw input gives finite features that distinguish the examples, including extreme ones."""
    _assert_input_shape(subject)
    raw = subject.examples()
    low, high = subject.media.raw_range
    extremes = np.stack([np.full_like(raw[0], low), np.full_like(raw[0], high)])
    features = subject.features(np.concatenate([raw, extremes]))
    assert np.isfinite(features).all(), (
        f"features of raw input in [{low:g}, {high:g}] are not finite"
    )
    of_examples = features[: len(raw)]
    spread = np.ptp(of_examples, axis=0).max()
    assert spread > _SAME_PROGRAM * np.abs(of_examples).max(), (
        f"very different examples give the same features, up to {spread:.3g}"
    )


def _assert_input_shape(subject: Subject) -> None:
    expected = subject.input.shape if subject.input else None
    received = subject.input_shape
    fits = expected is None or all(
        side in (None, wanted) for side, wanted in zip(received, expected, strict=False)
    )
    assert fits, f"the input has shape {received}, expected {expected}"
    assert subject.media.accepts_shape(received), (
        f"the input has shape {received}, which is not that of {subject.media.collective}"
    )


def preprocesses_exactly_once(subject: Subject) -> None:
    """The scaling that the weights expect is inside, once.

    If the spec has `reference_features`, the features must equal them to 1e-5, or to the effect of
    rounding. Otherwise the values before the first kernel must be about standardized, or have the
    spread of raw pixels around zero.
    """
    raw = subject.examples()
    network: Any = subject.extractor if subject.is_extractor else subject.network
    if subject.spec.reference_features:
        features = subject.features(raw)
        # A deep network with random weights magnifies the last bit of the input beyond the
        # tolerance: EfficientNetB7 does.
        changed = subject.features(np.nextafter(raw, np.float32(1e9)))
        rounding = float(np.abs(changed - features).max() / np.abs(features).max())
        assert_equal_features(
            features,
            np.asarray(subject.spec.reference_features(network)(raw)),
            tolerance=max(_SAME_PROGRAM, _ROUNDINGS * rounding),
            what="the network's own project computes something else",
        )
        return
    if not subject.media.has_usual_scaling:
        name = subject.media.collective
        raise DoesNotApply(f"{name} has no usual scaling, and the spec has no reference_features")
    seen = _before_first_kernel(network, raw)
    low, high = float(seen.min()), float(seen.max())
    spread, center = high - low, (high + low) / 2
    standardized = 0.5 <= spread <= 8 and abs(center) <= 1.5
    centered_pixels = 200 <= spread <= 300 and abs(center) <= 40
    assert standardized or centered_pixels, (
        f"pixels in [0, 255] arrive at the first kernel in [{low:.4g}, {high:.4g}]: "
        f"preprocessing is {'missing' if spread > 8 else 'done twice'}"
    )


def _before_first_kernel(network: keras.Model, raw: np.ndarray) -> np.ndarray:
    """Returns the input of the first layer with a kernel, also in nested models."""
    norms = (keras.layers.Normalization, keras.layers.BatchNormalization)
    weighted = (layer for layer in network.layers if layer.weights)
    first = next((layer for layer in weighted if not isinstance(layer, norms)), None)
    if isinstance(first, keras.Model):
        return _before_first_kernel(first, _values(network, first, raw))
    if not isinstance(first, _KERNEL_LAYERS):
        raise DoesNotApply(
            "the first weights are not in a layer of Keras, and the spec has no reference_features"
        )
    return _values(network, first, raw)


def _values(network: keras.Model, layer: keras.layers.Layer, raw: np.ndarray) -> np.ndarray:
    part = keras.Model(network.inputs, input_of(network, layer))
    return keras.ops.convert_to_numpy(part([raw], training=False))


def is_deterministic(subject: Subject) -> None:
    """The same input gives the same features, bit by bit."""
    raw = subject.examples()
    first, second = subject.features(raw), subject.features(raw)
    assert np.array_equal(first, second), "the same input gives other features the second time"


def treats_rows_independently(subject: Subject) -> None:
    """The features of an example do not depend on the rest of the batch."""
    raw = subject.examples()
    together = subject.features(raw)
    alone = np.concatenate([subject.features(row[None]) for row in raw])
    assert_equal_features(
        alone, together, tolerance=SAME_ROW, what="an example alone and in a batch"
    )
