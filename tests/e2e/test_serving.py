"""`kerastl serve` answers what `kerastl predict` says, and every broken request by a sentence."""

import base64
import contextlib
import io
import json
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from serving_client import Reply, ServerProcess, ask, patiently, post_files, post_json

import kerastl
from kerastl.cli import main
from kerastl.runs import Run

pytest.importorskip("fastapi", reason="the extra serve isn't installed")

CLOSE = 1e-4  # `predict` computes few files by Keras, and many by a faster engine, as `serve` does


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, Path]:
    """Images of every odd kind by their names, and three files that aren't images."""
    draw, place = np.random.default_rng(1), folder / "odd"
    place.mkdir()
    pixels = draw.integers(0, 256, (60, 90, 3), np.uint8)
    image, turned = Image.fromarray(pixels), Image.Exif()
    turned[0x0112] = 6
    image.save(place / "plain.png")
    image.save(place / "turned.jpg", exif=turned)
    image.convert("CMYK").save(place / "cmyk.jpg")
    image.convert("L").save(place / "gray.png")
    image.convert("P").save(place / "palette.gif")
    image.resize((900, 600)).save(place / "large.webp")
    Image.fromarray(draw.integers(0, 256, (20, 30, 4), np.uint8)).save(place / "alpha.png")
    Image.fromarray(draw.integers(0, 65536, (20, 30), np.uint16)).save(place / "deep.png")
    whole = (place / "plain.png").read_bytes()
    (place / "cut.png").write_bytes(whole[: len(whole) // 2])
    (place / "text.png").write_text("this isn't an image")
    (place / "empty.png").write_bytes(b"")
    return {path.name: path for path in sorted(place.iterdir())}


@pytest.fixture(scope="module")
def server(bright: Run, tones: Run) -> Iterator[ServerProcess]:
    process = ServerProcess(str(bright.path), str(tones.path))
    yield process
    code, errors = process.stop()
    assert "Traceback" not in errors
    assert code in (0, -15)


def expected_rows(run: Run, paths: list[Path]) -> list[dict[str, Any]]:
    return run.predict(paths).to_dict("records")


def assert_same(found: dict[str, Any], expected: dict[str, Any], run: Run) -> None:
    """Compares an entry of `predictions` with a row of `predict`."""
    if isinstance(expected["error"], str):
        assert found == {"file": Path(expected["path"]).name, "error": expected["error"]}
        return
    for task, threshold in run.bundle.thresholds.items():
        answer = found["tasks"][task]
        assert answer["probability"] == pytest.approx(expected[task], abs=CLOSE)
        assert answer["threshold"] == threshold
        assert answer["decision"] == bool(expected[f"{task}_decision"])


def test_files_of_every_kind_are_answered_as_predict_answers_them(
    server: ServerProcess, bright: Run, files: dict[str, Path]
) -> None:
    sent = [(name, path.read_bytes()) for name, path in files.items()]
    reply = post_files(server.port, "/predict/bright", sent)
    assert reply.status == 200
    expected = expected_rows(bright, list(files.values()))
    for found, row in zip(reply.content["predictions"], expected, strict=True):
        assert_same(found, row, bright)
    assert sum("error" in one for one in reply.content["predictions"]) == 3


def test_audio_is_answered_as_predict_answers_it_with_all_its_windows(
    server: ServerProcess, tones: Run, folder: Path
) -> None:
    draw = np.random.default_rng(2)
    for rate, samples, channels, ending in (
        (8000, 20_000, 1, "flac"),
        (96_000, 9_000, 2, "wav"),
        (16_000, 300, 7, "flac"),
        (44_100, 50_000, 2, "mp3"),
        (22_050, 50_000, 1, "ogg"),
    ):
        path = folder / f"{rate}.{ending}"
        soundfile.write(path, 0.1 * draw.standard_normal((samples, channels)), rate)
        reply = post_files(server.port, "/predict/tones", [(path.name, path.read_bytes())])
        assert_same(reply.content["predictions"][0], expected_rows(tones, [path])[0], tones)


def test_json_gives_the_same_answer_as_a_form(
    server: ServerProcess, files: dict[str, Path]
) -> None:
    data = files["plain.png"].read_bytes()
    by_form = post_files(server.port, "/predict/bright", [("0", data)])
    by_json = post_json(
        server.port, "/predict/bright", {"files": [base64.b64encode(data).decode()]}
    )
    assert by_json.content == by_form.content


def test_the_open_inference_protocol_answers_the_same(
    server: ServerProcess, bright: Run, files: dict[str, Path]
) -> None:
    names = ["plain.png", "alpha.png"]
    expected = pd.DataFrame(expected_rows(bright, [files[name] for name in names]))
    data = [base64.b64encode(files[name].read_bytes()).decode() for name in names]
    tensor = {"name": "file", "shape": [2], "datatype": "BYTES", "data": data}
    reply = post_json(
        server.port, "/v2/models/bright/infer", {"id": "7", "inputs": [tensor]}
    ).content
    assert (reply["model_name"], reply["id"]) == ("bright", "7")
    outputs = {one["name"]: one for one in reply["outputs"]}
    assert list(outputs) == ["bright", "bright/decisions", "red", "red/decisions"]
    for task in ("bright", "red"):
        assert outputs[task]["shape"] == [2, 1]
        assert outputs[task]["data"] == pytest.approx(expected[task].tolist(), abs=CLOSE)
        decisions = expected[f"{task}_decision"].astype(bool).tolist()
        assert outputs[f"{task}/decisions"]["data"] == decisions


def test_decoded_inputs_are_answered_as_their_file_is(
    server: ServerProcess, bright: Run, folder: Path
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, bright.bundle.input.shape, np.uint8)
    Image.fromarray(pixels).save(folder / "fits.png")
    expected = expected_rows(bright, [folder / "fits.png"])[0]
    for data in (pixels.reshape(-1).tolist(), [pixels.tolist()]):
        tensor = {"name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": data}
        request = {"inputs": [tensor], "outputs": [{"name": "red"}]}
        reply = post_json(server.port, "/v2/models/bright/infer", request).content
        assert [one["name"] for one in reply["outputs"]] == ["red"]
        assert reply["outputs"][0]["data"] == pytest.approx([expected["red"]], abs=CLOSE)


def test_health_readiness_and_metadata_are_those_of_the_protocol(
    server: ServerProcess, bright: Run
) -> None:
    assert ask(server.port, "GET", "/v2").content["name"] == "kerastl"
    assert ask(server.port, "GET", "/v2/health/live").content == {"live": True}
    assert ask(server.port, "GET", "/v2/health/ready").content == {"ready": True}
    assert ask(server.port, "GET", "/v2/models/tones/ready").content["ready"] is True
    facts = ask(server.port, "GET", "/v2/models/bright").content
    assert facts["inputs"][0] == {"name": "file", "datatype": "BYTES", "shape": [-1]}
    assert facts["inputs"][1] == {"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}
    assert facts["parameters"]["thresholds"] == bright.bundle.thresholds
    audio = ask(server.port, "GET", "/v2/models/tones").content["inputs"][1]
    assert audio == {"name": "audio", "datatype": "FP32", "shape": [-1, 4000]}


def test_metrics_count_requests_by_run_and_code(server: ServerProcess) -> None:
    ask(server.port, "GET", "/v2/models/nothing")
    post_json(server.port, "/predict/bright", {})
    text = ask(server.port, "GET", "/metrics").content
    assert 'kerastl_requests_total{code="400",run="bright"}' in text
    assert "kerastl_request_seconds_bucket" in text
    assert "kerastl_batch_examples_bucket" in text
    assert "kerastl_pending_examples 0.0" in text


def bomb() -> bytes:
    """Returns a small PNG of 20,000 x 20,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def silence() -> bytes:
    """Returns a small FLAC file of 60 million samples."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 48_000, 1, format="FLAC") as audio:
        for _ in range(60):
            audio.write(np.zeros(1_000_000, np.float32))
    return file.getvalue()


def tensor(**changes: Any) -> dict[str, Any]:
    return {
        "inputs": [{"name": "file", "shape": [1], "datatype": "BYTES", "data": [""], **changes}]
    }


def pixels(**changes: Any) -> dict[str, Any]:
    shape = [1, 32, 32, 3]
    base = {"name": "image", "shape": shape, "datatype": "UINT8", "data": [0] * 3072}
    return {"inputs": [{**base, **changes}]}


INFER = "/v2/models/bright/infer"
BROKEN_JSON: dict[str, tuple[str, Any, int, str]] = {
    "not JSON": ("/predict/bright", b"{", 400, "The body is not JSON: Expecting property name"),
    "not UTF-8": ("/predict/bright", b"\xff", 400, "The body is not JSON in UTF-8."),
    "too deep": ("/predict/bright", b"[" * 90 + b"]" * 90, 400, "The JSON of the body is refused:"),
    "not an object": ("/predict/bright", [], 400, "The body must be an object in JSON."),
    "no files": ("/predict/bright", {}, 400, "'files' must be a list with at least one file"),
    "not base64": ("/predict/bright", {"files": ["?"]}, 400, "'files[0]' is not a text in base64."),
    "a number": ("/predict/bright", {"files": [3]}, 400, "'files[0]' is not a text in base64."),
    "an empty file": ("/predict/bright", {"files": [""]}, 422, "The file is not an image that"),
    "many files": ("/predict/bright", {"files": [""] * 33}, 413, "A request may have at most 32"),
    "no run": ("/predict/cars", {}, 404, "There is no run 'cars', only bright, tones."),
    "no name": (
        "/predict",
        {},
        400,
        "Name a run in the path: /predict/NAME, one of bright, tones.",
    ),
    "no inputs": (INFER, {}, 400, "'inputs' must be a list with one tensor."),
    "another input": (
        INFER,
        tensor(name="x"),
        400,
        "The run takes the input 'file' or 'image', not",
    ),
    "another type": (INFER, tensor(datatype="FP32"), 400, "The datatype of 'file' is BYTES, not"),
    "another shape": (INFER, pixels(shape=[1, 9]), 400, "The shape must be [-1, 32, 32, 3], not"),
    "no examples": (INFER, tensor(shape=[0], data=[]), 400, "The input has no examples."),
    "another count": (INFER, tensor(shape=[2]), 400, "The shape says 2 files, and data has 1."),
    "not an image": (INFER, tensor(data=["aGk="]), 422, "data[0]: The file is not an image that"),
    "too few values": (INFER, pixels(data=[0]), 400, "The input cannot be read: cannot reshape"),
    "no numbers": (INFER, pixels(data=["a"] * 3072), 400, "The input cannot be read: data must be"),
    "fractions": (INFER, pixels(data=[0.5] * 3072), 400, "The input cannot be read: data must be"),
    "out of range": (INFER, pixels(data=[256] * 3072), 400, "The input cannot be read: values of"),
    "ragged": (
        INFER,
        pixels(data=[[0], [0, 1]]),
        400,
        "The input cannot be read: setting an array",
    ),
    "another output": (
        INFER,
        {**tensor(), "outputs": [{"name": "blue"}]},
        400,
        "There is no output 'blue', only bright, bright/decisions, red, red/decisions.",
    ),
    "outputs of a kind": (INFER, {**tensor(), "outputs": 3}, 400, "'outputs' must be a list of"),
}
AUDIO = {"name": "audio", "shape": [1, 4000], "datatype": "FP32"}
for NAME, VALUE in (("not a number", float("nan")), ("too large a number", 1e300)):
    BROKEN_JSON[NAME] = (
        "/v2/models/tones/infer",
        {"inputs": [{**AUDIO, "data": [VALUE] * 4000}]},
        400,
        "The input cannot be read: data has values that are not finite.",
    )
BROKEN_FILES: dict[str, tuple[str, bytes, int, str]] = {
    "a text": ("/predict/bright", b"hello", 422, "The file is not an image that kerastl reads."),
    "half an image": ("/predict/bright", b"\x89PNG", 422, "The image is truncated or damaged."),
    "a bomb": (
        "/predict/bright",
        bomb(),
        413,
        "The file has 81,000,000 pixels; at most 50,000,000",
    ),
    "no audio": ("/predict/tones", b"hello", 422, "The file is not audio that kerastl reads."),
    "long audio": ("/predict/tones", silence(), 413, "The file has 60,000,000 samples; at most"),
}


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_each_broken_request_in_json_has_its_own_sentence(name: str, server: ServerProcess) -> None:
    path, content, status, sentence = BROKEN_JSON[name]
    reply = post_json(server.port, path, content)
    assert (reply.status, list(reply.content)) == (status, ["error"])
    assert reply.content["error"].startswith(sentence)


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_each_broken_file_has_its_own_sentence(name: str, server: ServerProcess) -> None:
    path, data, status, sentence = BROKEN_FILES[name]
    reply = post_files(server.port, path, [("a", data)])
    assert (reply.status, list(reply.content)) == (status, ["error"])
    assert reply.content["error"].startswith(sentence)
    assert "/tmp" not in reply.content["error"]


def test_what_is_not_a_form_or_json_is_refused(server: ServerProcess) -> None:
    def post(kind: str, body: bytes) -> Reply:
        return ask(server.port, "POST", "/predict/bright", body, Content_Type=kind)

    expected = "The content type must be multipart/form-data or application/json, not 'text/plain'."
    assert post("text/plain", b"x")[:2] == (415, {"error": expected})
    no_files = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    for body, kind, sentence in (
        (b"x", "multipart/form-data", "The form cannot be read: Missing boundary in multipart."),
        (b"x", "multipart/form-data; boundary=x", "The form cannot be read: "),
        (no_files, "multipart/form-data; boundary=x", "The form has no files: curl -F"),
    ):
        reply = post(kind, body)
        assert reply.status == 400
        assert reply.content["error"].startswith(sentence)


def test_what_is_not_there_is_named_and_what_is(server: ServerProcess) -> None:
    expected = "There is no GET /admin; there are /, /predict, /v2 and /metrics."
    assert ask(server.port, "GET", "/admin")[:2] == (404, {"error": expected})
    assert ask(server.port, "DELETE", "/predict").status == 405


def test_a_body_that_announces_too_much_is_refused_before_it_is_read(
    server: ServerProcess,
) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = "POST /predict/bright HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        connection.sendall(head.encode())
        connection.settimeout(10)
        assert b"413" in connection.recv(4096).partition(b"\r\n")[0]


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: ServerProcess) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 2**20

    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        reply = ask(server.port, "POST", "/predict/bright", chunks())  # type: ignore[arg-type]
        assert reply.status == 413


def test_a_client_that_goes_away_harms_nobody(server: ServerProcess) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = "POST /predict/bright HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"
            connection.sendall(head.encode())
    time.sleep(0.5)
    assert "kerastl_pending_examples 0.0" in ask(server.port, "GET", "/metrics").content


@contextlib.contextmanager
def small_server(
    run: Run, delay: float = 0.0, name: str = "bright", **limits: Any
) -> Iterator[int]:
    """Yields the port of a server in a thread, whose model takes so many seconds per batch."""
    import uvicorn

    from kerastl.serving.app import Server, make_app
    from kerastl.serving.limits import Limits
    from kerastl.serving.served_run import ServedRun

    served = ServedRun(name, run, cache=False)
    score = served.score

    def slow(examples: Any) -> Any:
        time.sleep(delay)
        return score(examples)

    served.score = slow  # type: ignore[method-assign]
    app = make_app(Server([served], Limits(**limits)))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


def test_the_only_run_needs_no_name_and_a_busy_server_says_when_to_come_back(
    bright: Run, files: dict[str, Path]
) -> None:
    sent = [("plain.png", files["plain.png"].read_bytes())]
    with small_server(bright, delay=0.3, max_pending=2, max_batch=1) as port:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: post_files(port, "/predict", sent), range(8)))
        statuses = sorted(reply.status for reply in replies)
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 2
        refused = next(reply for reply in replies if reply.status == 429)
        assert "The server is busy with 2 examples; try again in" in refused.content["error"]
        assert int(refused.headers["Retry-After"]) >= 1
        many = post_files(port, "/predict", sent * 3)
        assert many.status == 429
        assert post_files(port, "/predict", sent).status == 200


def test_what_takes_too_long_is_given_up(bright: Run, files: dict[str, Path]) -> None:
    sent = [("plain.png", files["plain.png"].read_bytes())]
    with small_server(bright, delay=1.0, max_seconds=0.3) as port:
        late = post_files(port, "/predict", sent)
        assert late[:2] == (503, {"error": "The answer took longer than 0.3 s."})
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
            connection.sendall(head.encode())
            connection.settimeout(10)
            assert b"408" in connection.recv(4096).partition(b"\r\n")[0]


def test_connections_that_announce_much_and_send_nothing_take_no_room(
    bright: Run, files: dict[str, Path]
) -> None:
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nabc"
    sent = [("plain.png", files["plain.png"].read_bytes())]
    limits = {"max_bytes": 1_000_000, "max_pending": 4, "max_stall_seconds": 0.5}
    with small_server(bright, **limits) as port, contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)
        ]
        for connection in idle:
            connection.sendall(head.encode())
        time.sleep(0.1)
        assert post_files(port, "/predict", sent).status == 200
        idle[0].settimeout(10)
        answer = idle[0].recv(4096)
        assert b"408" in answer.partition(b"\r\n")[0]
        assert b"or nothing of it for 0.5 s" in answer + idle[0].recv(4096)


def test_a_defect_is_a_500_without_a_traceback(bright: Run, files: dict[str, Path]) -> None:
    sent = [("plain.png", files["plain.png"].read_bytes())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerastl.serving.served_run.calibrate", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError), small_server(bright):
            pass
    with small_server(bright) as port, pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerastl.serving.served_run.calibrate", lambda *_: 1 / 0)
        reply = post_files(port, "/predict", sent)
        expected = {"error": "The server has failed; its log says why."}
        assert reply[:2] == (500, expected)


def test_what_was_accepted_is_answered_before_the_server_ends(
    bright: Run, files: dict[str, Path]
) -> None:
    process = ServerProcess(str(bright.path), "--max-wait-ms", "1500")
    sent = [("plain.png", files["plain.png"].read_bytes())]
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(post_files, process.port, "/predict", sent) for _ in range(4)]
        time.sleep(0.7)  # they wait for others in the batch
        code, errors = process.stop()
        assert [reply.result().status for reply in replies] == [200] * 4
    assert "Traceback" not in errors
    assert code in (0, -15)


def test_the_curl_commands_of_the_manual_do_what_the_manual_says(
    bright: Run, files: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    manual = (repository / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    commands = re.findall("^curl .*", manual, re.M)
    shutil.copyfile(files["plain.png"], tmp_path / "a.png")
    shutil.copyfile(files["cut.png"], tmp_path / "b.png")
    replies = []
    with small_server(bright, name="run") as port:
        for command in commands:
            asked = command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
            done = subprocess.run(
                ["bash", "-c", asked.replace("curl", "curl -sf", 1)],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )
            replies.append(json.loads(done.stdout))
    form, by_json, ready, metadata, inferred = replies
    good, broken = form["predictions"]
    assert broken == {"file": "b.png", "error": "The image is truncated or damaged."}
    assert by_json["predictions"][0]["tasks"] == good["tasks"]
    assert ready == {"ready": True}
    assert metadata["name"] == inferred["model_name"] == "run"
    assert inferred["outputs"][0]["data"] == [good["tasks"]["bright"]["probability"]]


def test_a_published_run_predicts_without_the_files_that_name_the_data(
    bright: Run, files: dict[str, Path], tmp_path: Path
) -> None:
    left_out = shutil.ignore_patterns("predictions.parquet", "splits.csv", "report.html")
    shutil.copytree(bright.path, tmp_path / "published", ignore=left_out)
    published = kerastl.load_run(tmp_path / "published")
    one = [files["plain.png"]]
    pd.testing.assert_frame_equal(published.predict(one), bright.predict(one))


def test_two_runs_of_one_name_are_refused(
    bright: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", str(bright.path), str(tmp_path / "bright")])
    assert stop.value.code == 2
    errors = capsys.readouterr().err
    assert "Two runs would be served as 'bright'." in errors
    assert "Rename one of the folders." in errors


def test_a_port_that_is_taken_is_an_error_before_anything_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as stop:
            main(["serve", "no-run", "--port", str(port)])
    assert stop.value.code == 2
    errors = capsys.readouterr().err
    assert "The server cannot listen there." in errors
    assert "Choose another --port; 0 is a free one." in errors


def mixed_requests(
    port: int, bright: Run, files: dict[str, Path], count: int
) -> list[Callable[[], None]]:
    """Returns requests, valid and broken, that check their own answers."""
    draw = random.Random(0)
    good = [
        path for name, path in files.items() if name not in ("cut.png", "text.png", "empty.png")
    ]
    rows = dict(zip(good, expected_rows(bright, good), strict=True))

    def valid(chosen: list[Path]) -> None:
        sent = [(path.name, path.read_bytes()) for path in chosen]
        reply = patiently(post_files, port, "/predict/bright", sent)
        assert reply.status == 200, reply
        for found, path in zip(reply.content["predictions"], chosen, strict=True):
            assert_same(found, rows[path], bright)

    def by_protocol(path: Path) -> None:
        content = tensor(data=[base64.b64encode(path.read_bytes()).decode()])
        reply = patiently(post_json, port, INFER, content)
        assert reply.status == 200, reply
        expected = rows[path]["red"]
        assert reply.content["outputs"][2]["data"] == pytest.approx([expected], abs=CLOSE)

    def broken_json(name: str) -> None:
        path, content, status, sentence = BROKEN_JSON[name]
        reply = patiently(post_json, port, path, content)
        assert reply.status == status, (name, reply)
        assert reply.content["error"].startswith(sentence), (name, reply)

    def broken_file(name: str) -> None:
        path, data, status, sentence = BROKEN_FILES[name]
        reply = patiently(post_files, port, path, [("a", data)])
        assert reply.status == status, (name, reply)
        assert reply.content["error"].startswith(sentence), (name, reply)

    kinds: list[Callable[[], Callable[[], None]]] = [
        lambda: (lambda chosen: lambda: valid(chosen))(draw.choices(good, k=draw.randint(1, 6))),
        lambda: (lambda path: lambda: by_protocol(path))(draw.choice(good)),
        lambda: (lambda name: lambda: broken_json(name))(draw.choice(list(BROKEN_JSON))),
        lambda: (lambda name: lambda: broken_file(name))(draw.choice(list(BROKEN_FILES))),
    ]
    return [draw.choice(kinds)() for _ in range(count)]


@pytest.mark.parametrize("count", [120, pytest.param(1000, marks=pytest.mark.slow)])
def test_mixed_requests_of_32_clients_are_all_answered_correctly_in_bounded_memory(
    count: int, server: ServerProcess, bright: Run, files: dict[str, Path], capsys: Any
) -> None:
    requests = mixed_requests(server.port, bright, files, count)
    with ThreadPoolExecutor(32) as pool:
        for done in [pool.submit(one) for one in requests[: count // 4]]:
            done.result()
        before = server.megabytes
        started = time.monotonic()
        for done in [pool.submit(one) for one in requests]:
            done.result()
    seconds, after = time.monotonic() - started, server.megabytes
    with capsys.disabled():
        memory = f"{before:.0f} MB before, {after:.0f} MB after"
        sys.stdout.write(f"\n{count} requests in {seconds:.1f} s; {memory}\n")
    assert after < before + 150
    assert "kerastl_pending_examples 0.0" in ask(server.port, "GET", "/metrics").content
