"""The smallest preset of each architecture with random weights, in the conformance kit."""

import pytest

from kerastl.backbones.testing import run_checks
from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.catalogue import presets

pytest.importorskip("keras_hub", reason="keras-hub is not installed")

MAX_WEIGHTS = 400_000_000  # MetaCLIP 2 has more; the kit holds them several times

SMALLEST = {
    architecture: min(
        (one for one in presets().values() if one.architecture == architecture and one.config),
        key=lambda one: one.num_params,
    ).name
    for architecture in ARCHITECTURES
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST.values())
def test_a_preset_passes_the_conformance_kit(name):
    if presets()[name].num_params > MAX_WEIGHTS:
        pytest.skip("the checks of so many weights need more than 20 GB")
    outcomes = list(run_checks(f"keras_hub:{name}"))
    assert [f"{o.check}: {o.reason}" for o in outcomes if o.is_failure] == []
    assert sum(outcome.result == "passed" for outcome in outcomes) >= 14
