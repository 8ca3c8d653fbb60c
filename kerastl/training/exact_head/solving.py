"""Solving the linear heads of a model: on features, into its Dense layers."""

import keras
import numpy as np

from kerastl.data.tables.examples import Examples
from kerastl.heads.builder import find_heads
from kerastl.heads.head import columns
from kerastl.progress import Progress
from kerastl.training.exact_head.solver import ExactHead, solve_head
from kerastl.training.imbalance import positive_weights
from kerastl.training.plan import SolveHeads


def solve_heads(
    phase: SolveHeads,
    model: keras.Model,
    features: np.ndarray,
    examples: Examples,
    progress: Progress,
) -> ExactHead:
    """Solves linear heads on constant features and gives the model their weights.

    Args:
        phase: Settings of the solver.
        model: A model of `kerastl.build_model` with linear heads; its weights are changed.
        features: `(examples, feature_dim)` of all examples.
        examples: The examples; those of the split train are fitted.
        progress: Receives progress updates.
    """
    rows = examples.rows("train")
    labels = examples.training_labels[rows]
    weights = positive_weights(phase.loss.positive_weight, labels, examples.tasks)
    progress.step("Solving the head", None)
    solved = solve_head(
        features[rows],
        labels,
        groups=None if examples.groups is None else examples.groups[rows],
        regularization=phase.regularization,
        num_folds=phase.num_folds,
        label_smoothing=phase.loss.label_smoothing,
        positive_weight=[weights[task] for task in examples.tasks],
        seed=phase.seed,
    )
    for head in find_heads(model):
        chosen = columns(head, examples.tasks)
        model.get_layer(head.logits_name).set_weights(
            [solved.kernel[:, chosen], solved.bias[chosen]]
        )
    return solved
