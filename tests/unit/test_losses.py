import keras
import numpy as np
import pytest

from kerastl.errors import LabelError, ModelError
from kerastl.losses import MaskedBinaryCrossentropy, check_labels

pytestmark = pytest.mark.backends

NAN = float("nan")
LOG_2 = float(np.log(2))
COMPILED = {"tensorflow": [False, True], "jax": [True], "torch": [False]}[keras.backend.backend()]


def features_and_labels(num_tasks=3):
    random = np.random.default_rng(0)
    features = random.normal(size=(32, 4)).astype("float32")
    labels = (features[:, :num_tasks] > 0).astype("float32")
    labels[random.random(labels.shape) < 0.5] = NAN
    return features, labels


def linear_model(*num_tasks, activation="sigmoid"):
    inputs = keras.Input((4,))
    outputs = {
        f"head_{index}": keras.layers.Dense(size, activation, name=f"head_{index}")(inputs)
        for index, size in enumerate(num_tasks)
    }
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs["head_0"])


def test_the_denominator_is_the_number_of_examples_by_default():
    loss = MaskedBinaryCrossentropy()
    assert float(loss([[1.0, NAN], [NAN, NAN]], [[0.5, 0.5], [0.5, 0.5]])) == pytest.approx(
        LOG_2 / 2
    )


def test_call_gives_one_value_per_example():
    labels = keras.ops.convert_to_tensor([[1.0, 0.0], [NAN, 1.0], [NAN, NAN]])
    values = MaskedBinaryCrossentropy().call(labels, keras.ops.full((3, 2), 0.5))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), [2 * LOG_2, LOG_2, 0], rtol=1e-6)


@pytest.mark.parametrize("label_shape", [(4,), (4, 1)])
@pytest.mark.parametrize("prediction_shape", [(4,), (4, 1)])
def test_a_single_task_may_come_with_or_without_its_axis(label_shape, prediction_shape):
    labels = np.array([1, 0, NAN, NAN], "float32").reshape(label_shape)
    predictions = np.full(prediction_shape, 0.5, "float32")
    assert float(MaskedBinaryCrossentropy()(labels, predictions)) == pytest.approx(LOG_2 / 2)


@pytest.mark.parametrize("label_shape", [(4,), (4, 1), (4, 2), (4, 3, 1)])
def test_labels_are_never_broadcast_over_tasks(label_shape):
    with pytest.raises(LabelError):
        MaskedBinaryCrossentropy()(np.zeros(label_shape), np.full((4, 3), 0.5))


def test_sample_weight_weighs_examples():
    loss = MaskedBinaryCrossentropy()
    value = loss([[1.0, NAN], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]], sample_weight=[3.0, 0.0])
    assert float(value) == pytest.approx(3 * LOG_2 / 2)


def test_reduction_sum_gives_the_sum_over_known_labels():
    loss = MaskedBinaryCrossentropy(reduction="sum")
    assert float(loss([[1.0, NAN], [0.0, 1.0]], [[0.5, 0.5]] * 2)) == pytest.approx(3 * LOG_2)


def test_label_smoothing_moves_known_labels_and_leaves_unknown_ones_unknown():
    loss = MaskedBinaryCrossentropy(label_smoothing=0.2, from_logits=True)
    expected = 0.9 * np.log1p(np.exp(-2)) + 0.1 * np.log1p(np.exp(2))
    assert float(loss([[1.0, NAN]], [[2.0, 9.0]])) == pytest.approx(expected, rel=1e-6)


def test_soft_labels_mix_both_parts():
    loss = MaskedBinaryCrossentropy()
    expected = -(0.7 * np.log(0.9) + 0.3 * np.log(0.1))
    assert float(loss([[0.7]], [[0.9]])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("weight", [3.0, [3.0, 5.0], (3, 5), np.array([3.0, 5.0])])
def test_positive_weight_multiplies_the_positive_part_per_task(weight, from_logits):
    loss = MaskedBinaryCrossentropy(positive_weight=weight, from_logits=from_logits)
    neutral = 0.0 if from_logits else 0.5
    value = float(loss([[1.0, 1.0], [0.0, NAN]], [[neutral, neutral]] * 2))
    second = np.ravel(weight)[-1]
    assert value == pytest.approx((3 + second + 1) * LOG_2 / 2, rel=1e-6)


@pytest.mark.parametrize("from_logits", [True, False])
def test_an_unknown_label_with_a_weight_is_a_no_of_this_weight(from_logits):
    labels, predictions = [[1.0, NAN], [NAN, 0.0]], np.array([[0.2, 0.6], [0.7, 0.3]])
    p = 1 / (1 + np.exp(-predictions)) if from_logits else predictions
    known = -np.log(p[0, 0]) - np.log(1 - p[1, 1])
    weak = -0.1 * np.log(1 - p[1, 0])  # the second task's unknown label has no weight
    for normalize_by, denominator in (("examples", 2), ("known", 2.1)):
        loss = MaskedBinaryCrossentropy(
            from_logits=from_logits, unknown_weight=[0.1, 0.0], normalize_by=normalize_by
        )
        assert float(loss(labels, predictions)) == pytest.approx((known + weak) / denominator)


def test_an_unknown_label_that_counts_as_no_has_the_loss_of_a_no():
    labels = features_and_labels()[1]
    filled = np.nan_to_num(labels)
    loss, plain = MaskedBinaryCrossentropy(unknown_weight=1.0), MaskedBinaryCrossentropy()
    predictions = np.full(labels.shape, 0.3)
    assert float(loss(labels, predictions)) == pytest.approx(float(plain(filled, predictions)))


def test_positive_weights_must_fit_the_number_of_tasks():
    with pytest.raises(ModelError):
        MaskedBinaryCrossentropy(positive_weight=[1.0, 2.0])([[1.0] * 3], [[0.5] * 3])


@pytest.mark.parametrize(
    "arguments",
    [
        {"label_smoothing": -0.1},
        {"label_smoothing": 1.1},
        {"label_smoothing": NAN},
        {"label_smoothing": "0.1"},
        {"positive_weight": 0},
        {"positive_weight": [1.0, -1.0]},
        {"positive_weight": []},
        {"positive_weight": NAN},
        {"positive_weight": float("inf")},
        {"positive_weight": "auto"},
        {"task_weight": 0},
        {"task_weight": [1.0, NAN]},
        {"unknown_weight": -0.1},
        {"unknown_weight": [0.5, 1.1]},
        {"unknown_weight": NAN},
        {"normalize_by": "batch"},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ModelError):
        MaskedBinaryCrossentropy(**arguments)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_probabilities_are_refused_before_they_train_nothing(dtype):
    predictions = keras.ops.cast([[0.5]], dtype)
    with pytest.raises(ModelError):
        MaskedBinaryCrossentropy()([[1.0]], predictions)
    assert float(MaskedBinaryCrossentropy(from_logits=True)([[1.0]], predictions)) > 0


def test_a_model_in_half_precision_without_a_float32_head_says_so_in_fit():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, "sigmoid", dtype="mixed_bfloat16")]
    )
    model.compile("sgd", MaskedBinaryCrossentropy())
    with pytest.raises(ModelError, match="half precision"):
        model.fit(*features_and_labels(), verbose=0)


@pytest.mark.parametrize("jit_compile", COMPILED)
@pytest.mark.parametrize("normalize_by", ["examples", "known", "tasks"])
def test_fit_learns_from_labels_with_gaps(normalize_by, jit_compile):
    features, labels = features_and_labels()
    model = linear_model(3)
    loss = MaskedBinaryCrossentropy(normalize_by=normalize_by)
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=jit_compile)
    history = model.fit(features, labels, epochs=5, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


def test_fit_on_nothing_but_unknown_labels_leaves_every_weight_as_it_was():
    features, labels = features_and_labels()
    model = linear_model(3)
    model.compile(keras.optimizers.SGD(1.0), MaskedBinaryCrossentropy())
    before = [weight.copy() for weight in model.get_weights()]
    history = model.fit(features, np.full_like(labels, NAN), verbose=0).history
    assert history["loss"] == [0]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_one_output_of_three_tasks_and_three_outputs_train_to_the_same_weights():
    features, labels = features_and_labels()
    single, multi = linear_model(3), linear_model(1, 1, 1)
    single.set_weights([np.zeros((4, 3)), np.zeros(3)])
    multi.set_weights([np.zeros(weight.shape) for weight in multi.get_weights()])
    for model, targets in (
        (single, labels),
        (multi, {f"head_{task}": labels[:, task] for task in range(3)}),
    ):
        model.compile(keras.optimizers.SGD(0.5), MaskedBinaryCrossentropy())
        model.fit(features, targets, epochs=3, batch_size=8, shuffle=False, verbose=0)
    kernels = [multi.get_layer(f"head_{task}").get_weights()[0] for task in range(3)]
    np.testing.assert_allclose(
        np.hstack(kernels), single.layers[-1].get_weights()[0], rtol=1e-4, atol=1e-6
    )


def test_a_saved_model_comes_back_with_its_loss(tmp_path):
    features, labels = features_and_labels()
    model = linear_model(3)
    loss = MaskedBinaryCrossentropy(
        label_smoothing=0.1, positive_weight=[1.0, 2.0, 3.0], unknown_weight=[0.0, 0.1, 1.0]
    )
    model.compile("sgd", loss)
    model.fit(features, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.loss.get_config() == loss.get_config()
    assert copy.evaluate(features, labels, verbose=0) == pytest.approx(
        model.evaluate(features, labels, verbose=0)
    )


@pytest.mark.parametrize(
    "labels",
    [[[0, 1], [1, 0]], [[0.0, NAN], [0.5, 1.0]], [NAN, 1.0], [True, False], np.zeros((0, 3))],
    ids=["whole", "gaps", "one task", "booleans", "empty"],
)
def test_labels_in_range_pass_the_check(labels):
    check_labels(labels)


@pytest.mark.parametrize("wrong", [-1.0, 1.5, 2.0, float("inf"), -float("inf"), -1e-6])
def test_any_other_label_is_refused_and_named(wrong):
    labels = np.array([[0, NAN], [1, wrong], [NAN, 1]])
    with pytest.raises(LabelError) as raised:
        check_labels(labels, tasks=["car", "stop_sign"])
    assert raised.value.problems == (f"row 1, task 'stop_sign': {wrong:g}",)


@pytest.mark.parametrize("labels", [["yes", "no"], [None, 1.0], np.array(["2020"], "datetime64")])
def test_labels_that_are_no_numbers_are_refused(labels):
    with pytest.raises(LabelError):
        check_labels(labels)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others cannot be stopped")
@pytest.mark.parametrize("eager", [True, False])
def test_a_code_that_is_no_label_is_refused_at_its_batch_on_tensorflow(eager):
    import tensorflow as tf

    features, labels = features_and_labels()
    model = linear_model(3)
    model.compile("sgd", MaskedBinaryCrossentropy(), run_eagerly=eager)
    model.fit(features, labels, verbose=0)
    labels[3, 1] = -1.0
    error = LabelError if eager else tf.errors.InvalidArgumentError
    for run in (model.fit, model.evaluate):
        with pytest.raises(error, match=r"such as -1 for uncertain, by NaN or a value in \[0, 1\]"):
            run(features, labels, verbose=0)
