"""The page of `kerastl serve` in a real browser: drop a file, see the answers."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

pytest.importorskip("fastapi", reason="the extra serve isn't installed")

NASTY = "<img src=x onerror=hacked=1>"

# What a user does by dragging a file: the browser makes the event, the test the file.
DROP = """
const [name, type, data] = arguments, bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, { type }));
const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
document.getElementById("drop").dispatchEvent(event);
"""


class Bright:
    """What a served run is to the page, with answers by the brightness of the input."""

    def __init__(self, name: str, modality: str, shape: tuple[int, ...]):
        from kerastl.media.media_types import media_type, read_contract

        self.name = name
        contract = read_contract({"modality": modality, "shape": list(shape)})
        self.bundle = type("Bundle", (), {"input": contract, "media": media_type(modality)})
        self.decoder = media_type(modality).decoder(contract)

    def decode(self, data: bytes, max_values: int) -> np.ndarray:
        from kerastl.serving.served_run import ServedRun

        return ServedRun.decode(self, data, max_values)  # type: ignore[arg-type]

    def score(self, examples: list[np.ndarray]) -> np.ndarray:
        means = [np.abs(one).mean() / (255 if one.dtype == np.uint8 else 1) for one in examples]
        return np.stack([[mean, 1 - mean] for mean in means])

    def answers(self, probabilities: np.ndarray) -> dict[str, Any]:
        return {
            task: {"probability": float(p), "threshold": 0.7, "decision": bool(p >= 0.7)}
            for task, p in zip(("bright", NASTY), probabilities, strict=True)
        }


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import uvicorn

    from kerastl.serving.app import Server, make_app
    from kerastl.serving.limits import Limits

    runs = [Bright("pictures", "image", (16, 16, 3)), Bright("sounds", "audio", (800,))]
    app = make_app(Server(runs, Limits()))  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(address)
    return browser


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dropped")
    Image.new("RGB", (40, 30), (204, 204, 204)).save(folder / "gray.png")
    soundfile.write(folder / "soft.wav", np.full(800, 0.25), 8000)
    (folder / "note.txt").write_text("hello")
    return folder


def drop(page: Any, path: Path, kind: str) -> None:
    page.execute_script(DROP, path.name, kind, base64.b64encode(path.read_bytes()).decode())


def wait(page: Any, condition: str) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(page, 10).until(lambda _: page.execute_script(f"return {condition}"))


def rows(page: Any) -> list[list[str]]:
    return page.execute_script(
        "return [...document.querySelectorAll('.answers tbody tr')].map("
        "(line) => [...line.cells].map((cell) => cell.textContent))"
    )


def complaints(page: Any) -> list[str]:
    return [one["message"] for one in page.get_log("browser") if one["level"] == "SEVERE"]


def test_a_picture_that_is_dropped_is_shown_with_its_answers_and_thresholds(
    page: Any, files: Path
) -> None:
    drop(page, files / "gray.png", "image/png")
    wait(page, "!document.querySelector('.answers').hidden")
    assert rows(page) == [
        ["bright", "yes", "0.800", "", "0.700"],
        [NASTY, "no", "0.200", "", "0.700"],
    ]
    fill, tick = page.execute_script(
        "const bar = document.querySelector('.bar'), box = bar.getBoundingClientRect();"
        "return ['i', 'b'].map((one) => {"
        " const part = bar.querySelector(one).getBoundingClientRect();"
        " return ((one === 'i' ? part.right : part.left + 1) - box.left) / box.width; })"
    )
    assert fill == pytest.approx(0.8, abs=0.01)
    assert tick == pytest.approx(0.7, abs=0.01)
    assert wait(page, "document.querySelector('#preview img')?.naturalWidth") == 40
    assert page.execute_script("return window.hacked") is None
    assert complaints(page) == []


def test_a_sound_is_played_and_answered_by_the_run_that_takes_it(page: Any, files: Path) -> None:
    page.execute_script(
        "const run = document.getElementById('run'); run.value = 'sounds';"
        "run.dispatchEvent(new Event('change'))"
    )
    page.find_element("id", "file").send_keys(str(files / "soft.wav"))
    wait(page, "!document.querySelector('.answers').hidden")
    assert rows(page)[0] == ["bright", "no", "0.250", "", "0.700"]
    assert wait(page, "document.querySelector('#preview audio')?.duration") == pytest.approx(0.1)
    assert complaints(page) == []


def test_what_cannot_be_read_is_a_sentence(page: Any, files: Path) -> None:
    drop(page, files / "note.txt", "text/plain")
    wait(page, "!document.getElementById('error').hidden")
    assert page.find_element("id", "error").text == "The file is not an image that kerastl reads."
    assert rows(page) == []


def test_the_page_asks_nobody_but_its_server(page: Any, address: str, files: Path) -> None:
    drop(page, files / "gray.png", "image/png")
    wait(page, "!document.querySelector('.answers').hidden")
    events = [json.loads(one["message"])["message"] for one in page.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.startswith(f"{address}predict/") for url in asked)
    assert all(url.startswith((address, "data:")) for url in asked)
