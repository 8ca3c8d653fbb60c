"""Modules of every form, made by the tests: small, real, with weights that do something."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

SHARED = Path(__file__).parents[4] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the real weights and data for measurement aren't here")
    return SHARED


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Saves a module and returns its folder."""

    def save(module: tf.Module, **options: object) -> str:
        folder = str(tmp_path_factory.mktemp("module"))
        tf.saved_model.save(module, folder, **options)
        return folder

    return save


def images(count: int = 8, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, size, size, 3)).astype("float32")


def clips(count: int = 4, num_samples: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, num_samples)).astype("float32")


def _weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype("float32")


class ConvNet(tf.Module):
    """A reusable SavedModel as TF Hub defines it: BatchNorm, `training`, lists, an L2 loss."""

    def __init__(self, *, size: int | None = 8):
        super().__init__()
        with tf.name_scope("conv"):
            self.kernel = tf.Variable(_weights(3, 3, 3, 6), name="kernel")
        with tf.name_scope("norm"):
            self.gamma = tf.Variable(np.linspace(0.5, 1.5, 6).astype("float32"), name="gamma")
            self.beta = tf.Variable(np.linspace(-1, 1, 6).astype("float32"), name="beta")
            self.mean = tf.Variable(tf.zeros(6), trainable=False, name="moving_mean")
            self.variance = tf.Variable(tf.ones(6), trainable=False, name="moving_variance")
        self.variables_ = [self.kernel, self.gamma, self.beta, self.mean, self.variance]
        self._calibrate()
        spec = tf.TensorSpec([None, size, size, 3], tf.float32, name="inputs")
        for training in (False, True):
            self.__call__.get_concrete_function(spec, training=training)
        self.loss.get_concrete_function()
        self.regularization_losses = [self.loss]

    def _calibrate(self) -> None:
        mean, variance = tf.nn.moments(self._convolved(images(64, seed=9)), [0, 1, 2])
        self.mean.assign(mean)
        self.variance.assign(variance)

    def _convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(inputs, self.kernel, 1, "SAME")

    @tf.function
    def __call__(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        hidden = self._convolved(inputs)
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = tf.nn.moments(hidden, [0, 1, 2])
            self.mean.assign(0.9 * self.mean + 0.1 * mean)
            self.variance.assign(0.9 * self.variance + 0.1 * variance)
        hidden = tf.nn.batch_normalization(hidden, mean, variance, self.beta, self.gamma, 1e-3)
        return tf.reduce_mean(tf.nn.relu(hidden), [1, 2])

    @tf.function
    def loss(self) -> tf.Tensor:
        return 0.01 * tf.reduce_sum(self.kernel**2)


@pytest.fixture(scope="session")
def conv_net(make: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    module = ConvNet()
    exported = tf.train.Checkpoint()  # tf.Module's own `variables` cannot be replaced by a list
    exported.__call__ = module.__call__
    exported.variables = module.variables_
    exported.trainable_variables = module.variables_[:3]
    exported.regularization_losses = module.regularization_losses
    folder = str(tmp_path_factory.mktemp("conv_net"))
    tf.saved_model.save(exported, folder)
    return folder


class Plain(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(_weights(3, 5), name="weight")
        self.offset = tf.Variable(_weights(5, seed=1), name="offset", trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return x @ self.weight + self.offset


@pytest.fixture(scope="session")
def plain(make: Callable[..., str]) -> str:
    return make(Plain())


@pytest.fixture(scope="session")
def signature_only(make: Callable[..., str]) -> str:
    module = tf.Module()
    module.weight = tf.Variable(_weights(3, 5), name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"features": x @ module.weight}

    return make(module, signatures={"serving_default": serve})


@pytest.fixture(scope="session")
def vocabulary(make: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A table that is filled from an asset, and a vector for each word."""
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("yes\nno\nmaybe\n")
    module = tf.Module()
    module.table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(path),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=1,
    )
    module.vectors = tf.Variable(_weights(4, 5), name="vectors")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def call(words: tf.Tensor) -> tf.Tensor:
        return tf.gather(module.vectors, module.table.lookup(words))

    module.__call__ = call
    folder = make(module)
    path.unlink()
    return folder


@pytest.fixture(scope="session")
def duplicate_names(make: Callable[..., str]) -> str:
    module = tf.Module()
    module.first = tf.Variable(_weights(3, 4), name="dense/kernel")
    module.second = tf.Variable(_weights(4, 5, seed=1), name="dense/kernel")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def call(x: tf.Tensor) -> tf.Tensor:
        return x @ module.first @ module.second

    module.__call__ = call
    return make(module)


@pytest.fixture(scope="session")
def hyperparameters(make: Callable[..., str]) -> str:
    """`scale` is a Python value with two traces, `offset` a tensor with a default."""
    module = tf.Module()
    module.weight = tf.Variable(_weights(3, 5), name="weight")

    @tf.function
    def call(
        x: tf.Tensor, training: bool = False, *, scale: int, offset: float = 0.25
    ) -> tf.Tensor:
        return scale * (x @ module.weight) + offset

    for scale in (1, 2):
        for training in (False, True):
            call.get_concrete_function(
                tf.TensorSpec([None, 3]),
                training=training,
                scale=scale,
                offset=tf.TensorSpec([], name="offset"),
            )
    module.__call__ = call
    return make(module)


def save_tf1(folder: Path, *, use_resource: bool) -> str:
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    for number, tags in enumerate(([], ["train"])):
        with v1.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 3])
            with v1.variable_scope("net", use_resource=use_resource):
                weight = v1.get_variable("weight", initializer=_weights(3, 5))
            signature = v1.saved_model.predict_signature_def({"x": x}, {"default": x @ weight})
            session.run(v1.global_variables_initializer())
            if number == 0:
                builder.add_meta_graph_and_variables(session, tags, {"default": signature})
            else:
                builder.add_meta_graph(tags, {"default": signature})
    builder.save()
    return str(folder)


@pytest.fixture(scope="session")
def tf1_hub(tmp_path_factory: pytest.TempPathFactory) -> str:
    """TF1's hub format: a graph without tags for inference, another for training."""
    return save_tf1(tmp_path_factory.mktemp("tf1") / "references", use_resource=False)


@pytest.fixture(scope="session")
def tf1_resources(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tf1(tmp_path_factory.mktemp("tf1") / "resources", use_resource=True)


@pytest.fixture(scope="session")
def unbatched(make: Callable[..., str]) -> str:
    """YAMNet's form: one audio clip in; scores and features of each frame out."""
    module = tf.Module()
    module.weight = tf.Variable(_weights(100, 4), name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None], name="waveform")])
    def call(waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.nn.relu(tf.signal.frame(waveform, 100, 50) @ module.weight)
        return tf.sigmoid(features[:, :3]), features

    module.__call__ = call
    return make(module)


@pytest.fixture(scope="session")
def framewise(make: Callable[..., str]) -> str:
    """The speech embedding's form: `(batch, samples)` to `(batch, frames, 1, features)`."""
    module = tf.Module()
    module.weight = tf.Variable(_weights(100, 5), name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None, None], name="waveform")])
    def call(waveform: tf.Tensor) -> tf.Tensor:
        return (tf.signal.frame(waveform, 100, 50) @ module.weight)[:, :, None, :]

    module.__call__ = call
    return make(module)


@pytest.fixture(scope="session")
def dictionary(make: Callable[..., str]) -> str:
    module = tf.Module()
    module.weight = tf.Variable(_weights(3, 5), name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def call(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"features": x @ module.weight, "sum": tf.reduce_sum(x, -1, keepdims=True)}

    module.__call__ = call
    return make(module)
