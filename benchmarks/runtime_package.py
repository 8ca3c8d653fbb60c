"""The runtime package alone in an empty environment: size, cold and warm latency, parity.

Builds the wheel of kerastl-runtime, installs it with one engine into a new environment (this needs
a package index), and lets it answer for an exported run in processes that have nothing else:

- megabytes of the environment, without pip and setuptools,
- seconds of a new process until its first prediction is printed, beside `kerastl predict` with the
  run's own model (the baseline) and a process that imports NumPy and the engine only (the floor),
- milliseconds of one more prediction,
- the largest difference of a probability from the run on files of every odd kind, and how many
  errors are worded otherwise.

Usage: `python benchmarks/runtime_package.py RUN [--engine onnx] [--rounds 5] [--files 8]`
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import kerastl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from odd_files import odd_audio, odd_images  # noqa: E402

PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert.interpreter"}
WARM = """
import json, sys, time
from kerastl_runtime import Predictor
predictor, files = Predictor(sys.argv[1]), sys.argv[2:]
found = [[one.probabilities, one.error] for one in predictor(files, on_error="collect")]
first = next(file for file, one in zip(files, found) if one[1] is None)
predictor(first)
started = time.perf_counter()
for _ in range(20):
    predictor(first)
print(json.dumps({"found": found, "ms": 50 * (time.perf_counter() - started)}))
"""


ALONE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def seconds(command: list[str], rounds: int, environment: dict[str, str] | None = None) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--engine", choices=PACKAGES, default="onnx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=8, help="rounds of odd files")
    given = parser.parse_args()
    run = kerastl.load_run(given.run)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = ROOT / "plugins/kerastl-runtime"
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source]
        subprocess.run(build, check=True)
        venv.create(folder / "empty", with_pip=True)
        python = folder / "empty/bin/python"
        (wheel,) = folder.glob("*.whl")
        modality = run.bundle.input.modality
        install = [python, "-m", "pip", "install", "-q", f"{wheel}[{modality},{given.engine}]"]
        subprocess.run(install, check=True, env=ALONE)
        (site,) = folder.glob("empty/lib/python*/site-packages")
        own = [path for path in site.iterdir() if not path.name.startswith(("pip", "setuptools"))]
        sizes = [(file, file.stat().st_size) for each in own for file in [each, *each.rglob("*")]]
        compiled = sum(size for file, size in sizes if file.suffix == ".pyc")
        total = sum(size for file, size in sizes if file.is_file())
        print(f"installed: {total / 1e6:.0f} MB, of it bytecode {compiled / 1e6:.0f} MB")
        (exported,) = run.export(given.engine, folder / "export", examples=20)
        odd = folder / "odd"
        odd.mkdir()
        make = odd_images if modality == "image" else odd_audio
        files = [str(path) for path in make(odd, rounds=given.files)]
        floor = [python, "-c", f"import numpy, {PACKAGES[given.engine]}"]
        cold = [folder / "empty/bin/kerastl-runtime", exported.path, files[0]]
        command = ["from kerastl.cli import main; main()", "predict", run.path, files[0]]
        baseline = [sys.executable, "-c", *command, "--no-export", "--no-cache"]
        times = {
            "imports alone (floor)": seconds(floor, given.rounds, ALONE),
            "kerastl-runtime": seconds(cold, given.rounds, ALONE),
            "kerastl predict (baseline)": seconds(baseline, given.rounds),
        }
        for name, value in times.items():
            print(f"cold, {name}: {value:.2f} s")
        print(f"ratio to the baseline: {value / times['kerastl-runtime']:.1f}")
        done = subprocess.run(
            [python, "-c", WARM, exported.path, *files],
            check=True,
            capture_output=True,
            text=True,
            env=ALONE,
        )
        answers = json.loads(done.stdout)
        print(f"warm: {answers['ms']:.1f} ms")
        expected = run.predict(files, cache=False).to_dict("records")
        differences, wrong, unreadable = [], 0, 0
        for (probabilities, error), row in zip(answers["found"], expected, strict=True):
            own_error = row["error"] if isinstance(row["error"], str) else None
            wrong += error != own_error
            unreadable += own_error is not None
            differences += [abs(value - row[task]) for task, value in probabilities.items()]
        print(f"{len(files)} files, {unreadable} unreadable, {wrong} answered otherwise")
        print(f"largest difference of a probability: {max(differences):.1e}")


if __name__ == "__main__":
    main()
