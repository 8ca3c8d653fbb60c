"""The config: reads strict YAML into one frozen `Config`.

Convention: nothing here imports Keras, TensorFlow, NumPy or pandas.
"""

from kerastl.config.augment_section import AugmentConfig
from kerastl.config.data_sections import ColumnSplit, DataConfig, FractionSplit, LabelPolicy, Soft
from kerastl.config.evaluation_section import EvaluationConfig, ListeningConfig
from kerastl.config.loader import (
    config_schema,
    config_values,
    dump_config,
    is_weights_file,
    load_config,
    parse_config,
)
from kerastl.config.schema import BackboneConfig, Config
from kerastl.config.template import config_template, write_template
from kerastl.config.training_sections import (
    ExactFit,
    HeadConfig,
    KerasFit,
    LossConfig,
    TrainableAdapters,
    TrainableStages,
    TrainableVariables,
)
from kerastl.errors import ConfigError
from kerastl.media.audio.settings import NoiseConfig, ReverberationConfig, SpecAugmentConfig
