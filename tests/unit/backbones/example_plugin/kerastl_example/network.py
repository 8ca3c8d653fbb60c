"""The network of `example:small`, from raw images to features."""

import keras
from keras import layers


def small(weights, shape):
    raw = keras.Input(shape, name="image")
    values = layers.Rescaling(1 / 127.5, offset=-1.0)(raw)
    for width in (16, 32):
        values = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(values)
        values = layers.BatchNormalization()(values)
        values = layers.ReLU()(values)
    model = keras.Model(raw, layers.GlobalAveragePooling2D()(values))
    if weights is not None:
        model.load_weights(weights)
    return model
