"""`kerastl backbones` as a user calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = "raise RuntimeError('no such luck')"


@pytest.fixture
def broken_plugin(tmp_path: Path) -> Path:
    """A folder with a distribution whose module raises."""
    return make_plugin(tmp_path, BROKEN, name="broken")


def make_plugin(folder: Path, code: str, *, name: str = "made") -> Path:
    """Returns the folder, with a distribution whose module has this code."""
    metadata = folder / f"kerastl_{name}-0.3.dist-info"
    metadata.mkdir()
    (folder / f"kerastl_{name}.py").write_text(code)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: kerastl-{name}\nVersion: 0.3\n"
    )
    (metadata / "entry_points.txt").write_text(
        f"[kerastl.backbones]\n{name} = kerastl_{name}:family\n"
    )
    return folder


def run(
    *arguments: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from kerastl.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: heavy = sorted({'keras', 'tensorflow', 'numpy', 'pandas'} & set(sys.modules)); "
        "print('HEAVY', *heavy, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, str(path or ""), "backbones", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})


def test_list_shows_one_line_per_backbone_and_imports_nothing_heavy():
    finished = run("list")
    lines = finished.stdout.splitlines()
    assert lines[0].split()[:3] == ["backbone", "input", "features"]
    (line,) = [line for line in lines if line.startswith("applications:mobilenet_v2 ")]
    assert line.split()[-1] == "Apache-2.0"
    assert finished.stderr.splitlines()[-1].strip() == "HEAVY"


def test_list_as_json_keeps_only_the_modality():
    listed = json.loads(run("list", "--json", "--modality", "audio").stdout)
    assert all(row["modality"] in ("audio", None) for row in listed["backbones"])
    assert "applications:vgg16" not in [row["id"] for row in listed["backbones"]]


def test_list_names_a_broken_plugin_and_goes_on(broken_plugin):
    finished = run("list", path=broken_plugin)
    assert finished.returncode == 0
    assert "applications:vgg16" in finished.stdout
    assert finished.stderr.splitlines()[0] == (
        "Warning: the plugin 'broken' of kerastl-broken 0.3 fails: RuntimeError: no such luck "
        f"({broken_plugin / 'kerastl_broken.py'}:1)"
    )


@pytest.mark.parametrize("command", ["show", "check"])
def test_show_and_check_name_file_and_line_of_a_broken_plugin(broken_plugin, command):
    finished = run(command, "broken:one", path=broken_plugin)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert f"no such luck ({broken_plugin / 'kerastl_broken.py'}:1)" in finished.stderr


def test_show_prints_the_facts():
    facts = json.loads(run("show", "applications:mobilenet_v3_small", "--json").stdout)
    assert facts["feature_dim"] == 576
    assert facts["options"] == {"alpha": 1.0, "minimalistic": False}
    assert "num_params:      939,120" in run("show", facts["id"]).stdout.splitlines()


def test_list_says_which_backbones_cannot_be_trained_and_which_need_a_login(tmp_path):
    folder = make_plugin(
        tmp_path,
        """
from kerastl.backbones import BackboneSpec
class family:
    names = staticmethod(lambda: ["gated"])
    spec = staticmethod(lambda name, *, options={}: BackboneSpec(
        id="made:gated", input=None, feature_dim=None, num_params=None, weights=(), license="mine",
        reference="-", build=print, needs_login=True, frozen_reason="it is an example",
    ))
""",
    )
    lines = {line.split()[0]: line for line in run("list", path=folder).stdout.splitlines() if line}
    assert lines["made:gated"].split()[-4:] == ["no", "mine,", "login", "needed"]
    assert lines["tiny:image"].split()[-2:] == ["yes", "Apache-2.0"]
    shown = run("show", "made:gated", path=folder).stdout.splitlines()
    assert "trainable:       no" in shown
    assert "frozen_reason:   it is an example" in shown
    assert "needs_login:     yes" in shown


def test_show_suggests_for_a_typo():
    finished = run("show", "applications:mobilenet_v3_smal")
    assert finished.returncode == 2
    assert "Did you mean 'applications:mobilenet_v3_small'?" in finished.stderr


def test_check_prints_a_line_per_check():
    finished = run("check", "tiny:image")
    lines = finished.stdout.splitlines()
    assert finished.returncode == 0, finished.stdout
    assert lines[0] == "ok      is_light"
    assert "exports_the_same" in lines[-1]


def test_check_of_an_unknown_backbone_fails_before_anything_heavy():
    finished = run("check", "tiny:imag")
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[-1].strip() == "HEAVY"


def test_without_plugins_list_says_how_to_get_some():
    finished = run("list", KERASTL_PLUGINS="run")
    assert finished.returncode == 0
    assert finished.stdout == ""
    assert finished.stderr.splitlines()[:7] == [
        "No backbones are installed. They come in packages of their own:",
        "  pip install kerastl-tiny          small networks for demos, weights included",
        "  pip install kerastl-applications  the image models of Keras, which loads their weights",
        "  pip install kerastl-hub           the encoders of KerasHub, such as DINOv2, SigLIP and "
        "Whisper",
        "  pip install kerastl-tfhub         TF Hub modules, downloaded or in a folder",
        "  pip install kerastl-onnx          any ONNX file, frozen",
        "KERASTL_PLUGINS allows only: run",
    ]
