"""`kerastl predict` of one image from a shell: how long, and where the time goes.

    python benchmarks/frozen_predict.py RUN PICTURE [--rounds 5]

The parts are measured inside one process; the whole is that of the command, a process each.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

PARTS = """
import os, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
started = time.perf_counter()
def lap(name):
    global started
    now = time.perf_counter()
    print(name, round(now - started, 3), sep="\\t")
    started = now
import keras
lap("import Keras and TensorFlow")
import kerastl.run.predict, kerastl.run.models, kerastl.layers
lap("import kerastl, pandas, SciPy, scikit-learn")
from pathlib import Path
from kerastl.runs import load_run
run = load_run({run!r})
run.model
lap("load the model")
run.predict([Path({image!r})], cache=False)
lap("read, predict")
"""


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    whole: list[float] = []
    parts: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        started = time.perf_counter()
        program = "from kerastl.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", program, "predict", str(arguments.run), str(arguments.image)],
            check=True,
            capture_output=True,
        )
        whole.append(time.perf_counter() - started)
        script = PARTS.format(run=str(arguments.run), image=str(arguments.image))
        done = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        )
        for line in done.stdout.splitlines():
            name, _, seconds = line.partition("\t")
            if seconds:
                parts.setdefault(name, []).append(float(seconds))
    spread = f"{min(whole):.2f} to {max(whole):.2f}"
    print(f"kerastl predict, one image: {median(whole):.2f} s ({spread})")
    for name, seconds in parts.items():
        print(f"  {name}: {median(seconds):.2f} s")


if __name__ == "__main__":
    main()
