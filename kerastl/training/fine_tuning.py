"""Fine-tuning: scheduled learning rates, and the L2 that solved heads keep.

Convention: fine-tuning starts at the optimum of the heads. Small rates, a warm-up of the optimizer
and the L2 of the solution keep the heads near it.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np

from kerastl.config.head import columns
from kerastl.data.inputs.batches import Inputs
from kerastl.data.tables.examples import Examples
from kerastl.features.prefix import find_cut, run_prefix, suffix_model
from kerastl.heads.builder import apply_policy, find_heads, find_layer, logits_model
from kerastl.training.adapters import low_rank_adapters
from kerastl.training.augmented_inputs import augmented_inputs
from kerastl.training.context import TrainingContext
from kerastl.training.exact_head.rotation import mean_and_deviation
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.fitting import fit_epochs
from kerastl.training.plan import FineTune
from kerastl.training.solving import ModelPart
from kerastl.training.task_weights import phase_weights
from kerastl.training.trainable import Rate, make_optimizer, model_parts


def fine_tune(
    phase: FineTune,
    model: keras.Model,
    context: TrainingContext,
    exact: ExactHead | None,
    solved_on: np.ndarray | None,
) -> tuple[list[dict[str, Any]], tuple[ModelPart, ...]]:
    """Trains the heads and the unfrozen part of the backbone; returns a row per epoch, and parts.

    The parts have the numbers of weights that were trained, those of adapters for LoRA.

    Solved heads keep their L2, which needs the features that they were solved on, those of all
    examples.
    """
    layer = find_layer(model)
    if not phase.policy.lora:
        apply_policy(layer, phase.policy)
    num_examples = len(context.examples.rows("train"))
    rates = {
        name: scheduled(getattr(phase, name), phase, num_examples=num_examples)
        for name in ("learning_rate", "backbone_learning_rate")
    }
    with ExitStack() as stack:
        if phase.policy.lora:
            adapters = low_rank_adapters(layer, phase.policy.lora, seed=phase.seed)
            with context.scope():
                stack.enter_context(adapters)
        if exact is not None and solved_on is not None:
            weights = phase_weights(phase, find_heads(model), context.examples.num_known())
            stack.enter_context(
                keeping_regularization(model, exact, solved_on, context.examples, weights)
            )
        trained, inputs = _trained_part(phase, model, context)
        with context.scope():
            optimizer = make_optimizer(model, "adam", **rates)
        parts = model_parts(model)
        return fit_epochs(phase, model, trained, inputs, context, optimizer=optimizer), parts


def scheduled(rate: float, phase: FineTune, *, num_examples: int) -> Rate:
    """Returns the learning rate over the steps of fine-tuning.

    It rises linearly to `rate` during the warm-up, then stays constant or falls along half a cosine
    to 0 at the end of the last epoch.

    Reference:
        Loshchilov, Hutter (2017), "SGDR", https://arxiv.org/abs/1608.03983
    """
    if phase.schedule == "constant" and not phase.warmup_epochs:
        return rate
    steps = math.ceil(num_examples / phase.batch_size)
    warmup = round(min(phase.warmup_epochs, phase.epochs) * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else rate,
        decay_steps=max(steps * phase.epochs - warmup, 1),
        alpha=1.0 if phase.schedule == "constant" else 0.0,
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )


@contextmanager
def keeping_regularization(
    model: keras.Model,
    exact: ExactHead,
    features: np.ndarray,
    examples: Examples,
    task_weights: Mapping[str, float],
) -> Iterator[None]:
    """Regularizes solved heads with the L2 of their solution while they are trained.

    The solver's penalty is on standardized features and relative to each task's mean loss over its
    known labels. Here it is on the features as they are and added to the sum of the losses divided
    by the number of examples, with the weight of the task: the optimum on frozen features is the
    same. `features`, `(examples, feature_dim)`, are those of all examples.
    """
    rows = examples.rows("train")
    _, scale = mean_and_deviation(features, rows)
    counted = ~np.isnan(examples.training_labels[rows])
    counted |= np.array([task in examples.unknown_weight for task in examples.tasks])
    weights = [task_weights[task] for task in examples.tasks]
    strengths = exact.strengths * counted.mean(axis=0) * weights
    penalty = 0.5 * strengths[None, :] * np.square(scale)[:, None]
    kernels = []
    for head in find_heads(model):
        kernel = model.get_layer(head.logits_name).kernel
        weights = head.weight * penalty[:, columns(head, examples.tasks)]
        kernel.regularizer = partial(_weighted_l2, weights.astype(np.float32))
        kernels.append(kernel)
    try:
        yield
    finally:
        for kernel in kernels:
            kernel.regularizer = None


def _weighted_l2(weights: np.ndarray, kernel: Any) -> Any:
    return keras.ops.sum(weights * keras.ops.square(kernel))


def _trained_part(
    phase: FineTune, model: keras.Model, context: TrainingContext
) -> tuple[keras.Model, Inputs]:
    """Returns the part of the model to fit, and its inputs.

    If the first stages are frozen and the inputs do not vary, these stages run once, and their
    outputs are the inputs of the rest.
    """
    cut = find_cut(find_layer(model))
    if cut is not None and phase.variation is None:
        rows = [context.examples.rows(split) for split in ("train", "validation")]
        try:
            inputs = run_prefix(
                cut,
                context.inputs,
                np.concatenate(rows),
                engine=context.source.engine,
                progress=context.progress,
            )
            return suffix_model(model, cut), inputs
        except OSError as error:
            context.progress.note(
                "The frozen stages run in every epoch, because there is no space for their output "
                f"({error})."
            )
    elif cut is not None:
        context.progress.note(
            f"The frozen stages run in every epoch, because {phase.variation} changes the inputs."
        )
    context.decode()
    return logits_model(model), augmented_inputs(context.inputs, phase.augment)
