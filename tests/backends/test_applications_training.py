import keras
import numpy as np
import pytest

import kerastl
from kerastl.heads.builder import find_layer

pytestmark = pytest.mark.backends

TASKS = ["pedestrian", "car"]


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = kerastl.build_model(
        "applications:mobilenet_v2",
        TASKS,
        weights=None,
        input_size=32,
        options={"alpha": 0.35},
        trainable=True,
    )
    for weight in find_layer(model).weights:
        if weight.path.endswith("moving_variance"):
            # With 1, what goes through a network of random weights dies away before its end.
            weight.assign(np.full(weight.shape, 0.1, "float32"))
    return model


def weights(layer):
    return {v.path: np.array(keras.ops.convert_to_numpy(v.value)) for v in layer.weights}


def test_mobilenet_learns_from_labels_with_gaps(model):
    random = np.random.default_rng(0)
    pictures = random.uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    labels = random.choice([0.0, 1.0, np.nan], (8, len(TASKS))).astype("float32")
    before = weights(find_layer(model))
    kerastl.compile(model, "sgd", learning_rate=0.1)
    history = model.fit(pictures, labels, batch_size=4, epochs=1, verbose=0).history  # two steps
    after = weights(find_layer(model))
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(value).all() for value in after.values())
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    statistics = {path for path in before if "/moving_" in path}
    assert len(statistics) == 2 * sum("/gamma" in path for path in before)
    assert not moved & statistics
    assert any(path.endswith("Conv1/kernel") for path in moved)
