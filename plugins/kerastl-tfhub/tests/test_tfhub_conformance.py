"""kerastl's conformance kit on modules of every form that takes images or audio."""

import hashlib
from pathlib import Path

import pytest

from kerastl.backbones.testing import CHECKS, run_checks
from kerastl_tfhub.catalogue import CATALOGUE

# form: options
FORMS = {
    "conv_net": {},
    "unbatched": {"output": 1, "num_samples": 400},
    "framewise": {"num_samples": 400},
}
REAL = {
    "mobilenet_v2_035_224": "hub_mobilenet_v2_035_224_feature_vector",
    "speech_embedding": "hub_speech_embedding",
    "yamnet": "hub_yamnet",
}


def assert_conforms(identifier: str, weights: str, options: dict) -> None:
    """Every check passes; only those of stages and statistics may say that there are none."""
    outcomes = list(run_checks(identifier, weights=weights, options=options))
    failures = [f"{o.check}: {o.reason}" for o in outcomes if o.is_failure]
    assert not failures, "\n".join(failures)
    not_passed = {o.check for o in outcomes if o.result != "passed"}
    stages = {"names_every_layer_in_one_stage", "unfreezes_exactly_its_stages"}
    assert stages <= not_passed <= {*stages, "keeps_statistics_still"}
    assert [o.check for o in outcomes] == list(CHECKS)


@pytest.mark.parametrize("form", FORMS)
def test_a_module_of_every_form_conforms(form: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(form)
    assert_conforms(f"tfhub:{folder}", "module", FORMS[form])


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_modules_conform_under_their_names(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    cached = tmp_path / hashlib.sha1(CATALOGUE[name].handle.encode()).hexdigest()
    cached.symlink_to(shared / "weights" / REAL[name])
    assert_conforms(f"tfhub:{name}", CATALOGUE[name].weights, {})
