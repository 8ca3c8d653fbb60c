"""Kaggle Models: handles, which old addresses of TF Hub have moved to which, and downloads.

Convention: a handle is `owner/model/framework/variation/version`, with the framework as Kaggle
spells it, since kagglehub names the folders of its cache after the handle.
"""

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kerastl.backbones import BackboneError

_log = logging.getLogger(__name__)
_HANDLE = re.compile(
    r"(?:kaggle://|https?://(?:www\.)?kaggle\.com/(?:api/v1/)?models/)?([\w-]+)/([\w.-]+)/"
    r"(?:frameworks/)?tensorflow([12])/(?:variations/)?([\w.-]+)/(?:versions/)?(\d+)"
    r"(?:/download)?/?(?:\?.*)?",
    re.IGNORECASE,
)
_TFHUB = re.compile(r"https?://tfhub\.dev/([^?]+?)/(\d+)/?(?:\?.*)?")
_KIND = "(feature-vector|classification)"
_TF2 = r"google/\1/tensorFlow2/\2-\3"
# Kaggle counts the versions of a module for TF2 only, so most have smaller numbers than on TF Hub.
_MOVED = (
    (f"google/imagenet/(inception-(?:resnet-)?v[123])/{_KIND}", r"google/\1/tensorFlow2/\2", 3),
    (f"google/imagenet/(mobilenet-v[12])-(\\d+-\\d+)/{_KIND}", _TF2, 3),
    (f"google/imagenet/(mobilenet-v3)-([a-z]+-\\d+-\\d+)/{_KIND}", _TF2, 4),
    (f"google/imagenet/(resnet-v[12])-(50|101|152)/{_KIND}", _TF2, 3),
    (f"google/imagenet/(nasnet)-(mobile|large)/{_KIND}", _TF2, 3),
    (f"google/imagenet/(efficientnet-v2)-(imagenet21k-[bsmlx0-3]+)/{_KIND}", _TF2, 1),
    (f"google/imagenet/(efficientnet-v2)-([a-z0-9-]+)/{_KIND}", _TF2, 0),
    (
        f"google/tf2-preview/(mobilenet-v2|inception-v3)/{_KIND}",
        r"google/\1/tensorFlow2/tf2-preview-\2",
        0,
    ),
    (r"google/bit/([ms]-r\d+x\d)", r"google/bit/tensorFlow2/\1", 0),
    (f"(tensorflow/efficientnet)/(b[0-7])/{_KIND}", r"\1/tensorFlow2/\2-\3", 0),
    ("(google/nonsemantic-speech-benchmark)/(frill)", r"\1/tensorFlow2/\2", 0),
    ("google/(bird-vocalization-classifier|vggish|yamnet)", r"google/\1/tensorFlow2/\1", 0),
    ("google/(speech-embedding)", r"google/\1/tensorFlow1/\1", 0),
)
"""Address on TF Hub, with hyphens for underscores, to the handle on Kaggle without its version, and
by how much Kaggle's versions are smaller."""


def kaggle_handle(address: str) -> str | None:
    """Returns the handle of a module on Kaggle, or None if the address isn't known to be there.

    Args:
        address: A handle, a URL of kaggle.com, `kaggle://` and a handle, or an old URL of TF Hub.
    """
    if found := _HANDLE.fullmatch(address):
        owner, model, number, variation, version = found.groups()
        return f"{owner}/{model}/tensorFlow{number}/{variation}/{version}"
    if found := _TFHUB.fullmatch(address):
        path, version = found[1].replace("_", "-"), int(found[2])
        for pattern, target, offset in _MOVED:
            if version > offset and re.fullmatch(pattern, path):
                return f"{re.sub(pattern, target, path)}/{version - offset}"
    return None


def download(handle: str) -> Path:
    """Returns the folder of a module in kagglehub's cache, after downloading it if needed.

    Raises:
        BackboneError: kagglehub is missing, or Kaggle cannot be reached or refuses.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise BackboneError(
            "Downloading a module from Kaggle needs kagglehub, which cannot be imported.",
            received=f"{type(error).__name__}: {error}",
            fix="pip install kagglehub, or name a local folder or .tar.gz.",
        ) from error
    _log.info("Downloading %s from Kaggle, unless it is in the cache.", handle)
    try:
        with _messages():
            return Path(kagglehub.model_download(handle))
    except Exception as error:  # of kagglehub, requests, or the disk
        raise _failure(handle, error) from error


@contextmanager
def _messages() -> Iterator[None]:
    """Shows kagglehub's progress on a terminal; its log would go to stdout."""
    log = logging.getLogger("kagglehub")
    level = log.level
    with ExitStack() as stack:
        stack.callback(log.setLevel, level)
        log.setLevel(logging.ERROR)
        if not sys.stderr.isatty():
            stack.enter_context(redirect_stderr(io.StringIO()))
        yield


def _failure(handle: str, error: Exception) -> BackboneError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    given: dict[str, Any] = {"where": handle, "received": _first_line(error)}
    if status == HTTPStatus.NOT_FOUND:
        return BackboneError(
            "There is no such module on Kaggle.",
            expected="owner/model/framework/variation/version",
            fix="Look the handle up on https://www.kaggle.com/models.",
            **given,
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return BackboneError(
            "Kaggle refuses access to the module: it does not exist, is private, or asks for a "
            "login and consent to its license.",
            fix=f"Look at https://www.kaggle.com/models/{handle} and accept the license there if "
            "asked. Then create a token on https://www.kaggle.com/settings/api and save it in "
            "~/.kaggle/access_token, or set KAGGLE_API_TOKEN.",
            **given,
        )
    return BackboneError(
        "The module cannot be downloaded from Kaggle.",
        fix="Check the network. Or download it elsewhere from https://www.kaggle.com/api/v1/models/"
        f"{handle}/download and name the .tar.gz as the backbone.",
        **given,
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
