"""Pretrains `tiny:image` on the drawn images by multi-task learning with unknown answers.

Run from the root of the repository. The published weights come from two rounds; the second starts
from the weights of the first:

    python -m research.tiny.image.draw --folder /tmp/tiny-image
    python -m research.tiny.image.pretrain --folder /tmp/tiny-image --output first.npz
    python -m research.tiny.image.pretrain --folder /tmp/tiny-image --output second.npz \\
        --initial first.npz --seed 2
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from kerastl.backbones import Backbone, ImageInput
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl_tiny.image import build
from kerastl_tiny.weights import save_weights
from research.tiny.image.batches import batch
from research.tiny.image.drawing import ATTRIBUTES

SEED = 1
STEPS = 3_000
BATCH_SIZE = 96
LEARNING_RATE = 2e-3
NUM_VALIDATION = 1_000


def compiled_model(*, steps: int, seed: int, initial: Path | None = None) -> keras.Model:
    """Builds backbone and head: logits `(batch, attributes)`, loss and optimizer."""
    keras.utils.set_random_seed(seed)
    network = build(weights=initial, input=ImageInput(height=64, width=64))
    inputs = keras.Input((64, 64, 3))
    features = Backbone(network, batch_norm="update")(inputs)
    logits = keras.layers.Dense(len(ATTRIBUTES), dtype="float32", name="logits")(features)
    model = keras.Model(inputs, logits)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE * 0.02,
        decay_steps=steps,
        warmup_target=LEARNING_RATE,
        warmup_steps=max(1, steps // 20),
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=50.0),
        loss=MaskedBinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


def pretrain(
    images: NDArray[np.uint8],
    answers: NDArray[np.float32],
    *,
    steps: int,
    batch_size: int,
    seed: int,
    initial: Path | None = None,
) -> tuple[keras.Model, list[float]]:
    """Trains for `steps` batches.

    Args:
        images: `(count, 64, 64, 3)`.
        answers: `(count, attributes)`, NaN if unknown.
        steps: Number of batches.
        batch_size: Number of images in each batch.
        seed: Seed of the weights, the order and the augmentation.
        initial: Weights of an earlier round, or None for random ones.

    Returns:
        The trained model, whose layer `backbone` holds the network, and the loss of each step.
    """
    model, losses = compiled_model(steps=steps, seed=seed, initial=initial), []
    start = time.perf_counter()
    for index in range(steps):
        x, y = batch(images, answers, seed=seed, index=index, batch_size=batch_size)
        losses.append(float(model.train_on_batch(x, y)))
        if (index + 1) % 100 == 0:
            seconds = time.perf_counter() - start
            print(
                f"step {index + 1}: loss {np.mean(losses[-100:]):.3f}, {seconds:.0f} s", flush=True
            )
    return model, losses


def attribute_auc(
    model: keras.Model, images: NDArray[np.uint8], answers: NDArray[np.float32]
) -> dict[str, float]:
    """Returns the area under the ROC curve of each attribute for which both answers occur."""
    logits = model.predict(images.astype(np.float32), batch_size=100, verbose=0)
    scores = {}
    for name, y_true, y_score in zip(ATTRIBUTES, answers.T, logits.T, strict=True):
        known = ~np.isnan(y_true)
        if len(np.unique(y_true[known])) == 2:
            scores[name] = float(roc_auc_score(y_true[known], y_score[known]))
    return scores


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder that draw wrote")
    parser.add_argument("--output", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--initial", type=Path, help="weights of an earlier round")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--precision", default="mixed_bfloat16", help="Keras dtype policy")
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    images, answers = (np.load(arguments.folder / f"{n}.npy") for n in ("images", "answers"))
    kept = slice(NUM_VALIDATION), slice(NUM_VALIDATION, None)
    model, _ = pretrain(
        images[kept[1]],
        answers[kept[1]],
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        initial=arguments.initial,
    )
    save_weights(model.get_layer("backbone").model, arguments.output)
    scores = attribute_auc(model, images[kept[0]], answers[kept[0]])
    print(json.dumps({name: round(score, 3) for name, score in scores.items()}, indent=1))
    print(f"macro AUC over {len(scores)} attributes: {np.mean(list(scores.values())):.4f}")


if __name__ == "__main__":
    main()
