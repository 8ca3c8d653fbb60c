import keras
import numpy as np
import pytest

from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.metrics import (
    MaskedAUC,
    MaskedBinaryAccuracy,
    MaskedLogLoss,
    MaskedPrecision,
    MaskedRecall,
)

pytestmark = pytest.mark.backends

NAN = float("nan")
NAMES = {"auc", "binary_accuracy", "precision", "recall", "log_loss"}


def metrics():
    return [
        MaskedAUC(),
        MaskedBinaryAccuracy(),
        MaskedPrecision(threshold=[0.5, 0.4]),
        MaskedRecall(),
        MaskedLogLoss(),
    ]


def data():
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 4)).astype("float32")
    labels = (features[:, :2] + random.normal(size=(60, 2)) > 0).astype("float32")
    labels[random.random(labels.shape) < 0.4] = NAN
    return features, labels


def compiled_model():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, "sigmoid")(inputs))
    model.compile("sgd", MaskedBinaryCrossentropy(), metrics=metrics())
    return model


def test_fit_reports_them_all_for_training_and_validation():
    features, labels = data()
    history = (
        compiled_model()
        .fit(features, labels, validation_data=(features, labels), epochs=2, verbose=0)
        .history
    )
    assert set(history) == {f"{part}{name}" for part in ("", "val_") for name in {*NAMES, "loss"}}
    assert np.isfinite(list(history.values())).all()


def test_evaluate_gives_the_same_in_batches_of_any_size():
    features, labels = data()
    model = compiled_model()
    at_once, in_batches = (
        model.evaluate(features, labels, batch_size=size, verbose=0, return_dict=True)
        for size in (60, 7)
    )
    assert in_batches == pytest.approx(at_once, rel=1e-5)


def test_evaluate_equals_the_metrics_by_hand():
    features, labels = data()
    model = compiled_model()
    evaluated = model.evaluate(features, labels, verbose=0, return_dict=True)
    scores = model.predict(features, verbose=0)
    for metric in metrics():
        metric.update_state(labels, scores)
        assert evaluated[metric.name] == pytest.approx(float(metric.result()), rel=1e-5)


def test_a_saved_model_comes_back_with_its_metrics(tmp_path):
    features, labels = data()
    model = compiled_model()
    model.fit(features, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    before, after = (
        each.evaluate(features, labels, verbose=0, return_dict=True) for each in (model, copy)
    )
    assert set(after) == {*NAMES, "loss"}
    assert after == pytest.approx(before, rel=1e-5)


def test_several_outputs_have_a_metric_each():
    features, labels = data()
    inputs = keras.Input((4,))
    heads = {name: keras.layers.Dense(1, "sigmoid", name=name)(inputs) for name in ("car", "bus")}
    model = keras.Model(inputs, heads)
    model.compile(
        "sgd",
        MaskedBinaryCrossentropy(),
        metrics={name: [MaskedAUC(), MaskedLogLoss()] for name in heads},
    )
    targets = {"car": labels[:, 0], "bus": np.full(60, NAN, "float32")}
    result = model.evaluate(features, targets, verbose=0, return_dict=True)
    assert np.isfinite([result["car_auc"], result["car_log_loss"]]).all()
    assert np.isnan([result["bus_auc"], result["bus_log_loss"]]).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.function is TensorFlow's")
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_they_work_inside_a_compiled_function_of_ones_own(jit_compile):
    import tensorflow as tf

    features, labels = data()
    compiled = [MaskedAUC(num_tasks=2), *metrics()[1:]]
    scores = tf.sigmoid(features[:, :2])

    @tf.function(jit_compile=jit_compile)
    def update(y_true, y_pred):
        for metric in compiled:
            metric.update_state(y_true, y_pred)

    update(labels[:30], scores[:30])
    update(labels[30:], scores[30:])
    for metric, plain in zip(compiled, metrics(), strict=True):
        plain.update_state(labels, scores)
        assert float(metric.result()) == pytest.approx(float(plain.result()), rel=1e-5)
