"""From an axis to its variants and contrasts."""

import pytest

from kerastl.compare.axes import plan_study
from kerastl.compare.study import trial_config
from kerastl.config import ExactFit, KerasFit
from kerastl.errors import ConfigError


@pytest.fixture
def study(make_config, table):
    def plan(axis: str, **sections):
        config = make_config(**sections)
        return plan_study(axis, config, table, fit=dict(config.fit))

    return plan


def names(study) -> list[str]:
    return [variant.name for variant in study.variants]


def configs(study, config, tmp_path, fit=None):
    return {
        variant.name: trial_config(
            config,
            variant,
            seed=4,
            table=tmp_path / "t.csv",
            backbone_run=None,
            fit={**dict(config.fit), **(fit or {})},
        )
        for variant in study.variants
        if variant.backbone_of is None
    }


def test_each_side_has_the_augmentation_of_its_own_kind_of_training(
    study, make_config, tmp_path
) -> None:
    for sections in ({}, {"trainable": True}):
        found = study("trainable=false,true", **sections)
        both = configs(found, make_config(**sections), tmp_path)
        assert both["false"].augment is None
        assert both["true"].augment == make_config(trainable=True).augment


def test_augmentation_that_is_null_stays_off_on_both_sides(study, make_config, tmp_path) -> None:
    both = configs(study("trainable=false,true"), make_config(augment=None), tmp_path)
    assert both["false"].augment is both["true"].augment is None


def test_a_change_that_a_config_names_is_for_both_sides(study, make_config, tmp_path) -> None:
    for sections in ({}, {"trainable": True}):
        config = make_config(augment={"flip": False, "rotate": 0.1}, **sections)
        both = configs(study("trainable=false,true", **sections), config, tmp_path)
        assert both["false"].augment.active == ("rotate",)
        assert set(both["true"].augment.active) == {
            "rotate",
            "zoom",
            "shift",
            "brightness",
            "contrast",
        }


def test_examples_are_compared_with_the_next_smaller_number(study) -> None:
    found = study("examples=60,20,all")
    assert names(found) == ["20", "60", "all"]
    assert [(q.first, q.second) for q in found.contrasts] == [
        (("60",), ("20",)),
        (("all",), ("60",)),
    ]


def test_default_numbers_of_examples_above_the_table_are_left_out(study) -> None:
    assert names(study("examples")) == ["50", "all"]


@pytest.mark.parametrize("value", ["81", "0", "half", "true", "2.5"])
def test_numbers_of_examples_that_cannot_be_drawn_are_refused(study, value) -> None:
    with pytest.raises(ConfigError, match="cannot have these values"):
        study(f"examples={value},all")


def test_any_key_of_the_config_can_vary_and_the_first_value_is_the_base(
    study, make_config, tmp_path
) -> None:
    found = study("loss.label_smoothing=0.0,0.1,0.2")
    assert names(found) == ["0", "0.1", "0.2"]
    assert {contrast.second for contrast in found.contrasts} == {("0",)}
    smoothing = [c.loss.label_smoothing for c in configs(found, make_config(), tmp_path).values()]
    assert smoothing == [0.0, 0.1, 0.2]


def test_frozen_variants_are_solved_and_the_others_keep_the_rates_of_the_config(
    study, make_config, tmp_path
) -> None:
    base = {"trainable": True, "fit": {"epochs": 3, "patience": None}}
    found = configs(study("trainable", **base), make_config(**base), tmp_path)
    assert isinstance(found["false"].fit, ExactFit)
    for name in ("stages: 1", "true", "from scratch"):
        assert isinstance(found[name].fit, KerasFit)
        assert (found[name].fit.epochs, found[name].fit.patience) == (3, None)
        assert found[name].fit.seed == 4


def test_from_scratch_has_random_weights_one_rate_and_moving_statistics(
    study, make_config, tmp_path
) -> None:
    base = {"trainable": True, "backbone": {"name": "tiny:image", "input_size": 32}}
    scratch = configs(study("trainable", **base), make_config(**base), tmp_path)["from scratch"]
    assert scratch.backbone.weights is None
    assert scratch.trainable.batch_norm == "update"
    assert scratch.fit.backbone_learning_rate == scratch.fit.learning_rate


def test_the_solver_of_the_config_stays_if_trainable_stays(study, make_config, tmp_path) -> None:
    base = {"fit": {"solver": "keras", "epochs": 2}}
    found = configs(study("unknown", **base), make_config(**base), tmp_path)
    assert all(isinstance(config.fit, KerasFit) for config in found.values())


def test_each_value_of_trainable_has_the_solver_that_suits_it_whatever_the_config_names(
    study, make_config, tmp_path
) -> None:
    base = {"fit": {"solver": "keras", "epochs": 2}}
    axis = "trainable=false,{stages: 1}"
    found = configs(study(axis, **base), make_config(**base), tmp_path)
    assert isinstance(found["false"].fit, ExactFit)
    assert (found["stages: 1"].fit.solver, found["stages: 1"].fit.epochs) == ("keras", 2)


def test_linear_heads_are_solved_though_the_hidden_layer_of_the_config_needs_keras(
    study, make_config, tmp_path
) -> None:
    base = {"heads": {"all": {"tasks": ["car", "bus", "van"], "hidden": [4]}}}
    axis = "heads={all: {tasks: [car, bus, van], hidden: [4]}},single"
    found = configs(study(axis, **base), make_config(**base), tmp_path)
    assert [config.fit.solver for config in found.values()] == ["keras", "exact"]


def test_keys_of_fit_act_on_the_variants_that_know_them(study, make_config, tmp_path) -> None:
    fit = {"epochs": 3, "learning_rate": 0.5}
    found = configs(study("trainable=false,true"), make_config(), tmp_path, fit)
    assert isinstance(found["false"].fit, ExactFit)
    assert (found["true"].fit.epochs, found["true"].fit.learning_rate) == (3, 0.5)


def test_from_scratch_has_the_rate_that_only_the_trained_variants_know(
    make_config, table, tmp_path
) -> None:
    config = make_config()
    fit = {**dict(config.fit), "learning_rate": 0.5}
    found = plan_study("trainable", config, table, fit=fit)
    scratch = configs(found, config, tmp_path, fit)["from scratch"]
    assert scratch.fit.backbone_learning_rate == 0.5


def test_solvers_can_be_compared_each_with_its_own_keys(study, make_config, tmp_path) -> None:
    found = configs(study("fit.solver=exact,keras"), make_config(), tmp_path)
    assert isinstance(found["exact"].fit, ExactFit)
    assert isinstance(found["keras"].fit, KerasFit)


def test_policies_for_uncertain_labels_vary_for_the_tasks_that_have_some(
    study, make_config, tmp_path
) -> None:
    found = configs(study("uncertain"), make_config(), tmp_path)
    policies = [config.data.labels["van"].when_uncertain for config in found.values()]
    assert policies[:3] == ["ignore", "positive", "negative"]
    assert policies[3].soft == 0.7
    assert all(set(config.data.labels) == {"van"} for config in found.values())


def test_unknown_labels_may_be_a_weak_no_of_every_task(study, make_config, tmp_path) -> None:
    found = configs(study("unknown=masked,{weak_negative: 0.1}"), make_config(), tmp_path)
    masked, weak = found.values()
    assert not any(policy.unknown_weight for policy in masked.data.labels.values())
    assert {policy.unknown_weight for policy in weak.data.labels.values()} == {0.1}
    assert set(weak.data.labels) == set(weak.data.tasks)


def test_another_backbone_takes_its_own_weights_and_options(study, make_config, tmp_path) -> None:
    found = configs(study("backbone=tiny:image,run:a"), make_config(), tmp_path)
    assert found["tiny:image"].backbone.weights is None
    assert found["run:a"].backbone.weights == "default"
    assert found["run:a"].backbone.input_size == 32


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        ("trainabel", "Did you mean 'trainable'"),
        ("fit.epochs", "not an axis by itself"),
        ("trainable=", "The axis is missing"),
        ("trainable=[", "cannot have these values"),
        ("trainable=true,true", "each value once"),
        ("trainable=true", "at least two values"),
        ("backbone", "needs the names of backbones"),
        ("unknown=maskd,drop rows", "Did you mean 'masked'"),
        ("sharing=frosen", "Did you mean 'frozen'"),
        ("fit.learning_rate=.inf,1e-4", "cannot have these values"),
    ],
)
def test_an_unknown_axis_is_refused_with_the_known_ones(study, axis, text) -> None:
    with pytest.raises(ConfigError) as refused:
        study(axis)
    assert text in str(refused.value)


def test_sharing_has_all_tasks_each_alone_and_all_but_each(study) -> None:
    found = study("sharing=fine-tuned")
    assert [variant.tasks for variant in found.variants if not variant.is_supporting] == [
        ("car", "bus", "van"),
        ("car",),
        ("bus",),
        ("van",),
        ("bus", "van"),
        ("car", "van"),
        ("car", "bus"),
    ]
    answer = found.contrasts[0]
    assert answer.first == ("all tasks, fine-tuned",)
    assert len(answer.second) == 3


def test_with_two_tasks_alone_is_all_but_the_other(make_config, table) -> None:
    config = make_config()
    two = config.model_copy(
        update={"data": config.data.model_copy(update={"tasks": ("car", "bus"), "labels": {}})}
    )
    from dataclasses import replace

    smaller = replace(table, tasks=("car", "bus"))
    found = plan_study("sharing=frozen", two, smaller, fit={})
    assert [variant.tasks for variant in found.variants] == [("car", "bus"), ("car",), ("bus",)]


def test_the_frozen_variants_share_a_hidden_layer_and_the_backbone_is_frozen(
    study, make_config, tmp_path
) -> None:
    found = configs(study("sharing=frozen"), make_config(), tmp_path)
    for config in found.values():
        assert config.trainable is False
        (head,) = config.heads.values()
        assert head.hidden == (64,)
        assert isinstance(config.fit, KerasFit)


def test_heads_of_the_config_keep_their_weight_and_lose_the_tasks_that_are_left_out(
    study, make_config, tmp_path
) -> None:
    base = {"heads": {"big": {"tasks": ["car"], "weight": 9}, "rest": {"tasks": ["bus", "van"]}}}
    found = configs(study("sharing=fine-tuned", **base), make_config(**base), tmp_path)
    alone = found["bus alone, fine-tuned"]
    assert {name: head.tasks for name, head in alone.heads.items()} == {"rest": ("bus",)}
    assert found["all but van, fine-tuned"].heads["big"].weight == 9


def test_weights_of_tasks_that_are_left_out_are_left_out(study, make_config, tmp_path) -> None:
    base = {"loss": {"task_weight": {"car": 2.0, "bus": 3.0}}}
    found = configs(study("sharing=fine-tuned", **base), make_config(**base), tmp_path)
    assert found["bus alone, fine-tuned"].loss.task_weight == {"bus": 3.0}
    assert found["all but bus, fine-tuned"].loss.task_weight == {"car": 2.0}


def test_what_the_others_learned_is_lent_to_each_task(study) -> None:
    found = study("sharing=fine-tuned")
    lent = {variant.tasks: variant.backbone_of for variant in found.variants if variant.backbone_of}
    assert lent[("car",)] == "all but car, fine-tuned"
    assert list(lent) == [("car",), ("bus",), ("van",)]


def test_sharing_from_scratch_starts_every_network_from_random_weights(
    study, make_config, tmp_path
) -> None:
    base = {"backbone": {"name": "tiny:image", "input_size": 32}}
    found = study("sharing=scratch", **base)
    by_name = configs(found, make_config(**base), tmp_path)
    assert {config.backbone.weights for config in by_name.values()} == {None}
    for name in ("all tasks, scratch", "car alone, scratch", "all but car, scratch"):
        assert by_name[name].trainable.batch_norm == "update"
        assert by_name[name].fit.backbone_learning_rate == by_name[name].fit.learning_rate
    assert by_name["linear heads on random features"].trainable is False


def test_the_modes_of_sharing_have_no_variant_in_common(study) -> None:
    found = names(study("sharing=frozen,fine-tuned,scratch"))
    assert len(set(found)) == len(found) == 7 + 11 + 11


def test_sharing_is_frozen_and_fine_tuned_unless_scratch_is_named(study) -> None:
    modes = {variant.mode for variant in study("sharing").variants}
    assert modes == {"frozen", "fine-tuned"}
