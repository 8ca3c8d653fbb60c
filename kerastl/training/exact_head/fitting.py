"""The exact head of a model: solved on features, written into its Dense layers."""

import keras
import numpy as np

from kerastl.config import Config, ExactFit
from kerastl.data.tables.examples import Examples
from kerastl.heads.builder import find_heads
from kerastl.heads.head import columns
from kerastl.progress import Progress
from kerastl.training.exact_head.solver import ExactHead, solve_head
from kerastl.training.imbalance import positive_weights


def solve_heads(
    model: keras.Model,
    features: np.ndarray,
    examples: Examples,
    config: Config,
    progress: Progress,
) -> ExactHead:
    """Solves linear heads on constant features and gives the model their weights.

    Args:
        model: A model of `kerastl.build_model` whose heads are linear; its weights are changed.
        features: `(examples, feature_dim)` of all examples.
        examples: What to learn from.
        config: Says how.
        progress: Told that it begins.
    """
    fit = config.fit
    exact = fit if isinstance(fit, ExactFit) else ExactFit(seed=fit.seed)
    rows = examples.rows("train")
    labels = examples.training_labels[rows]
    weights = positive_weights(config.loss.positive_weight, labels, examples.tasks)
    progress.step("Solving the head", None)
    solved = solve_head(
        features[rows],
        labels,
        groups=None if examples.groups is None else examples.groups[rows],
        regularization=exact.regularization,
        num_folds=exact.folds,
        label_smoothing=config.loss.label_smoothing,
        positive_weight=[weights.get(task, 1.0) for task in examples.tasks],
        seed=exact.seed,
    )
    for head in find_heads(model):
        chosen = columns(head, examples.tasks)
        model.get_layer(head.logits_name).set_weights(
            [solved.kernel[:, chosen], solved.bias[chosen]]
        )
    return solved
