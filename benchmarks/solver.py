"""The exact head at scale: 100,000 examples of 1,280 features, 20 tasks.

    python benchmarks/solver.py [--examples 100000] [--path]
    python benchmarks/solver.py --examples 1000000 --tasks 4 --path --on-disk float16 --folder /data
    python benchmarks/solver.py --features 512 --on 'ray?actors=2&cpus=1' --compare

Synthetic features with the spectrum of a network's (a few strong axes, many weak ones), labels by a
logistic model, half of them unknown on average, spread unevenly over the tasks. Prints the time of
one fit at one regularization, with `--path` also that of choosing it by cross-validation in five
folds, and the memory that cannot be given back to the system.

With `--on-disk`, features are in a memory-mapped file of this type, and so is what the solver keeps
of them, however much memory there is. With `--on`, the workers of an executor hold the features;
sending them counts. `--compare` solves the same features in memory of this process too and prints
the ratio of the times (on the clock with `--on`, else of processors) and the largest difference of
a logit.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kerastl import scratch
from kerastl.progress import SILENT
from kerastl.run.executors import Divide, find_executor
from kerastl.training.exact_head.solver import ExactHead, solve_head


def make_problem(
    num: int, dim: int, tasks: int, empty: Callable[..., np.ndarray] = np.empty
) -> tuple[np.ndarray, np.ndarray]:
    """Returns features `(examples, dim)` and labels `(examples, tasks)` with gaps."""
    random = np.random.default_rng(0)
    spectrum = 1 / np.sqrt(1 + np.arange(dim))
    mixing = (random.normal(size=(dim, dim)) * spectrum[:, None]).astype(np.float32)
    weights = random.normal(size=(dim, tasks)).astype(np.float32)
    features = empty((num, dim), np.float32)
    labels = np.empty((num, tasks), np.float32)
    known = np.linspace(0.9, 0.1, tasks)
    for begin in range(0, num, 4096):
        rows = slice(begin, min(begin + 4096, num))
        hidden = random.standard_normal((rows.stop - begin, dim), np.float32)
        features[rows] = np.maximum(hidden @ mixing, 0)
        logits = (hidden * spectrum.astype(np.float32)) @ weights
        labels[rows] = random.random(logits.shape) < 1 / (1 + np.exp(-logits))
        labels[rows][random.random(logits.shape) > known] = np.nan
    return features, labels


@contextmanager
def peak_anonymous_megabytes() -> Iterator[list[float]]:
    """Yields a list that receives the peak of memory which is not backed by a file, in MB."""
    found, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            text = Path("/proc/self/status").read_text()
            found[0] = max(found[0], int(text.partition("RssAnon:")[2].split()[0]) / 1024)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


@contextmanager
def holding(on: str | None) -> Iterator[Divide | None]:
    """Yields what divides features among the workers of an executor, or None."""
    if on is None:
        yield None
        return
    with find_executor(on).holding(progress=SILENT) as divide:
        yield divide


def solve(
    name: str,
    features: np.ndarray,
    labels: np.ndarray,
    strength: float | str,
    on: str | None = None,
) -> tuple[ExactHead, float, float]:
    """Solves heads, prints what it cost, and returns them, the seconds, and those of processors."""
    with peak_anonymous_megabytes() as peak, holding(on) as divide:
        started, used = time.perf_counter(), time.process_time()
        held = features if divide is None else divide(features, np.arange(len(features)))
        head = solve_head(held, labels, groups=None, regularization=strength)
        seconds, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"{name}: {seconds:.1f} s ({used:.1f} s of processors), at most {peak[0]:.0f} MB, "
        f"{head.strengths[:4]}",
        flush=True,
    )
    return head, seconds, used


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--path", action="store_true", help="also choose by cross-validation")
    parser.add_argument("--on-disk", choices=["float16", "float32"])
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="for files on disk")
    parser.add_argument("--on", help="executor whose workers hold the features")
    parser.add_argument("--compare", action="store_true", help="solve in memory too")
    arguments = parser.parse_args()
    os.environ["TMPDIR"] = str(arguments.folder)
    path = arguments.folder / f"features-{os.getpid()}"

    def mapped(shape: tuple[int, ...], _: type) -> np.ndarray:
        found = np.memmap(path, arguments.on_disk, "w+", shape=shape)
        path.unlink()
        return found

    share = scratch.MEMORY_SHARE
    sizes = arguments.examples, arguments.features, arguments.tasks
    features, labels = make_problem(*sizes, mapped if arguments.on_disk else np.empty)
    known = (~np.isnan(labels)).mean(axis=0)
    print(
        f"{sizes[0]:,} x {sizes[1]:,} {features.dtype}, {sizes[2]} tasks, {known.min():.0%} to "
        f"{known.max():.0%} of the labels known",
        flush=True,
    )
    for name, strength in (("one fit", 0.01), ("with cross-validation", "auto")):
        if strength == "auto" and not arguments.path:
            continue
        scratch.MEMORY_SHARE = 0 if arguments.on_disk else share
        head, *costs = solve(name, features, labels, strength, arguments.on)
        if arguments.compare:
            scratch.MEMORY_SHARE = share
            held = np.array(features)
            expected, *bases = solve(f"{name}, in memory", held, labels, strength)
            pairs = [(head.logits(held), expected.logits(held))]
            if strength == "auto":
                pairs.append((head.out_of_fold_logits, expected.out_of_fold_logits))
            largest = max(float(np.abs(one - other).max()) for one, other in pairs)
            del held, pairs
            ratio = (costs[0] / bases[0]) if arguments.on else (costs[1] / bases[1])
            print(f"ratio {ratio:.3f}, logits differ by at most {largest:.2g}", flush=True)


if __name__ == "__main__":
    main()
