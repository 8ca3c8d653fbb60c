"""The recipe of fine-tuning: rates over the steps, and the L2 that solved heads keep.

Convention: fine-tuning starts at the optimum of the heads, so nothing in it may push them away
without need: small rates, a warm-up while the optimizer knows no gradients yet, the same L2.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from kerastl.config import Config, KerasFit
from kerastl.data.tables.examples import Examples
from kerastl.heads.builder import find_heads
from kerastl.heads.head import columns
from kerastl.training.exact_head.rotation import standardize
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.learning import heads_rate
from kerastl.training.trainable import Rate, make_optimizer


def scheduled_optimizer(
    model: keras.Model, config: Config, *, num_examples: int
) -> keras.optimizers.Optimizer:
    """Returns Adam: at a constant rate for heads on a frozen backbone, scheduled for fine-tuning.

    Args:
        model: A model of `kerastl.build_model` whose flags are set.
        config: Says how.
        num_examples: Number of training examples.
    """
    fit = config.fit
    assert isinstance(fit, KerasFit)
    if config.trainable is False:
        rates: tuple[Rate, Rate | None] = (fit.learning_rate, None)
    else:
        rates = (
            scheduled(heads_rate(config), fit, num_examples=num_examples),
            scheduled(fit.backbone_learning_rate, fit, num_examples=num_examples),
        )
    return make_optimizer(model, "adam", learning_rate=rates[0], backbone_learning_rate=rates[1])


def scheduled(rate: float, fit: KerasFit, *, num_examples: int) -> Rate:
    """Returns the rate over the steps of fine-tuning.

    It rises in a line over `fit.warmup_epochs`, then stays or falls along half a cosine to 0 at the
    end of `fit.epochs`.

    Args:
        rate: The highest rate, above 0.
        fit: Says how.
        num_examples: Number of training examples.

    Reference:
        Loshchilov, Hutter (2017), "SGDR", https://arxiv.org/abs/1608.03983
    """
    if fit.schedule == "constant" and not fit.warmup_epochs:
        return rate
    steps = math.ceil(num_examples / fit.batch_size)
    warmup = min(fit.warmup_epochs, fit.epochs) * steps
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else rate,
        decay_steps=max(steps * fit.epochs - warmup, 1),
        alpha=1.0 if fit.schedule == "constant" else 0.0,
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )


@contextmanager
def keeping_regularization(
    model: keras.Model, exact: ExactHead | None, features: np.ndarray, examples: Examples
) -> Iterator[None]:
    """Gives solved heads, while they learn on, the L2 with which they were solved.

    The solver's penalty is on standardized features and relative to each task's mean loss over its
    known labels; here it is on the features as they are and beside the sum of the losses divided by
    examples: the optimum on frozen features is the same.

    Args:
        model: A model of `kerastl.build_model`.
        exact: The solved heads, or None where there are none.
        features: `(examples, feature_dim)` of all examples, on which they were solved.
        examples: What they were solved on.
    """
    if exact is None:
        yield
        return
    rows = examples.rows("train")
    scale = standardize(features[rows])[2]
    known = (~np.isnan(examples.training_labels[rows])).mean(axis=0)
    penalty = 0.5 * (exact.strengths * known)[None, :] * np.square(scale)[:, None]
    kernels = []
    for head in find_heads(model):
        kernel = model.get_layer(head.logits_name).kernel
        kernel.regularizer = _penalty(head.weight * penalty[:, columns(head, examples.tasks)])
        kernels.append(kernel)
    try:
        yield
    finally:
        for kernel in kernels:
            kernel.regularizer = None


def _penalty(weights: np.ndarray) -> Any:
    constant = weights.astype(np.float32)
    return lambda kernel: keras.ops.sum(constant * keras.ops.square(kernel))
