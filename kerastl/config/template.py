"""The commented config that `kerastl config init` writes."""

from pathlib import Path

from kerastl.errors import ConfigError

_TEMPLATE = """\
# A kerastl config. `kerastl config validate FILE` checks it, `kerastl train FILE` trains it.
# Lines that begin with "#" and a key show the default, or an example if there is none:
# remove the "#" to change it.
# Paths are relative to the folder of this file.

data:
  table: examples.csv          # CSV or Parquet, one row per example; or a list of such tables
  image: path                  # column with the path of the image; or audio: path
  tasks: [first_task, second_task]   # columns with the labels: 1, 0, or blank for unknown
  # group: patient             # rows of one group never fall into different splits
  # split:
  #   validation: 0.15         # fraction of the rows, above 0 and below 1
  #   test: 0.15
  #   method: stratified       # stratified | random | hash
  #   seed: 0
  # split: {column: split}     # or a column that holds train, validation or test
  # labels:                    # only if cells are not 1, 0 and blank
  #   first_task:
  #     positive: ["1"]
  #     negative: ["0"]
  #     uncertain: []
  #     when_uncertain: ignore # ignore | positive | negative | {soft: 0.7}
  # resize: stretch            # stretch | pad | crop
  # window: center             # of audio: start | center | loudest | pool
  # sample_rate_hz: null       # of audio; null: the rate of the backbone

backbone:
  name: tiny:image             # `kerastl backbones list` shows the names
  # weights: default           # the first published name; or another, a file, or null for random
  # input_size: null           # pixels of the square input, or [height, width]
  # options: {}                # such as {alpha: 0.5}; `kerastl backbones show` lists them

# heads: single                # one output for all tasks | multi: one per task | by name:
# heads:
#   findings:
#     tasks: [first_task, second_task]
#     hidden: []               # units of each hidden layer, such as [64]
#     dropout: 0.0
#     weight: 1.0

# trainable: false             # false | true | auto | {stages: 2} | {variables: "*"}
                               # with batch_norm: update, BatchNorm statistics are updated

# loss:
#   label_smoothing: 0.0
#   positive_weight: null      # null | auto | a number | {first_task: 3.0}

# augment:                     # of images
#   flip: false
#   rotate: 0.0                # fraction of the full circle, 0 to 0.5
#   zoom: 0.0
#   shift: 0.0
#   brightness: 0.0
#   contrast: 0.0
# augment:                     # of audio
#   shift: 0.0                 # fraction of the window
#   gain: 0.0                  # decibels
#   noise: null                # {color: pink, snr_db: [5, 30], probability: 0.5}
                               # or {files: [noise/]}: files, and folders of files
#   reverberation: null        # {seconds: [0.1, 0.5], probability: 0.5}
#   spec_augment: null         # {time: 0.1, frequency: 0.15, masks: 2}

# evaluation:
#   threshold: youden          # or f1, sensitivity>=0.9, specificity>=0.9, precision>=0.9, 0.5;
                               # or one per task: {first_task: f1}; for audio also
                               # false_accepts_per_hour<=1, chosen on long recordings
#   recordings: null           # their table: path, word, start_seconds, end_seconds
#   listening: {hop_seconds: 0.1, smooth_windows: 3, refractory_seconds: 1.0,
#               tolerance_seconds: 0.1}
#   calibrate: true            # a scale and an offset per task, fitted on held-out examples
#   bootstrap: 1000            # replicates for the intervals; 0: no intervals
#   seed: 0

# fit:                         # without augmentation, on a frozen backbone with linear heads:
#   solver: exact
#   regularization: auto       # or a number above 0
#   folds: 5
#   seed: 0
#   engine: auto               # auto | keras | openvino
# fit:                         # otherwise:
#   solver: keras
#   epochs: 20
#   batch_size: 32
#   learning_rate: 1.0e-3
#   backbone_learning_rate: 1.0e-4
#   fine_tuning_learning_rate: null   # of fitted heads in fine-tuning; null: the same
#   warmup_epochs: 1           # of fine-tuning, over which the rates rise
#   schedule: cosine           # cosine | constant: the rates after that
#   patience: 5                # epochs without improvement before training stops; null: never
#   seed: 0
#   engine: auto
"""


def config_template() -> str:
    """Returns a commented config to start from; it is valid as it stands."""
    return _TEMPLATE


def write_template(path: Path) -> None:
    """Writes the commented config to a new file.

    Raises:
        ConfigError: The file exists, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE)
    except FileExistsError:
        raise ConfigError(
            f"The file '{path}' already exists.", fix="Name another file, or remove this one."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The file '{path}' cannot be written.", received=error.strerror or str(error)
        ) from None
