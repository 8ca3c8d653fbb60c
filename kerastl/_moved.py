"""Old import paths, which keep working for one release with a `DeprecationWarning`.

Convention: both tables map a path of version 0.1 to the current one. A module below a moved package
needs no line of its own if its name is the same.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

MODULES = {
    "kerastl.backbones.audio": "kerastl.backbones.log_mel",
    "kerastl.compare.answers": "kerastl.compare.contrasts",
    "kerastl.compare.report": "kerastl.compare.page",
    "kerastl.compare.running": "kerastl.compare.trials",
    "kerastl.compare.scores": "kerastl.compare.paired_scores",
    "kerastl.compare.sides": "kerastl.compare.study",
    "kerastl.compare.tables": "kerastl.compare.training_tables",
    "kerastl.config.checks": "kerastl.config.consistency",
    "kerastl.config.explain": "kerastl.settings.explain",
    "kerastl.config.fields": "kerastl.settings",
    "kerastl.config.problems": "kerastl.settings.problems",
    "kerastl.config.schema_paths": "kerastl.settings.locations",
    "kerastl.data.audio": "kerastl.media.audio.decoding",
    "kerastl.data.batches": "kerastl.data.inputs.batches",
    "kerastl.data.check": "kerastl.data.checking.check",
    "kerastl.data.coco": "kerastl.data.importing.coco",
    "kerastl.data.duplicates": "kerastl.data.tables.duplicates",
    "kerastl.data.examples": "kerastl.media.decoder",
    "kerastl.data.geometry": "kerastl.media.image.geometry",
    "kerastl.data.guess": "kerastl.data.importing.guess",
    "kerastl.data.images": "kerastl.media.image.decoding",
    "kerastl.data.inspection": "kerastl.data.checking.file_facts",
    "kerastl.data.integrity": "kerastl.media.image.integrity",
    "kerastl.data.labels": "kerastl.data.tables.labels",
    "kerastl.data.leakage": "kerastl.data.tables.leakage",
    "kerastl.data.media": "kerastl.media.media_types",
    "kerastl.data.merging": "kerastl.data.tables.merging",
    "kerastl.data.names": "kerastl.data.importing.names",
    "kerastl.data.pictures": "kerastl.data.inputs.streams",
    "kerastl.data.recording_windows": "kerastl.data.importing.recordings",
    "kerastl.data.recordings": "kerastl.data.tables.recordings",
    "kerastl.data.segments": "kerastl.media.segments",
    "kerastl.data.sound_blocks": "kerastl.media.audio.blocks",
    "kerastl.data.sound_check": "kerastl.media.audio.inspection",
    "kerastl.data.sound_files": "kerastl.media.audio.files",
    "kerastl.data.sound_inspection": "kerastl.media.audio.inspection",
    "kerastl.data.sound_windows": "kerastl.media.audio.windows",
    "kerastl.data.sources": "kerastl.data.importing.folders",
    "kerastl.data.splits": "kerastl.data.tables.splits",
    "kerastl.data.stratification": "kerastl.data.tables.stratification",
    "kerastl.data.streams": "kerastl.data.inputs.streams",
    "kerastl.data.table": "kerastl.data.tables.examples",
    "kerastl.data.windows": "kerastl.data.inputs.windows",
    "kerastl.run.files": "kerastl.files",
    "kerastl.run.folder": "kerastl.runs",
    "kerastl.run.listening": "kerastl.listening",
    "kerastl.run.listening.evaluate": "kerastl.listening.detection_scores",
    "kerastl.run.listening.hearing": "kerastl.listening.scored_recordings",
    "kerastl.run.listening.listener": "kerastl.listening.stream_scorer",
    "kerastl.run.listening.predict": "kerastl.listening.detection",
    "kerastl.run.listening.scorer": "kerastl.listening.window_scorer",
    "kerastl.run.listening.tuning": "kerastl.listening.recording_thresholds",
    "kerastl.run.listening.windows": "kerastl.listening.sliding_window",
    "kerastl.run.report": "kerastl.report",
    "kerastl.run.report.missing": "kerastl.report.unknown_labels",
    "kerastl.run.report.source": "kerastl.run.record",
    "kerastl.training.cache": "kerastl.features.cache",
    "kerastl.training.cache.fingerprint": "kerastl.features.cache.fingerprints",
    "kerastl.training.cache.folder": "kerastl.features.cache.pruning",
    "kerastl.training.cache.identities": "kerastl.features.cache.file_hashes",
    "kerastl.training.cache.segments": "kerastl.features.cache.feature_file",
    "kerastl.training.cache.store": "kerastl.features.cache.feature_store",
    "kerastl.training.choice": "kerastl.training.auto_evidence",
    "kerastl.training.engines": "kerastl.features.engines",
    "kerastl.training.engines.choice": "kerastl.features.engines.selection",
    "kerastl.training.exact": "kerastl.training.exact_head.solving",
    "kerastl.training.extraction": "kerastl.features.extraction",
    "kerastl.training.features": "kerastl.features.source",
    "kerastl.training.fit": "kerastl.training.phases",
    "kerastl.training.learning": "kerastl.training.learning_table",
    "kerastl.training.logistic": "kerastl.training.exact_head.logistic",
    "kerastl.training.logits": "kerastl.heads.logits",
    "kerastl.training.noise": "kerastl.media.audio.noise",
    "kerastl.training.pooling": "kerastl.features.computing",
    "kerastl.training.prefix": "kerastl.features.prefix",
    "kerastl.training.recipe": "kerastl.training.fine_tuning",
    "kerastl.training.rotation": "kerastl.training.exact_head.rotation",
    "kerastl.training.solver": "kerastl.training.exact_head.solver",
    "kerastl.training.sound_augmentation": "kerastl.media.audio.augmentation",
    "kerastl.training.speed": "kerastl.features.timing",
}
NAMES: dict[str, dict[str, str]] = {
    "kerastl.data.labels": {
        "refuse_out_of_range": "kerastl.data.tables.labels:refuse_invalid_cells",
    },
    "kerastl.data.pictures": {
        "num_processors": "kerastl.threads:num_processors",
    },
    "kerastl.data.table": {
        "Table": "kerastl.data.tables.examples:Examples",
        "build_table": "kerastl.data.tables.loading:build_examples",
        "load_table": "kerastl.data.tables.loading:load_table",
        "read_frame": "kerastl.data.tables.loading:read_frame",
    },
    "kerastl.demo.driving": {
        "Drawn": "kerastl.demo.driving:DemoData",
    },
    "kerastl.demo.wake_word": {
        "Sound": "kerastl.demo.wake_word:Clip",
    },
    "kerastl.compare.answers": {
        "Answer": "kerastl.compare.contrasts:ContrastResult",
        "answer_questions": "kerastl.compare.contrasts:evaluate_contrasts",
    },
    "kerastl.compare.running": {
        "Arm": "kerastl.compare.trials:Trial",
        "arm_path": "kerastl.compare.trials:trial_path",
        "run_arms": "kerastl.compare.trials:run_trials",
    },
    "kerastl.compare.scores": {
        "Score": "kerastl.evaluation.replicates:ReplicatedScore",
        "TestRows": "kerastl.compare.paired_scores:PairedRows",
    },
    "kerastl.compare.sides": {
        "Question": "kerastl.compare.study:Contrast",
        "Side": "kerastl.compare.study:TrainingVariant",
        "Training": "kerastl.compare.study:TrainingRows",
        "arm_config": "kerastl.compare.study:trial_config",
    },
    "kerastl.compare.verdicts": {
        "Difference": "kerastl.compare.verdicts:ScoreDifference",
    },
    "kerastl.evaluation.thresholds": {
        "Choice": "kerastl.evaluation.thresholds:ChosenThreshold",
    },
    "kerastl.run.bundle": {
        "file_sha256": "kerastl.files:file_sha256",
    },
    "kerastl.run.folder": {
        "finish_run": "kerastl.run.layout:finish_run",
        "free_name": "kerastl.run.layout:free_name",
        "refuse_taken": "kerastl.run.layout:refuse_taken",
        "start_run": "kerastl.run.layout:start_run",
    },
    "kerastl.run.inference": {
        "predict_files": "kerastl.run.inference:file_logits",
    },
    "kerastl.run.listening.evaluate": {
        "rate_policy": "kerastl.listening.recording_thresholds:rate_policy",
    },
    "kerastl.run.listening.hearing": {
        "Heard": "kerastl.listening.scored_recordings:ScoredRecordings",
        "hear": "kerastl.listening.scored_recordings:score_recordings",
    },
    "kerastl.run.listening.listener": {
        "Frames": "kerastl.listening.stream_scorer:WindowScores",
        "Listener": "kerastl.listening.stream_scorer:StreamScorer",
    },
    "kerastl.run.listening.predict": {
        "Ear": "kerastl.listening.detection:StreamingDetector",
        "News": "kerastl.listening.detection:DetectionUpdate",
    },
    "kerastl.run.report.source": {
        "Source": "kerastl.run.record:RunRecord",
        "read_source": "kerastl.run.record:read_record",
    },
    "kerastl.run.splits": {
        "read_splits": "kerastl.run.record:RunRecord",
    },
    "kerastl.run.tuning": {
        "NOT_ASKED_FOR": "kerastl.evaluation.tuning:NOT_ASKED_FOR",
        "Unseen": "kerastl.evaluation.held_out:HeldOutPredictions",
        "find_unseen": "kerastl.run.tuning:find_held_out",
    },
    "kerastl.training.cache.folder": {
        "DEFAULT_LIMIT": "kerastl.features.cache.location:DEFAULT_LIMIT",
        "Entry": "kerastl.features.cache.pruning:CacheEntry",
        "FOLDER_VARIABLE": "kerastl.features.cache.location:FOLDER_VARIABLE",
        "LIMIT_VARIABLE": "kerastl.features.cache.location:LIMIT_VARIABLE",
        "cache_folder": "kerastl.features.cache.location:cache_folder",
        "entries": "kerastl.features.cache.pruning:list_entries",
        "parse_size": "kerastl.features.cache.location:parse_size",
        "size_limit": "kerastl.features.cache.location:size_limit",
        "touch": "kerastl.features.cache.location:touch",
    },
    "kerastl.training.cache.identities": {
        "Status": "kerastl.files:FileStatus",
    },
    "kerastl.training.cache.segments": {
        "Segment": "kerastl.features.cache.feature_file:FeatureFile",
        "read_segment": "kerastl.features.cache.feature_file:read_feature_file",
        "write_segment": "kerastl.features.cache.feature_file:write_feature_file",
    },
    "kerastl.training.choice": {
        "Supply": "kerastl.training.auto_evidence:LabelSupply",
        "measure_gain": "kerastl.evaluation.gains:measure_gain",
        "reason_not_to_try": "kerastl.training.auto_evidence:reason_not_to_fine_tune",
    },
    "kerastl.training.engines.agreement": {
        "compare": "kerastl.features.engines.agreement:compare_features",
    },
    "kerastl.training.engines.choice": {
        "Engines": "kerastl.features.engines.selection:EngineSelector",
        "Need": "kerastl.features.engines.verdicts:Purpose",
    },
    "kerastl.training.engines.openvino_engine": {
        "is_kept": "kerastl.features.engines.openvino_engine:is_stored",
    },
    "kerastl.training.extraction": {
        "Check": "kerastl.features.comparison:ComparedFeatures",
        "Pass": "kerastl.features.extraction:Extractor",
    },
    "kerastl.training.features": {
        "too_different": "kerastl.features.comparison:engines_above_limit",
    },
    "kerastl.training.fit": {
        "Fitted": "kerastl.training.phases:TrainingResult",
    },
    "kerastl.training.phases": {
        "Examples": "kerastl.data.tables.examples:Examples",
        "by_head": "kerastl.training.keras_fitting:by_head",
    },
    "kerastl.training.pooling": {
        "Run": "kerastl.runs:Run",
        "run_pooled": "kerastl.features.computing:compute_features",
    },
    "kerastl.training.prefix": {
        "CutInputs": "kerastl.features.prefix:PrefixOutputs",
    },
    "kerastl.training.speed": {
        "PassClock": "kerastl.features.timing:ExtractionClock",
        "ShowEpochs": "kerastl.training.epoch_notes:EpochNotes",
        "summary_of_pass": "kerastl.features.timing:extraction_text",
    },
}  # by module: old name to `module:name`


def new_path(module: str) -> str | None:
    """Returns the current path of a moved module, or None if it has not moved."""
    old, rest = module, ""
    while old:
        if old in MODULES:
            return MODULES[old] + rest
        old, _, last = old.rpartition(".")
        rest = f".{last}{rest}"
    return None


class MovedModules(MetaPathFinder):
    """Finds the modules that have moved, and the names that have moved out of a module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if new := new_path(fullname):
            return ModuleSpec(fullname, _MovedModule(new), is_package=True)
        if fullname in NAMES:
            spec = PathFinder.find_spec(fullname, path)
            if spec and spec.origin:
                spec.loader = _ModuleWithMovedNames(fullname, spec.origin)
            return spec
        return None


class _MovedModule(Loader):
    """Gives an old path the contents of the module at the new one."""

    def __init__(self, new: str) -> None:
        self._new = new

    def exec_module(self, module: ModuleType) -> None:
        _warn(module.__name__, self._new)
        contents = vars(importlib.import_module(self._new))
        vars(module).update({n: value for n, value in contents.items() if not n.startswith("__")})
        vars(module)["__getattr__"] = lambda name: _moved_name(module.__name__, name)


class _ModuleWithMovedNames(SourceFileLoader):
    """Loads a module from its file and adds the names that have moved out of it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        vars(module)["__getattr__"] = lambda name: _moved_name(module.__name__, name)


def _moved_name(module: str, name: str) -> Any:
    path = NAMES.get(module, {}).get(name)
    if path is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new_module, _, new_name = path.partition(":")
    _warn(f"{module}.{name}", f"{new_module}.{new_name}", stacklevel=4)
    return getattr(importlib.import_module(new_module), new_name)


def _warn(old: str, new: str, *, stacklevel: int = 3) -> None:
    warnings.warn(
        f"{old} has moved to {new}. The old path will be removed in the next release.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def install() -> None:
    """Makes old import paths work; calling it again changes nothing."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, MovedModules())
