"""Features of a table that are computed before its training, by several machines too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from kerastl.backbones import Extractor
from kerastl.backbones.fingerprints import combined_fingerprint
from kerastl.backbones.views import Views
from kerastl.config import Config
from kerastl.data.inputs.streams import Decoded, FileInputs
from kerastl.errors import CacheError, ConfigError
from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.location import FEATURES, LIMIT_VARIABLE, cache_folder, size_limit
from kerastl.features.cache.row_store import RowStore
from kerastl.features.cached_features import CacheEntries
from kerastl.features.combined_features import Features
from kerastl.features.engines.engine import EngineName
from kerastl.features.network import FrozenBackbone
from kerastl.features.source import FeatureSource
from kerastl.planning import make_models, make_plan, refuse_undecided_features
from kerastl.progress import Progress
from kerastl.run.layout import RunLayout
from kerastl.run.results import RunPlan, input_contract
from kerastl.run.run_model import RunModel
from kerastl.run.sent_files import SentFiles
from kerastl.run.shards import ROW, Job, Part, Shard, hash_of
from kerastl.run.work import Work

_PATH, _KEY, _ERROR = "path", "key", "error"  # the other columns are stores of the cache


def extract(config: Config, *, progress: Progress) -> pd.DataFrame:
    """Computes the features that a training begins with; returns `path` and `error` of each row."""
    work = extraction(config, progress=progress)
    part, _ = work.extracted(np.arange(sum(work.job.counts)), progress=progress)
    return _table(part, ())


def extraction(config: Config, *, progress: Progress) -> "FeatureExtraction":
    """Returns the work of computing the features that a training begins with.

    Raises:
        ConfigError: The training does not begin with features of a frozen backbone.
    """
    refuse_undecided_features(config)
    plan = make_plan(config, progress=progress)
    if not plan.training.phases[0].uses_features:
        raise ConfigError(
            "There are no features to extract: this training runs the backbone in every epoch.",
            where="trainable, augment",
            expected="a frozen backbone, and inputs that do not change",
        )
    model, frozen_model = make_models(plan, cache_folder(), progress=progress)
    chosen = frozen_model or model
    contract = input_contract(chosen.facts.input_shape, config.data, plan.spec)
    examples, engine = plan.examples, plan.training.engine
    is_scored = examples.splits != "train"
    order = np.argsort(is_scored, kind="stable")  # engines compute each kind apart from the other
    inputs = FileInputs(examples.files, contract, cuts=examples.cuts, on_error="collect")
    identity = {
        "backbone": _backbone_identity(chosen.backbone),
        "rule": inputs.rule,
        "engine": engine,
    }
    job = Job(
        command="extract",
        counts=(int((~is_scored).sum()), int(is_scored.sum())),
        inputs=_inputs_hash(plan),
        model=combined_fingerprint(identity),
    )
    return FeatureExtraction(
        job=job, model=chosen, inputs=inputs, order=order, is_scored=is_scored, engine=engine
    )


@dataclass(frozen=True, kw_only=True)
class FeatureExtraction(Work):
    """The work of computing features, which stay in the cache of the machine.

    A row of the table has `path`, `error` with the reason if the file cannot be read, the key of
    the example, and its features under the name of their store.
    """

    model: "RunModel | SentModel"
    inputs: FileInputs
    order: np.ndarray  # index of each example of the job in the table
    is_scored: np.ndarray
    engine: EngineName

    def __getstate__(self) -> dict[str, Any]:
        sent = SentModel.of(self.model) if isinstance(self.model, RunModel) else self.model
        return {**super().__getstate__(), "model": sent}

    @cached_property
    def _source(self) -> FeatureSource:
        return FeatureSource(cache=cache_folder(), engine=self.engine, kept={})

    @cached_property
    def _backbone(self) -> FrozenBackbone:
        return self.model.backbone

    def decode(self, shard: Shard) -> Decoded | None:
        """Reads the files of a shard."""
        return self.inputs.part(self.order[self.job.rows(shard)]).read()

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the features of the examples at these indices."""
        part, found = self.extracted(rows, decoded, progress=progress)
        return _table(part, found.cache_entries()), _engines(found)

    def extracted(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[FileInputs, Features]:
        """Returns the examples at these indices and their features."""
        part = self.inputs.part(self.order[rows], decoded)
        found = self._source.features_of(
            self._backbone, part, is_scored=self.is_scored, progress=progress
        )
        return part, found


@dataclass(frozen=True)
class SentModel:
    """The frozen part of a model that is sent with the work."""

    files: SentFiles
    views: Views | None

    @classmethod
    def of(cls, model: RunModel) -> "SentModel":
        """Saves a model, to read its files."""
        with TemporaryDirectory(prefix="kerastl-") as folder:
            layout = RunLayout(Path(folder))
            model.save(layout.model)
            model.save_extractor(layout.extractor)
            files = SentFiles.read(layout.folder.iterdir(), layout.folder)
        return cls(files, model.facts.views)

    @property
    def backbone(self) -> FrozenBackbone:
        """The networks of the backbone."""
        from kerastl.run.models import load_model
        from kerastl.run.trained_model import TrainedModel

        layout = RunLayout(self.files.received())
        keras_model, extractor = load_model(layout.model), None
        if layout.extractor.is_file():
            extractor = Extractor.read(layout.extractor)
        return TrainedModel(keras=keras_model, extractor=extractor, views=self.views).backbone


def store_features(parts: Sequence[Part], cache: Path) -> tuple[pd.DataFrame, int]:
    """Adds the features of all shards to a cache.

    Returns:
        `path` and `error` of every example, and the number of bytes that were added.

    Raises:
        CacheError: The cache may not hold so much, or cannot be written.
    """
    stores: dict[str, RowStore] = {}
    layer = FolderLayer(cache)
    tables, num_bytes = [], 0
    for part in parts:
        frame = part.rows()
        if len(frame):
            tables.append(frame[[_PATH, _ERROR]])
        for name in frame.columns.difference([ROW, _PATH, _KEY, _ERROR]):
            known = frame[frame[name].notna()]
            values = np.stack(known[name].to_list()).astype(np.float32)
            store = stores.setdefault(
                name,
                RowStore(layer, f"{FEATURES}/{name}", values.shape[1], on_write_error=_refuse),
            )
            keys = known[_KEY].to_list()
            found = store.read_into(np.empty_like(values), np.arange(len(keys)), keys)
            num_bytes += values[~found].nbytes
            if num_bytes > size_limit():
                raise CacheError(
                    "The features need more than the cache may hold.",
                    where=LIMIT_VARIABLE,
                    expected=f"room for more than {num_bytes:,} bytes",
                    received=f"{size_limit():,} bytes",
                    fix=f"Set {LIMIT_VARIABLE} to a larger size, such as 200GB.",
                )
            new = [None if there else key for key, there in zip(keys, found, strict=True)]
            store.add(new, values)
    for store in stores.values():
        store.close()
    return pd.concat(tables, ignore_index=True), num_bytes


def _backbone_identity(backbone: FrozenBackbone) -> list[Any]:
    networks = [network.fingerprint for network in backbone.networks.values()]
    return [networks, backbone.views, *map(_backbone_identity, backbone.members)]


def _table(part: FileInputs, cached: Iterable[CacheEntries]) -> pd.DataFrame:
    """Returns the path, the key and the error of each example, and a column for each store."""
    count = len(part)
    keys: list[bytes | None] = [None] * count
    stores: dict[str, list[Any]] = {}
    for entries in cached:
        for row, key, values in zip(entries.rows, entries.keys, entries.values, strict=True):
            if key is not None:
                keys[row] = key
                stores.setdefault(entries.store, [None] * count)[row] = values
    errors = [part.errors.get(row) for row in range(count)]
    return pd.DataFrame({_PATH: list(map(str, part.files)), _KEY: keys, _ERROR: errors, **stores})


def _engines(found: Features) -> str:
    passes = (found.facts.training, found.facts.scores)
    return ", ".join(sorted({facts.engine for facts in passes if facts is not None}))


def _inputs_hash(plan: RunPlan) -> str:
    examples = plan.examples
    cuts = [] if examples.cuts is None else [examples.cuts.values]
    return hash_of(list(map(str, examples.files)), examples.splits.tolist(), *cuts)


def _refuse(reason: str) -> None:
    raise CacheError("The cache cannot be written.", where=str(cache_folder()), received=reason)
