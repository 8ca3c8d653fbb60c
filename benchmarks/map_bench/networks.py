"""Networks that are trained for a fixed number of steps, traced once and started again each time.

Convention: one network for all tasks and a network per task have the same steps, batch size and
rates; a network per task sees only rows whose label of its task is known.
"""

from dataclasses import dataclass, field

import keras
import numpy as np

from kerastl.heads.builder import build_model, feature_model, find_layer, logits_model
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.training.exact_head.rotation import mean_and_deviation
from kerastl.training.exact_head.solver import solve_head
from map_bench.cases import Case

FROZEN, FINE_TUNED, SCRATCH = MODES = ("frozen", "fine-tuned", "scratch")
RATES = {FROZEN: 1e-3, FINE_TUNED: 3e-4, SCRATCH: 1e-3}
POLICIES = {
    FROZEN: False,
    FINE_TUNED: True,
    SCRATCH: {"variables": ["*"], "batch_norm": "update"},
}
WARMUP = 0.1  # share of the steps
HIDDEN = 64  # units of the layer that the frozen networks share
FROZEN_STEPS = (200, 16)
MOMENTUM = 0.9  # of BatchNorm, whose statistics would be those of the start with Keras's 0.99
_PASSED = 64  # examples of a forward pass


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a trained network says of all rows."""

    logits: np.ndarray  # `(rows, tasks)`
    features: np.ndarray  # `(rows, feature_dim)`


@dataclass
class Networks:
    """The networks of a table, one for each mode and number of tasks."""

    case: Case
    _models: dict[tuple[str, int], keras.Model] = field(default_factory=dict)
    _extractors: dict[int, keras.Model] = field(default_factory=dict)
    _weights: dict[tuple[str, int], list[np.ndarray]] = field(default_factory=dict)
    _pretrained: np.ndarray | None = None

    def initial_features(self, mode: str, seed: int, needed: np.ndarray) -> np.ndarray:
        """Returns the features before any training, random or pretrained, of the needed rows."""
        if mode == SCRATCH:
            return self._features(self._started(mode, len(self.case.tasks), seed), needed)
        if self._pretrained is None:
            model = self._started(mode, len(self.case.tasks), seed)
            self._pretrained = self._features(model, np.arange(len(self.case.inputs)))
        return self._pretrained

    def _features(self, model: keras.Model, needed: np.ndarray) -> np.ndarray:
        found = _pass(self._extractors[id(model)], self.case.inputs[needed])
        features = np.full((len(self.case.inputs), found.shape[1]), np.nan, np.float32)
        features[needed] = found
        return features

    def train(
        self,
        mode: str,
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        steps: tuple[int, int],
        seed: int,
        needed: np.ndarray,
    ) -> Trained:
        """Trains one network on some rows; labels are `(rows, tasks)`, NaN where unknown.

        Features and logits are returned for the needed rows, and are NaN for others.
        """
        known = ~np.isnan(labels).all(axis=1)
        rows, labels = rows[known], labels[known]
        if mode == FROZEN:
            return self._train_hidden(rows, labels, seed=seed)
        model = self._started(mode, labels.shape[1], seed)
        if mode == FINE_TUNED:
            initial = self.initial_features(mode, seed, rows)[rows]
            head = solve_head(initial, labels, groups=None, seed=seed)
            model.layers[-1].set_weights([head.kernel, head.bias])
        _fit(model, self.case.inputs, rows, labels, steps=steps, rate=RATES[mode], seed=seed)
        features = self._features(model, needed)
        kernel, bias = model.layers[-1].get_weights()
        return Trained(logits=features @ kernel + bias, features=features)

    def _train_hidden(self, rows: np.ndarray, labels: np.ndarray, *, seed: int) -> Trained:
        raw = self.initial_features(FROZEN, seed, rows)
        mean, scale = mean_and_deviation(raw, rows)
        inputs = ((raw - mean) / scale).astype(np.float32)
        key = ("hidden", labels.shape[1])
        keras.utils.set_random_seed(seed)
        start = keras.Sequential(
            [
                keras.Input((inputs.shape[1],)),
                keras.layers.Dense(HIDDEN, "relu"),
                keras.layers.Dense(labels.shape[1]),
            ]
        )
        model = self._models.setdefault(key, _compiled(start))
        model.set_weights(start.get_weights())
        _fit(model, inputs, rows, labels, steps=FROZEN_STEPS, rate=RATES[FROZEN], seed=seed)
        hidden = np.maximum(inputs @ model.layers[0].kernel.numpy() + model.layers[0].bias, 0)
        kernel, bias = model.layers[1].get_weights()
        return Trained(logits=hidden @ kernel + bias, features=hidden)

    def _started(self, mode: str, num_tasks: int, seed: int) -> keras.Model:
        """Returns the network with the initial weights of a seed; it is built and traced once."""
        if (mode, num_tasks) not in self._models:
            self._models[mode, num_tasks] = self._built(mode, num_tasks, seed)
        if (mode, seed) not in self._weights:
            found = find_layer(self._built(mode, num_tasks, seed)).model.variables
            self._weights[mode, seed] = [variable.numpy() for variable in found]
        model = self._models[mode, num_tasks]
        for variable, value in zip(
            find_layer(model).model.variables, self._weights[mode, seed], strict=True
        ):
            variable.assign(value)
        kernel, bias = model.layers[-1].weights
        kernel.assign(keras.initializers.GlorotUniform(seed)(kernel.shape))
        bias.assign(np.zeros(bias.shape))
        return model

    def _built(self, mode: str, num_tasks: int, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        model = logits_model(
            build_model(
                tasks=[f"task_{number}" for number in range(num_tasks)],
                weights=None if mode == SCRATCH else "default",
                trainable=POLICIES[mode],
                **self.case.backbone,
            )
        )
        for layer in find_layer(model).model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM
        self._extractors[id(model)] = feature_model(model)
        return _compiled(model)


def solved_logits(
    features: np.ndarray, rows: np.ndarray, labels: np.ndarray, seed: int
) -> np.ndarray:
    """Returns the logits of linear heads that are solved on some rows, `(all rows, tasks)`."""
    found = solve_head(features[rows], labels, groups=None, seed=seed)
    return features @ found.kernel + found.bias


def _compiled(model: keras.Model) -> keras.Model:
    model.compile(keras.optimizers.Adam(1e-3), loss=MaskedBinaryCrossentropy(from_logits=True))
    return model


def _fit(
    model: keras.Model,
    inputs: np.ndarray,
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    steps: tuple[int, int],
    rate: float,
    seed: int,
) -> None:
    """Takes steps, a number and a batch size, on batches that pass through all rows in turn."""
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    random = np.random.default_rng(seed)
    num_steps, size = steps
    passes = -(-num_steps * size // len(rows))
    order = np.concatenate([random.permutation(len(rows)) for _ in range(passes)])
    for step in range(num_steps):
        warm = min((step + 1) / (WARMUP * num_steps), 1.0)
        model.optimizer.learning_rate = rate * warm * (1 + np.cos(np.pi * step / num_steps)) / 2
        chosen = order[step * size : (step + 1) * size]
        model.train_on_batch(inputs[rows[chosen]], labels[chosen])


def _pass(extract: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Returns the features of some inputs, in batches of one size so that it is traced once."""
    parts = []
    for start in range(0, len(inputs), _PASSED):
        batch = inputs[start : start + _PASSED]
        filled = np.concatenate([batch, np.zeros((_PASSED - len(batch), *batch.shape[1:]), "f4")])
        parts.append(np.asarray(extract.predict_on_batch(filled))[: len(batch)])
    return np.concatenate(parts)
