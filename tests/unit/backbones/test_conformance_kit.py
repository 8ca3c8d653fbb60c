"""The kit itself: a good plugin passes, each wrong one fails exactly the check that it should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kerastl.backbones.testing import CHECKS, parametrize_with_checks, run_checks
from kerastl.errors import BackboneError

SOURCE = """
IMPORTS
from kerastl.backbones import BackboneSpec, ImageInput

def build(*, weights, input):
    import keras
    from keras import layers

    class Wrong(layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=True)

    Wrong = keras.saving.register_keras_serializable("FAMILY")(Wrong)
    raw = keras.Input(input.shape)
    values = raw
    for _ in range(SCALINGS):
        values = layers.Rescaling(1 / 127.5, offset=-1.0)(values)
    for width in (8, 16):
        values = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(values)
        values = layers.NORM()(values)
        values = layers.ReLU()(values)
    values = layers.GlobalAveragePooling2D()(values)
    return keras.Model(raw, values)

class Family:
    def names(self):
        return ("net",)
    def spec(self, name, *, options={}):
        return BackboneSpec(
            id="FAMILY:net", input=ImageInput(height=32, width=32), feature_dim=16,
            num_params=1464, weights=(), license="MIT", reference="https://example.org",
            build=build, known_failures=KNOWN,
        )

family = Family()
"""


def source(*, imports="", scalings=1, norm="layers.BatchNormalization", known="{}") -> str:
    return (
        SOURCE.replace("IMPORTS", imports)
        .replace("SCALINGS", str(scalings))
        .replace("layers.NORM", norm)
        .replace("KNOWN", known)
    )


WRONG = {
    "it forgets the preprocessing": (source(scalings=0), ["preprocesses_exactly_once"]),
    "it preprocesses twice": (source(scalings=2), ["preprocesses_exactly_once"]),
    "its BatchNorm always trains": (source(norm="Wrong"), ["keeps_statistics_still"]),
    "its module is heavy": (source(imports="import numpy"), ["is_light"]),
}


@pytest.mark.parametrize("number", range(len(WRONG)), ids=list(WRONG))
def test_a_wrong_plugin_fails_exactly_its_check(add_plugin, number):
    wrong, expected = list(WRONG.values())[number]
    add_plugin(f"wrong{number}", source=wrong)
    outcomes = list(run_checks(f"wrong{number}:net"))
    assert [outcome.check for outcome in outcomes if outcome.is_failure] == expected
    assert [outcome.check for outcome in outcomes] == list(CHECKS)


BUILDS = {
    "another signature": ("build(weights)", r"takes the keywords weights, input[\s\S]*\(weights\)"),
    "no model": ("build(*, weights, input): return\ndef other(", "an object of type NoneType"),
    "an exception": (
        "build(*, weights, input): raise OSError('no file')\ndef other(",
        r"OSError: no file \(/.*/kerastl_build2\.py:\d+\)",
    ),
}


@pytest.mark.parametrize("number", range(len(BUILDS)), ids=list(BUILDS))
def test_a_network_that_cannot_be_built_is_one_failure(add_plugin, number):
    signature, reason = list(BUILDS.values())[number]
    broken = source().replace("build(*, weights, input)", signature, 1)
    add_plugin(f"build{number}", source=broken.replace("other(:", "other():"))
    outcomes = list(run_checks(f"build{number}:net"))
    assert [outcome.check for outcome in outcomes if outcome.is_failure] == ["builds_offline"]
    assert re.search(reason, next(one.reason for one in outcomes if one.is_failure))
    skipped = [outcome for outcome in outcomes if outcome.result == "does not apply"]
    assert {outcome.reason for outcome in skipped} == {
        "the network cannot be built; see the failed check"
    }
    assert len(skipped) >= 10


def test_a_declared_failure_is_known_and_a_declared_success_is_reported(add_plugin):
    known = "{'preprocesses_exactly_once': 'reads logits', 'is_light': 'not yet'}"
    add_plugin("declared", source=source(scalings=0, known=known))
    outcomes = list(run_checks("declared:net", only=["preprocesses_exactly_once", "is_light"]))
    assert [(outcome.result, outcome.reason) for outcome in outcomes] == [
        ("known failure", "reads logits"),
        ("unexpectedly passed", "declared as failing: not yet"),
    ]


def test_a_declared_failure_of_no_check_is_refused(add_plugin):
    add_plugin("declared2", source=source(known="{'is_lihgt': 'typo'}"))
    with pytest.raises(BackboneError, match="Did you mean 'is_light'"):
        list(run_checks("declared2:net"))


def test_ids_are_readable_and_declared_failures_expected(add_plugin):
    add_plugin("ids", source=source(known="{'is_light': 'not yet'}"))
    cases = parametrize_with_checks(["ids:net"]).args[1]
    assert [case.id for case in cases] == [f"ids:net-{name}" for name in CHECKS]
    assert [mark.kwargs for mark in cases[0].marks] == [{"reason": "not yet", "strict": True}]


def test_the_plugin_of_the_how_to_passes_its_own_tests(example_plugin, example_folder):
    tests = example_folder.parent / "source" / "tests"
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        cwd=example_folder,
        env={"PYTHONPATH": str(example_folder), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert f"{len(CHECKS)} passed" in finished.stdout, finished.stdout


HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-backbone-plugin.md"


def test_the_how_to_shows_the_files_of_the_plugin():
    text = HOW_TO.read_text()
    folder = Path(__file__).parent / "example_plugin"
    for path in sorted(folder.rglob("*.*")):
        if path.suffix in (".py", ".cfg", ".toml"):
            assert path.read_text().strip() in text, f"{path.name} differs from the how-to"
