"""Names, handles and folders of presets, without a network."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kerastl.backbones import BackboneError, UnknownBackboneError, find_backbone, list_backbones
from kerastl_hub.folders import read_folder
from kerastl_hub.handles import resolve

HANDLE = "hf://owner/model"


@pytest.fixture
def hub(monkeypatch):
    """A hub that answers every request with the status that the test sets."""
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="keras-hub is not installed")
    answers = {"status": 200, "code": ""}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answers["status"])
            self.send_header("X-Error-Code", answers["code"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the name of http.server

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    download = huggingface_hub.snapshot_download

    def from_here(name, **arguments):
        return download(name, endpoint=endpoint, token=False, **arguments)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", from_here)
    yield answers
    server.shutdown()


def message(name):
    with pytest.raises(BackboneError) as caught:
        resolve(name)
    return str(caught.value)


def test_a_gated_preset_says_that_it_needs_a_login(hub):
    hub |= {"status": 403, "code": "GatedRepo"}
    text = message(HANDLE)
    assert "needs a login or the acceptance of its license (HTTP 403)" in text
    assert "Accept the license on https://huggingface.co/owner/model" in text


def test_a_preset_that_does_not_exist_says_so(hub):
    hub |= {"status": 404, "code": "RepoNotFound"}
    assert "does not exist (HTTP 404)" in message(HANDLE)


@pytest.mark.parametrize(("status", "part"), [(403, "needs a login"), (404, "does not exist")])
def test_answers_of_kaggle_are_explained(status, part, monkeypatch):
    kagglehub = pytest.importorskip("kagglehub", reason="keras-hub is not installed")
    requests = pytest.importorskip("requests")
    from kagglehub.exceptions import KaggleApiHTTPError

    def refused(handle):
        response = requests.Response()
        response.status_code = status
        raise KaggleApiHTTPError("refused", response=response)

    monkeypatch.setattr(kagglehub, "model_download", refused)
    text = message("dinov3_vit_small_lvd1689m")
    assert part in text
    assert "https://www.kaggle.com/models/keras/dinov3" in text


def test_without_a_network_it_points_to_local_folders_and_random_weights(monkeypatch):
    kagglehub = pytest.importorskip("kagglehub", reason="keras-hub is not installed")

    def offline(handle):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(kagglehub, "model_download", offline)
    text = message("dinov2_small")
    assert "cannot be downloaded (Name or service not known)" in text
    assert "keras_hub:./folder" in text


def test_a_downloaded_folder_is_used(monkeypatch, tmp_path):
    kagglehub = pytest.importorskip("kagglehub", reason="keras-hub is not installed")
    asked = []
    monkeypatch.setattr(
        kagglehub, "model_download", lambda handle: asked.append(handle) or str(tmp_path)
    )
    assert resolve("dinov2_small") == tmp_path
    assert asked == ["keras/dinov2/keras/dinov2_small/1"]


def test_a_misspelled_preset_suggests_the_nearest():
    with pytest.raises(UnknownBackboneError, match="Did you mean 'keras_hub:dinov2_small'"):
        find_backbone("keras_hub:dinov2_smal")


def test_a_missing_folder_is_unknown():
    with pytest.raises(UnknownBackboneError, match="no preset at this path"):
        find_backbone("keras_hub:./missing")


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"class_name": "BertBackbone", "config": {}}, "a BertBackbone"),
        ({"model_type": "bert"}, "model_type: bert"),
        ({"architecture": "convnext_tiny"}, "architecture: convnext_tiny"),
    ],
)
def test_a_folder_of_another_network_is_refused(config, part, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneError, match="no encoder of images or audio") as caught:
        find_backbone(f"keras_hub:{tmp_path}")
    assert part in str(caught.value)


@pytest.mark.parametrize(("kind", "prefix"), [("vit", "ViT"), ("deit", "DeiT")])
def test_a_checkpoint_without_its_classifier_says_how_to_save_it(kind, prefix, tmp_path):
    config = {"model_type": kind, "architectures": [f"{prefix}Model"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        BackboneError, match=f"no weights in a checkpoint of {prefix}Model"
    ) as caught:
        find_backbone(f"keras_hub:{tmp_path}")
    assert f"{prefix}ForImageClassification.from_pretrained(" in str(caught.value)


def test_a_folder_without_a_config_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BackboneError, match="contains no preset") as caught:
        find_backbone(f"keras_hub:{tmp_path}")
    assert "notes.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "scale", "offset"),
    [
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, 1 / 127.5, -1.0),
        ({"do_normalize": False, "rescale_factor": 1 / 255}, 1 / 255, 0.0),
        ({"do_rescale": False, "image_mean": [10] * 3, "image_std": [5] * 3}, 1 / 5, -2.0),
    ],
)
def test_the_scaling_of_transformers_is_read(given, scale, offset, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit", "image_size": 48}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(given))
    contents = read_folder(tmp_path)
    assert contents.input.shape == (48, 48, 3)
    assert contents.scaling == (pytest.approx([scale] * 3), pytest.approx([offset] * 3))


def test_the_scaling_of_timm_is_read(tmp_path):
    given = {"mean": [0.5] * 3, "std": [0.25] * 3, "input_size": [3, 160, 160]}
    config = {"architecture": "resnet18", "pretrained_cfg": given}
    (tmp_path / "config.json").write_text(json.dumps(config))
    contents = read_folder(tmp_path)
    assert (contents.architecture, contents.input.shape) == ("resnet", (160, 160, 3))
    assert contents.scaling == (pytest.approx([4 / 255] * 3), pytest.approx([-2.0] * 3))


def test_every_preset_states_license_and_paper_and_gated_ones_the_login():
    names = list_backbones(family="keras_hub")
    assert len(names) > 100
    for name in names:
        spec = find_backbone(name)
        assert spec.license
        assert spec.reference
    assert find_backbone("keras_hub:dinov3_vit_small_lvd1689m").needs_login
    assert not find_backbone("keras_hub:dinov2_small").needs_login


def test_listing_does_not_import_kerashub():
    code = (
        "import sys, kerastl; kerastl.list_backbones(family='keras_hub');"
        "print({'keras_hub', 'keras', 'kagglehub', 'numpy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
