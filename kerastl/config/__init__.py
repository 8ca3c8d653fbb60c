"""The config: reads strict YAML into one frozen `Config`.

Convention: nothing here imports Keras, TensorFlow, NumPy or pandas.
"""

from kerastl.config.loader import (
    config_schema,
    config_values,
    dump_config,
    load_config,
    parse_config,
)
from kerastl.config.paths import is_weights_file
from kerastl.config.schema import (
    AugmentConfig,
    BackboneConfig,
    ColumnSplit,
    Config,
    DataConfig,
    EvaluationConfig,
    ExactFit,
    FractionSplit,
    HeadConfig,
    KerasFit,
    LabelPolicy,
    ListeningConfig,
    LossConfig,
    NoiseConfig,
    ReverberationConfig,
    Soft,
    SpecAugmentConfig,
    TrainableStages,
    TrainableVariables,
)
from kerastl.config.template import config_template, write_template
from kerastl.errors import ConfigError

__all__ = [
    "AugmentConfig",
    "BackboneConfig",
    "ColumnSplit",
    "Config",
    "ConfigError",
    "DataConfig",
    "EvaluationConfig",
    "ExactFit",
    "FractionSplit",
    "HeadConfig",
    "KerasFit",
    "LabelPolicy",
    "ListeningConfig",
    "LossConfig",
    "NoiseConfig",
    "ReverberationConfig",
    "Soft",
    "SpecAugmentConfig",
    "TrainableStages",
    "TrainableVariables",
    "config_schema",
    "config_template",
    "config_values",
    "dump_config",
    "is_weights_file",
    "load_config",
    "parse_config",
    "write_template",
]
