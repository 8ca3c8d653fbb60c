"""Modules on Kaggle: addresses and handles, downloads from a server like Kaggle's, refusals."""

import hashlib
import http.server
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerastl.backbones import BackboneError
from kerastl_tfhub.catalogue import CATALOGUE
from kerastl_tfhub.handles import resolve
from kerastl_tfhub.kaggle import kaggle_handle

HANDLE = "google/yamnet/tensorFlow2/yamnet/1"


class Kaggle(http.server.BaseHTTPRequestHandler):
    """Answers as Kaggle does: one public module, one that needs a login, no others."""

    module: Path
    requests: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append(self.path)
        if body["modelSlug"] != "yamnet":
            code = 403 if body["modelSlug"] == "private" else 404
            self.answer(json.dumps({"code": code, "message": "no"}).encode(), code=code)
        elif self.path.endswith("ListModelInstanceVersionFiles"):
            files = [path.relative_to(self.module) for path in self.module.rglob("*")]
            names = [{"name": str(name)} for name in files if (self.module / name).is_file()]
            self.answer(json.dumps({"files": names, "nextPageToken": ""}).encode())
        else:
            data = (self.module / body["path"]).read_bytes()
            self.answer(data, kind="application/octet-stream")

    def answer(self, data: bytes, *, code: int = 200, kind: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def kaggle(plain: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lets kagglehub talk to a server of the test; yields the paths of the requests."""
    pytest.importorskip("kagglehub", reason="kagglehub is not installed")
    from kagglesdk import kaggle_env

    handler = type("Answers", (Kaggle,), {"module": Path(plain), "requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}"
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, url)
        yield handler.requests
        running.shutdown()


def content(folder: Path) -> dict[Path, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "address",
    [
        HANDLE,
        "google/yamnet/TensorFlow2/yamnet/1",
        f"kaggle://{HANDLE}",
        f"https://www.kaggle.com/models/{HANDLE}",
        f"https://kaggle.com/models/{HANDLE}?tfhub-redirect=true",
        "https://www.kaggle.com/models/google/yamnet/frameworks/TensorFlow2/variations/yamnet/"
        "versions/1",
        f"https://www.kaggle.com/api/v1/models/{HANDLE}/download",
        "https://tfhub.dev/google/yamnet/1",
        "https://tfhub.dev/google/yamnet/1?tf-hub-format=compressed",
    ],
)
def test_every_form_of_an_address_is_the_same_handle(address: str) -> None:
    assert kaggle_handle(address) == HANDLE


@pytest.mark.parametrize(
    ("old", "handle"),
    [
        (
            "google/imagenet/mobilenet_v2_100_224/feature_vector/5",
            "google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2",
        ),
        (
            "google/imagenet/mobilenet_v2_100_224/feature_vector/4",
            "google/mobilenet-v2/tensorFlow2/100-224-feature-vector/1",
        ),
        (
            "google/imagenet/mobilenet_v3_large_100_224/feature_vector/5",
            "google/mobilenet-v3/tensorFlow2/large-100-224-feature-vector/1",
        ),
        (
            "google/imagenet/inception_resnet_v2/classification/5",
            "google/inception-resnet-v2/tensorFlow2/classification/2",
        ),
        (
            "google/imagenet/efficientnet_v2_imagenet21k_ft1k_m/feature_vector/2",
            "google/efficientnet-v2/tensorFlow2/imagenet21k-ft1k-m-feature-vector/2",
        ),
        (
            "google/imagenet/efficientnet_v2_imagenet21k_b3/feature_vector/2",
            "google/efficientnet-v2/tensorFlow2/imagenet21k-b3-feature-vector/1",
        ),
        (
            "google/tf2-preview/mobilenet_v2/feature_vector/4",
            "google/mobilenet-v2/tensorFlow2/tf2-preview-feature-vector/4",
        ),
        ("google/bit/m-r50x1/1", "google/bit/tensorFlow2/m-r50x1/1"),
        (
            "tensorflow/efficientnet/b0/feature-vector/1",
            "tensorflow/efficientnet/tensorFlow2/b0-feature-vector/1",
        ),
        ("google/speech_embedding/1", "google/speech-embedding/tensorFlow1/speech-embedding/1"),
    ],
)
def test_an_old_address_is_mapped_to_its_handle(old: str, handle: str) -> None:
    assert kaggle_handle(f"https://tfhub.dev/{old}") == handle


def test_every_name_of_the_catalogue_has_a_handle_of_its_own() -> None:
    handles = [kaggle_handle(entry.handle) for entry in CATALOGUE.values()]
    assert None not in handles
    assert len(set(handles)) == len(handles)


@pytest.mark.parametrize(
    "address",
    [
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/3",
        "https://tfhub.dev/google/universal-sentence-encoder/4",
        "https://www.kaggle.com/models/google/yamnet/tfLite/tflite/1",
        "https://www.kaggle.com/models/google/yamnet/tensorFlow2/yamnet",
        "kaggle://google/yamnet",
    ],
)
def test_an_address_without_a_known_handle_is_refused_without_a_network(address: str) -> None:
    assert kaggle_handle(address) is None
    with pytest.raises(BackboneError, match=r"https://www\.kaggle\.com/models") as caught:
        resolve(address)
    assert str(caught.value).startswith(
        "TF Hub has moved to Kaggle, and" if "tfhub" in address else "The address names no version"
    )


@pytest.mark.parametrize("address", ["yamnet", HANDLE, "https://tfhub.dev/google/yamnet/1"])
def test_a_module_is_downloaded_once_into_kagglehub_s_cache(
    address: str,
    kaggle: list[str],
    plain: str,
    caches: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    log = io.StringIO()
    for handler in logging.getLogger("kagglehub").handlers:
        monkeypatch.setattr(handler, "stream", log, raising=False)
    folder = resolve(address)
    assert content(folder) == content(Path(plain))
    assert folder == caches / "kagglehub" / "models" / HANDLE
    num_requests = len(kaggle)
    assert resolve(address) == folder
    assert len(kaggle) == num_requests
    assert log.getvalue() == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("address", ["yamnet", "https://tfhub.dev/google/yamnet/1"])
def test_what_tensorflow_hub_has_downloaded_is_used_without_kagglehub(
    address: str, plain: str, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    old = hashlib.sha1(b"https://tfhub.dev/google/yamnet/1").hexdigest()
    (caches / "tfhub").mkdir()
    (caches / "tfhub" / old).symlink_to(plain)
    assert content(resolve(address)) == content(Path(plain))


def test_a_folder_with_the_name_of_a_handle_is_a_folder(
    plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(HANDLE).parent.mkdir(parents=True)
    Path(HANDLE).symlink_to(plain)
    assert resolve(HANDLE) == Path(HANDLE)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            "nothing",
            """There is no such module on Kaggle.
  where:    google/nothing/tensorFlow2/yamnet/1
  expected: owner/model/framework/variation/version
  received: KaggleApiHTTPError: 404 Client Error.
  fix:      Look the handle up on https://www.kaggle.com/models.""",
        ),
        (
            "private",
            """\
Kaggle refuses access to the module: it does not exist, is private, or asks for a login and \
consent to its license.
  where:    google/private/tensorFlow2/yamnet/1
  received: KaggleApiHTTPError: 403 Client Error.
  fix:      Look at https://www.kaggle.com/models/google/private/tensorFlow2/yamnet/1 and accept \
the license there if asked. Then create a token on https://www.kaggle.com/settings/api and save it \
in ~/.kaggle/access_token, or set KAGGLE_API_TOKEN.""",
        ),
    ],
)
def test_the_text_when_kaggle_refuses(model: str, text: str, kaggle: list[str]) -> None:
    with pytest.raises(BackboneError) as caught:
        resolve(f"google/{model}/tensorFlow2/yamnet/1")
    assert str(caught.value) == text


def test_the_text_without_a_network(kaggle: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from kagglesdk import kaggle_env

    nobody = "http://127.0.0.1:9"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, nobody)
    with pytest.raises(BackboneError, match="Connection refused") as caught:
        resolve(HANDLE)
    lines = str(caught.value).splitlines()
    assert lines[0] == "The module cannot be downloaded from Kaggle."
    assert lines[-1] == (
        "  fix:      Check the network. Or download it elsewhere from "
        f"https://www.kaggle.com/api/v1/models/{HANDLE}/download and name the .tar.gz as the "
        "backbone."
    )


def test_the_text_without_kagglehub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(BackboneError, match="needs kagglehub") as caught:
        resolve(HANDLE)
    assert str(caught.value).endswith("pip install kagglehub, or name a local folder or .tar.gz.")
