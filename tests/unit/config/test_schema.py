"""The schema accepts what it says and reports the rest."""

from pathlib import Path

import pytest

from kerastl.config import (
    AugmentConfig,
    ColumnSplit,
    Config,
    ExactFit,
    FractionSplit,
    KerasFit,
    LabelPolicy,
    Soft,
    TrainableAdapters,
    TrainableStages,
    TrainableVariables,
    config_values,
    dump_config,
    load_config,
    parse_config,
)
from kerastl.config.features_section import AutoFeatures, FeaturesConfig
from kerastl.config.head import Head
from kerastl.config.policies import ThresholdPolicy
from kerastl.errors import ConfigError
from kerastl.media.audio.kind import AUDIO

HEADS = {"a": {"tasks": ["car"]}, "b": {"tasks": ["stop_sign"]}}
HIDDEN = {"all": {"tasks": ["car", "stop_sign"], "hidden": [8]}}
DROPOUT = {"all": {"tasks": ["car", "stop_sign"], "dropout": 0.5}}
KERAS = {"solver": "keras"}


def data(**keys):
    return {"table": "a.csv", "image": "path", "tasks": ["car", "stop_sign"], **keys}


def test_the_shortest_config_takes_every_default(parse) -> None:
    config = parse()
    assert config.heads == "single"
    assert config.trainable is False
    assert config.fit == ExactFit()
    assert config.augment is None
    assert config.data.split == FractionSplit()
    assert config.backbone.weights == "default"


@pytest.mark.parametrize(
    ("sections", "solver"),
    [
        ({}, "exact"),
        ({"heads": "multi"}, "exact"),
        ({"heads": HEADS}, "exact"),
        ({"augment": {"flip": False}}, "exact"),
        ({"fit": {"folds": 3}}, "exact"),
        ({"heads": HIDDEN}, "keras"),
        ({"heads": DROPOUT}, "keras"),
        ({"trainable": True}, "keras"),
        ({"trainable": "auto"}, "keras"),
        ({"trainable": {"stages": 1}}, "keras"),
        ({"augment": {"flip": True}}, "keras"),
        ({"trainable": True, "fit": {"epochs": 3}}, "keras"),
        ({"fit": KERAS}, "keras"),
    ],
)
def test_the_solver_follows_from_what_is_trained(parse, sections, solver) -> None:
    assert parse(**sections).fit.solver == solver


USUAL = {"flip": True, "zoom": 0.3, "shift": 0.1, "brightness": 0.1, "contrast": 0.2}
UNFROZEN = [True, "auto", {"stages": 1}, {"variables": "*"}]


@pytest.mark.parametrize("trainable", UNFROZEN)
def test_images_are_augmented_by_default_if_the_backbone_is_trained(parse, trainable) -> None:
    config = parse(trainable=trainable)
    assert config.augment == AugmentConfig(**USUAL)
    assert parse(trainable=trainable, augment={}) == config


@pytest.mark.parametrize("trainable", UNFROZEN)
def test_augmentation_that_is_null_stays_off(parse, trainable, tmp_path: Path) -> None:
    config = parse(trainable=trainable, augment=None)
    assert config.augment is None
    (tmp_path / "dumped.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "dumped.yaml") == config


def test_a_network_that_starts_at_random_is_trained_on_augmented_images(parse) -> None:
    config = parse(trainable=True, backbone={"name": "tiny:image", "weights": None})
    assert config.augment == AugmentConfig(**USUAL)


def test_one_change_can_be_switched_off_or_added(parse) -> None:
    config = parse(trainable=True, augment={"flip": False, "rotate": 0.1})
    assert config.augment == AugmentConfig(**{**USUAL, "flip": False, "rotate": 0.1})
    assert parse(augment={"rotate": 0.1}).augment == AugmentConfig(rotate=0.1)


def test_the_augmentation_by_default_is_dumped(parse, tmp_path: Path) -> None:
    config = parse(trainable=True)
    (tmp_path / "dumped.yaml").write_text(dump_config(config))
    assert "zoom: 0.3" in dump_config(config)
    assert load_config(tmp_path / "dumped.yaml") == config


@pytest.mark.parametrize(
    ("sections", "culprit"),
    [
        ({"heads": HIDDEN}, "heads.all.hidden"),
        ({"heads": DROPOUT}, "heads.all.dropout"),
        ({"trainable": True}, "trainable: true"),
        ({"trainable": "auto"}, "trainable: auto"),
        ({"trainable": {"stages": 1}}, "trainable"),
        ({"augment": {"rotate": 0.1}}, "augment"),
    ],
)
def test_exact_is_refused_where_it_is_impossible(problems, sections, culprit) -> None:
    (problem,) = problems(fit={"solver": "exact"}, **sections)
    assert problem.startswith(f"fit.solver: exact cannot be used with {culprit}: it solves")


@pytest.mark.parametrize(
    "key",
    [
        "epochs",
        "batch_size",
        "learning_rate",
        "backbone_learning_rate",
        "warmup_epochs",
        "patience",
    ],
)
def test_a_key_of_keras_means_nothing_with_exact(problems, key) -> None:
    (problem,) = problems(fit={"solver": "exact", key: 1})
    assert problem == (
        f"fit.{key}: has no effect with solver: exact. Set fit.solver: keras, or remove fit.{key}."
    )


@pytest.mark.parametrize("rate", [None, "auto", 0.01])
def test_the_rate_of_the_backbone_is_a_number_auto_or_null(parse, rate) -> None:
    assert parse(trainable=True, fit={"backbone_learning_rate": rate}).fit == KerasFit(
        backbone_learning_rate=rate
    )


@pytest.mark.parametrize(
    ("rate", "ending"), [("1e-4", " In YAML write 0.0001."), ("fast", ""), ([1], "")]
)
def test_another_rate_of_the_backbone_is_refused_with_what_is_expected(
    problems, rate, ending
) -> None:
    (problem,) = problems(trainable=True, fit={"backbone_learning_rate": rate})
    assert problem.startswith(
        "fit.backbone_learning_rate: expected null, auto or a number above 0, received"
    )
    assert problem.endswith(ending)


@pytest.mark.parametrize("key", ["regularization", "folds"])
def test_a_key_of_exact_means_nothing_with_keras(problems, key) -> None:
    (problem,) = problems(fit={"solver": "keras", key: 3})
    assert problem.startswith(f"fit.{key}: has no effect with solver: keras. Set fit.solver: exact")


def test_every_shape_of_trainable_is_read(parse) -> None:
    assert parse(trainable=True).trainable is True
    assert parse(trainable="auto").trainable == "auto"
    assert parse(trainable={"lora": 8}).trainable == TrainableAdapters(lora=8)
    assert parse(trainable={"stages": 2}).trainable == TrainableStages(stages=2)
    assert parse(
        trainable={"variables": "block_1/*", "batch_norm": "update"}
    ).trainable == TrainableVariables(variables=("block_1/*",), batch_norm="update")


def test_every_shape_of_split_is_read(parse) -> None:
    assert parse(data=data(split={"column": "part"})).data.split == ColumnSplit(column="part")
    assert parse(data=data(split={"test": 0.5})).data.split == FractionSplit(test=0.5)


def test_every_shape_of_table_is_read(parse, tmp_path: Path) -> None:
    one, two = parse().data, parse(data=data(table=["a.csv", "b.parquet"])).data
    assert one.table == tmp_path / "a.csv"
    assert one.tables == (tmp_path / "a.csv",)
    assert two.table == two.tables == (tmp_path / "a.csv", tmp_path / "b.parquet")


def test_every_shape_of_input_size_is_read(parse) -> None:
    backbone = {"name": "tiny:image"}
    assert parse(backbone={**backbone, "input_size": 64}).backbone.input_size == 64
    assert parse(backbone={**backbone, "input_size": [64, 96]}).backbone.input_size == (64, 96)
    assert parse(backbone={**backbone, "input_size": None}).backbone.input_size is None


def test_every_shape_of_positive_weight_is_read(parse) -> None:
    for weight in (None, "auto", 2.0, {"car": 3.0}):
        assert parse(loss={"positive_weight": weight}).loss.positive_weight == weight


def test_a_label_policy_is_read(parse) -> None:
    policy = {"positive": ["Y"], "uncertain": ["-1"], "when_uncertain": {"soft": 0.7}}
    assert parse(data=data(labels={"car": policy})).data.labels["car"] == LabelPolicy(
        positive=("Y",), uncertain=("-1",), when_uncertain=Soft(soft=0.7)
    )


def test_the_modality_follows_from_the_file_column(parse) -> None:
    audio = parse(data={"table": "a.csv", "audio": "clip", "tasks": ["seven"]}).data
    assert (audio.modality, audio.file_column) == ("audio", "clip")
    assert (parse().data.modality, parse().data.file_column) == ("image", "path")


def test_a_head_is_linear_without_hidden_layers_and_dropout() -> None:
    assert Head(name="car", tasks=("car",)).is_linear
    assert not Head(name="car", tasks=("car",), hidden=(4,)).is_linear
    assert not Head(name="car", tasks=("car",), dropout=0.5).is_linear


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"heads": {"a": HEADS["a"]}}, ["heads: no head answers 'stop_sign'. Add each"]),
        (
            {"heads": {"a": {"tasks": ["car", "stop_sign"]}, "b": {"tasks": ["car"]}}},
            ["heads.b.tasks[0]: the head 'a' answers 'car' already."],
        ),
        (
            {"heads": {"a": {"tasks": ["car", "stop_sgn", "stop_sign"]}}},
            ["heads.a.tasks[1]: 'stop_sgn' is not in data.tasks. Did you mean 'stop_sign'?"],
        ),
        ({"heads": {"a/b": {"tasks": ["car", "stop_sign"]}}}, ["heads.a/b: the name of a head"]),
        ({"heads": {}}, ["heads: expected at least one entry, received an empty mapping"]),
        ({"heads": {**HEADS, "c": {"tasks": []}}}, ["heads.c.tasks: expected at least one entry"]),
        ({"heads": "singel"}, ["heads: expected one of single, multi, received 'singel'. Did you"]),
        ({"heads": 3}, ["heads: expected single, multi, or heads by name, received 3"]),
        ({"data": data(tasks=[])}, ["data.tasks: expected at least one entry"]),
        ({"data": data(tasks=["car", "car"])}, ["data.tasks[1]: 'car' is listed twice."]),
        ({"data": data(tasks="car")}, ["data.tasks: expected a list, received 'car'. Write"]),
        (
            {"data": data(tasks=[1])},
            ["data.tasks[0]: expected text, received 1. Put it in quotes."],
        ),
        ({"data": data(tasks=["path"])}, ["data.tasks[0]: the column 'path' is data.image"]),
        ({"data": data(group="car")}, ["data.group: the column 'car' is data.tasks already."]),
        ({"data": data(split={"column": "car"})}, ["data.split.column: the column 'car' is"]),
        ({"data": data(audio="clip")}, ["data.audio: given beside image."]),
        ({"data": {"table": "a.csv", "tasks": ["car"]}}, ["data.image: missing. Name the column"]),
        ({"data": data(table="")}, ["data.table: expected the path of a file, received none."]),
        ({"data": data(table=[])}, ["data.table: expected at least one entry"]),
        ({"data": data(table=3)}, ["data.table: expected the path of a table, or a list of them"]),
        ({"data": data(resize="strech")}, ["data.resize: expected one of stretch, pad, crop"]),
        (
            {"data": {"table": "a", "audio": "c", "tasks": ["t"], "resize": "pad"}},
            ["data.resize: has no effect on audio. Remove it."],
        ),
        (
            {
                "data": {"table": "a.csv", "audio": "clip", "tasks": ["seven"]},
                "augment": {"flip": True},
            },
            ["augment.flip: has no effect on audio. Remove it."],
        ),
        (
            {"data": data(split={"validation": 0.5, "test": 0.5})},
            ["data.split.test: validation and test together leave no rows for training"],
        ),
        ({"data": data(split={"test": 0})}, ["data.split.test: expected a number above 0, rec"]),
        (
            {"data": data(split={"column": "s", "test": 0.1})},
            ["data.split.test: has no effect beside column. Remove one of them."],
        ),
        (
            {"data": data(labels={"cat": {}})},
            ["data.labels.cat: 'cat' is not in data.tasks. Did you mean 'car'?"],
        ),
        (
            {"data": data(labels={"car": {"positive": ["1"], "negative": ["1.0"]}})},
            ["data.labels.car.negative[0]: the cell '1.0' is listed under positive too."],
        ),
        (
            {"data": data(labels={"car": {"uncertain": ["0"]}})},
            ["data.labels.car.uncertain[0]: the cell '0' is listed under negative too."],
        ),
        (
            {"data": data(labels={"car": {"when_uncertain": "positive"}})},
            ["data.labels.car.when_uncertain: has no effect if uncertain lists no cells."],
        ),
        (
            {"data": data(labels={"car": {"uncertain": ["u"], "when_unknown": "negative"}})},
            ['data.labels.car.when_unknown: would make uncertain cells "no", too.'],
        ),
        (
            {"data": data(labels={"car": {"when_unknown": {"weak_negative": 0}}})},
            ["data.labels.car.when_unknown.weak_negative: expected a number above 0, received 0"],
        ),
        (
            {"data": data(labels={"car": {"when_unknown": "no"}})},
            ["data.labels.car.when_unknown: expected one of ignore, negative, received 'no'"],
        ),
        (
            {"data": data(labels={"car": {"uncertain": ["u"], "when_uncertain": {"soft": 2}}})},
            ["data.labels.car.when_uncertain.soft: expected 1 or less, received 2"],
        ),
        (
            {"loss": {"positive_weight": {"cat": 2}}},
            ["loss.positive_weight.cat: 'cat' is not in data.tasks. Did you mean 'car'?"],
        ),
        (
            {"loss": {"positive_weight": 0}},
            ["loss.positive_weight: expected a number above 0, received 0"],
        ),
        ({"trainable": {"stages": 0}}, ["trainable.stages: expected 1 or more, received 0"]),
        ({"trainable": {"variables": []}}, ["trainable.variables: expected at least one entry"]),
        (
            {"trainable": {"stages": 1, "variables": "*"}},
            ["trainable.stages: has no effect beside variables. Remove one of them."],
        ),
        ({"trainable": {}}, ["trainable.stages: missing. Number of stages"]),
        ({"trainable": 2}, ["trainable: expected false, true, auto, {stages: 2},"]),
        ({"fit": {"solver": "exakt"}}, ["fit.solver: expected one of exact, keras, received"]),
        ({"fit": {**KERAS, "seed": 2**32}}, ["fit.seed: expected a number below 4294967296"]),
        ({"fit": {**KERAS, "epochs": True}}, ["fit.epochs: expected a whole number, received tr"]),
        ({"fit": {**KERAS, "epochs": 3.0}}, ["fit.epochs: expected a whole number, received 3.0"]),
        ({"fit": {**KERAS, "learning_rate": float("inf")}}, ["fit.learning_rate: expected a fini"]),
        ({"fit": {"regularization": "atuo"}}, ["fit.regularization: expected auto, received"]),
        ({"fit": None}, ["fit: expected keys, with solver: exact or solver: keras, received not"]),
        ({"augment": {"rotate": 0.6}}, ["augment.rotate: expected 0.5 or less, received 0.6"]),
        ({"augment": {"flip": 1}}, ["augment.flip: expected true or false, received 1"]),
        (
            {"backbone": {"name": "tiny:image", "input_size": [64]}},
            ["backbone.input_size: expected a whole number, or [height, width], received a list"],
        ),
        (
            {"backbone": {"name": "tiny:image", "input_size": 64.5}},
            ["backbone.input_size: expected a whole number, received 64.5"],
        ),
        (
            {"backbone": {"name": ""}},
            ["backbone.name: expected text that is not empty, received ''"],
        ),
    ],
)
def test_what_is_wrong_is_reported_at_its_path(problems, sections, expected) -> None:
    found = problems(**sections)
    assert len(found) == len(expected), found
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(beginning)


def test_multi_refuses_a_task_that_cannot_name_an_output(problems) -> None:
    (problem,) = problems(data=data(tasks=["a/b"]), heads="multi")
    assert problem.startswith("heads.a/b: the name of a head is the name of an output")


POLICIES = "youden, f1, sensitivity>=0.9, specificity>=0.9, precision>=0.9 or a number"


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        ("yuden", f": expected {POLICIES}, received 'yuden'. Did you mean 'youden'?"),
        ("best", f": expected {POLICIES}, received 'best'"),
        ("recal>=0.9", f": expected {POLICIES}, received 'recal>=0.9'"),
        (
            "sensitivty>=0.9",
            f": expected {POLICIES}, received 'sensitivty>=0.9'. Did you mean 'sensitivity>=0.9'?",
        ),
        (
            "precision>=80",
            f": expected {POLICIES}, received 'precision>=80'. Write precision>= or "
            "precision~ and a share above 0, at most 1.",
        ),
        (
            "precison~0.8",
            f": expected {POLICIES}, received 'precison~0.8'. Did you mean 'precision>=0.9'?",
        ),
        (1.5, ": expected a number below 1, received 1.5"),
        (0, ": expected a number above 0, received 0"),
        ({"cra": "f1"}, ".cra: 'cra' is not in data.tasks. Did you mean 'car'?"),
        ({"car": "f2"}, f".car: expected {POLICIES}, received 'f2'. Did you mean 'f1'?"),
        (
            ["f1"],
            ": expected a policy such as youden, a probability, or one of them per task, "
            "received a list",
        ),
    ],
)
def test_a_threshold_that_is_none_is_reported_with_what_was_meant(
    problems, threshold, expected
) -> None:
    assert problems(evaluation={"threshold": threshold}) == (f"evaluation.threshold{expected}",)


def test_a_policy_per_task_leaves_the_others_with_the_default(parse) -> None:
    evaluation = parse(evaluation={"threshold": {"car": "sensitivity >= 0.9"}}).evaluation
    assert evaluation.policy("car") == ThresholdPolicy("sensitivity", 0.9)
    assert evaluation.policy("stop_sign") == ThresholdPolicy("youden")
    assert parse(evaluation={"threshold": 0.3}).evaluation.policy("car").plain == 0.3


@pytest.mark.parametrize("section", ["fit", "loss", "augment"])
def test_class_weight_is_refused_in_every_section(problems, section) -> None:
    (problem,) = problems(**{section: {"class_weight": {0: 1.0}}})
    assert problem == (
        f"{section}.class_weight: Keras's class_weight gives wrong results if labels are missing. "
        "Set loss.positive_weight."
    )


def test_a_misplaced_key_is_reported_with_its_section(problems) -> None:
    assert problems(epochs=3) == ("epochs: unknown key. Did you mean 'fit.epochs'?",)


def test_a_misspelled_key_of_the_other_shape_gets_a_suggestion(problems) -> None:
    assert problems(fit={"epoch": 3}) == ("fit.epoch: unknown key. Did you mean 'fit.epochs'?",)


def test_an_unknown_key_without_a_similar_one_is_reported(problems) -> None:
    assert problems(zzz=3) == ("zzz: unknown key",)


def test_a_name_that_looks_like_a_tag_is_an_ordinary_name(problems) -> None:
    (problem,) = problems(heads={"<keys>": {"tasks": ["car", "stop_sign"], "weigth": 1}})
    assert problem.startswith("heads.<keys>.weigth")


def test_problems_come_in_the_order_of_the_file(problems) -> None:
    found = problems(fit={**KERAS, "seed": -1, "epochs": 0}, heads=3)
    assert [problem.split(":")[0] for problem in found] == ["fit.seed", "fit.epochs", "heads"]


def test_a_config_is_frozen(parse) -> None:
    with pytest.raises(ConfigError, match=r"`changed\(heads=...\)` returns changed settings"):
        parse().heads = "multi"


def test_a_section_that_is_made_by_keywords_explains_its_problems(parse) -> None:
    with pytest.raises(ConfigError, match=r"heads: expected .*\n.*fit.epochs: expected 1 or more"):
        Config(**{**dict(parse()), "heads": 3, "fit": {"solver": "keras", "epochs": 0}})


def test_the_schema_works_from_python_too(parse, tmp_path: Path) -> None:
    built = Config(
        data={"table": tmp_path / "a.csv", "image": "path", "tasks": ("car", "stop_sign")},
        backbone={"name": "tiny:image"},
        fit=KerasFit(),
    )
    assert built == parse(fit=KERAS)


def audio_problems(**sections: object) -> tuple[str, ...]:
    data = {"table": "t.csv", "audio": "path", "tasks": ["seven"]}
    with pytest.raises(ConfigError) as caught:
        parse_config({"data": data, "backbone": {"name": "run:a"}, **sections})
    return caught.value.problems


def test_audio_has_changes_of_its_own_if_the_backbone_is_trained() -> None:
    data = {"table": "t.csv", "audio": "path", "tasks": ["seven"]}
    found = parse_config({"data": data, "backbone": {"name": "run:a"}, "trainable": True}).augment
    assert found == AugmentConfig(**AUDIO.usual_augment)
    assert set(found.active) == set(AUDIO.usual_augment)


def test_augmentations_of_another_media_type_are_refused() -> None:
    assert audio_problems(augment={"flip": True, "gain": 3.0}) == (
        "augment.flip: has no effect on audio. Remove it.",
    )
    images = {"table": "t.csv", "image": "path", "tasks": ["car"]}
    raw = {"data": images, "backbone": {"name": "run:a"}, "augment": {"spec_augment": {}}}
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    assert caught.value.problems == ("augment.spec_augment: has no effect on images. Remove it.",)


def test_windows_and_rates_are_refused_for_images() -> None:
    images = {"table": "t.csv", "image": "path", "tasks": ["car"]}
    raw = {"data": {**images, "window": "pool", "sample_rate_hz": 8000}}
    with pytest.raises(ConfigError) as caught:
        parse_config({**raw, "backbone": {"name": "run:a"}})
    assert caught.value.problems == (
        "data.window: has no effect on images. Remove it.",
        "data.sample_rate_hz: has no effect on images. Remove it.",
    )


def test_a_range_names_its_smaller_bound_first() -> None:
    assert audio_problems(augment={"noise": {"snr_db": [30.0, 5.0]}}) == (
        "augment.noise.snr_db: expected two numbers, the smaller one first",
    )


def test_a_range_has_two_bounds() -> None:
    assert audio_problems(augment={"noise": {"snr_db": [5.0, 10.0, 30.0]}}) == (
        "augment.noise.snr_db: expected at most 2 entries, received a list",
    )


def test_augmented_audio_is_fitted_by_keras() -> None:
    data = {"table": "t.csv", "audio": "path", "tasks": ["seven"]}
    raw = {"data": data, "backbone": {"name": "run:a"}, "augment": {"noise": {}}}
    assert parse_config(raw).fit.solver == "keras"


def test_a_frozen_backbone_computes_more_than_its_feature_vector_and_a_trained_one_does_not(
    parse,
) -> None:
    assert parse().features == FeaturesConfig()
    assert parse(features={}).features == FeaturesConfig()
    assert parse(features=None).features is None
    assert parse(trainable="auto").features == FeaturesConfig()
    for trainable in (True, {"stages": 1}):
        assert parse(trainable=trainable).features is None
        assert (
            parse(trainable=trainable, features=config_values(parse())["features"]).features is None
        )


def test_auto_is_short_for_the_usual_cost(parse) -> None:
    assert parse(features="auto").features == AutoFeatures(cost=4)
    assert parse(features={"cost": 2}).features == AutoFeatures(cost=2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"features": {"flips": True}, "trainable": True}, "features: has an effect only if"),
        (
            {"features": "auto", "trainable": "auto"},
            "features: cannot be auto if trainable is auto",
        ),
        (
            {"features": {"sizes": [64]}, "trainable": "auto"},
            "features: asks for input sizes, which needs",
        ),
        ({"features": {"shift": 0.1}}, "features.shift: has no effect on images"),
        ({"features": {"stages": []}}, "features.stages"),
        ({"features": {"cost": 0.5}}, "features.cost"),
        ({"features": {"size": [64]}}, "Did you mean 'features.sizes'"),
        ({"features": {"sizes": [64, [32, 96]]}}, r"sizes\[1\]: exceeds the largest size"),
        (
            {"features": {"sizes": [64]}, "backbone": {"name": "tiny:image", "input_size": 96}},
            "features.sizes: lacks backbone.input_size, 96",
        ),
    ],
)
def test_features_without_effect_are_refused(parse, keys, message) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(**keys)
