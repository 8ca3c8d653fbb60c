"""Low-rank adapters (LoRA): small weights beside those of dense layers, which stay frozen.

Convention: adapters exist only while they are trained. Then each is added to the weights of its
layer, so the model that is saved, exported and trained further has none.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from kerastl.backbones import Backbone
from kerastl.backbones.wiring import inner_layers
from kerastl.errors import ModelError


@contextmanager
def low_rank_adapters(layer: Backbone, rank: int, *, seed: int) -> Iterator[None]:
    """Gives all dense layers of a backbone adapters, the only weights of it that are trainable.

    Args:
        layer: The backbone.
        rank: Rank of the matrices that the adapters are products of.
        seed: Seed of the first factor of each adapter; the second starts at 0.

    Raises:
        ModelError: The backbone has no dense layers.

    Reference:
        Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models",
        https://arxiv.org/abs/2106.09685
    """
    kinds = (keras.layers.Dense, keras.layers.EinsumDense)
    dense = [inner for inner in inner_layers(layer.model) if isinstance(inner, kinds)]
    if not dense:
        raise ModelError(
            f"The backbone '{layer.name}' has no dense layers, so it cannot be trained with LoRA.",
            where="trainable.lora",
            expected="a backbone with layers of type Dense or EinsumDense, such as a transformer",
            fix="Set trainable to true or to {stages: n}.",
        )
    for number, inner in enumerate(dense):
        inner.enable_lora(rank, a_initializer=keras.initializers.HeUniform(seed + number))
    adapters = {id(v) for inner in dense for v in (inner.lora_kernel_a, inner.lora_kernel_b)}
    layer.unfreeze()
    for variable in layer.model.variables:
        variable.trainable = id(variable) in adapters
    try:
        yield
    finally:
        gc.freeze()  # Keras collects garbage after each deletion, half a second if there is much
        for inner in dense:
            _merge(inner)
        gc.unfreeze()
        layer.unfreeze()


def _merge(inner: keras.layers.Layer) -> None:
    """Adds the adapter of a layer to its weights and removes it."""
    merged: dict[str, keras.KerasTensor] = {}
    inner.save_own_variables(merged)  # Keras saves the sum
    inner.lora_enabled = False
    inner.lora_rank = None
    del inner.lora_kernel_a
    del inner.lora_kernel_b
    inner.load_own_variables(merged)
