"""What learns and at which rate, as a table for people."""

import keras

from kerastl.config import Config, ExactFit, KerasFit
from kerastl.training.trainable import trainable_parts


def learning_table(model: keras.Model, config: Config) -> tuple[str, ...]:
    """Returns a line per part of the model: its weights, how many learn, at which rate."""
    lines = [f"{'part':<28}{'weights':>12}{'learn':>12}  rate"]
    for part in trainable_parts(model):
        rate = "-" if not part.num_trainable else _rate_text(part.name, config)
        lines.append(f"{part.name:<28}{part.num_params:>12,}{part.num_trainable:>12,}  {rate}")
    return tuple(lines)


def heads_rate(config: Config) -> float:
    """Returns the highest rate of the heads in the last phase that Keras fits.

    Heads that were fitted on the frozen backbone go on at the rate of fine-tuning; heads that start
    at random have their own.
    """
    fit = config.fit
    assert isinstance(fit, KerasFit)
    if config.trainable is False or config.backbone.weights is None:
        return fit.learning_rate
    return fit.fine_tuning_learning_rate or fit.backbone_learning_rate


def _rate_text(part: str, config: Config) -> str:
    if isinstance(config.fit, ExactFit):
        return "exact"
    is_backbone = part.startswith("backbone")
    return f"{config.fit.backbone_learning_rate if is_backbone else heads_rate(config):g}"
