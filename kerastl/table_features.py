"""Features of a table that are computed before its training, by several machines too."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import Config
from kerastl.config.features_section import AutoFeatures
from kerastl.data.inputs.streams import FileInputs
from kerastl.errors import CacheError, ConfigError
from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.fingerprints import combined_fingerprint
from kerastl.features.cache.location import FEATURES, LIMIT_VARIABLE, cache_folder, size_limit
from kerastl.features.cache.row_store import RowStore
from kerastl.features.combined_features import Features
from kerastl.features.network import FrozenBackbone
from kerastl.features.source import FeatureSource
from kerastl.planning import make_models, make_plan
from kerastl.progress import Progress
from kerastl.run.results import RunPlan, input_contract
from kerastl.run.shards import ROW, Job, Part, Shard, compute_part, hash_of

_PATH, _KEY, _ERROR = "path", "key", "error"  # the other columns are stores of the cache


def extract(
    config: Config, shard: Shard | None, folder: Path | None, *, progress: Progress
) -> pd.DataFrame:
    """Computes the features that a training begins with, which stay in the cache.

    Args:
        config: The config of the training.
        shard: The share of the examples, or None for all.
        folder: Folder for the part of a shard, or None to write none.
        progress: Receives progress updates.

    Returns:
        A row per example: `path`, and `error` with the reason if the file cannot be read.

    Raises:
        ConfigError: The training does not begin with features of a frozen backbone.
    """
    _refuse_features_that_are_not_known(config)
    plan = make_plan(config, progress=progress)
    if not plan.training.phases[0].uses_features:
        raise ConfigError(
            "There are no features to extract: this training runs the backbone in every epoch.",
            where="trainable, augment",
            expected="a frozen backbone, and inputs that do not change",
        )
    cache = cache_folder()
    model, frozen_model = make_models(plan, cache, progress=progress)
    chosen = frozen_model or model
    contract = input_contract(chosen.facts.input_shape, config.data, plan.spec)
    examples = plan.examples
    inputs = FileInputs(examples.files, contract, cuts=examples.cuts, on_error="collect")
    source = FeatureSource(cache=cache, engine=plan.training.engine)
    is_scored = examples.splits != "train"
    order = np.argsort(is_scored, kind="stable")  # engines compute each kind apart from the other

    def compute(places: np.ndarray) -> tuple[pd.DataFrame, str]:
        part = inputs.part(order[places])
        found = source.features_of(chosen.backbone, part, is_scored=is_scored, progress=progress)
        return _table(part, found), _engines(found)

    if shard is None or folder is None:
        return compute(np.arange(len(inputs)))[0]
    identity = {
        "backbone": _backbone_identity(chosen.backbone),
        "rule": inputs.rule,
        "engine": plan.training.engine,
    }
    job = Job(
        command="extract",
        num_shards=shard.count,
        counts=(int((~is_scored).sum()), int(is_scored.sum())),
        inputs=_inputs_hash(plan),
        model=combined_fingerprint(identity),
    )
    return compute_part(folder, shard, job, compute, progress=progress)


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


def _refuse_features_that_are_not_known(config: Config) -> None:
    if isinstance(config.features, AutoFeatures):
        raise ConfigError(
            "`features: auto` finds out while it trains which features there are.",
            where="features",
            fix="Set them, as the config.yaml of a run that chose them states them.",
        )


def _table(part: FileInputs, found: Features) -> pd.DataFrame:
    """Returns the path, the key and the error of each example, and a column for each store."""
    count = len(part)
    keys: list[bytes | None] = [None] * count
    stores: dict[str, list[Any]] = {}
    for entries in found.cache_entries():
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
