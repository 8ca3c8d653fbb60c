"""Injects faults into every long command; afterwards the results equal the undisturbed ones.

    python benchmarks/faults.py                              # every fault with every command, once
    python benchmarks/faults.py --fault kill_at_a_moment --times 20
    python benchmarks/faults.py --job export --seed 3

A trial is a forked process with a cache of its own; a kill is SIGKILL. Prints a line for each trial
and a table at the end; exits with 1 if one trial was not as promised. Disk faults need root or user
namespaces, for a small file system of their own.

Convention: a trial depends on the seed, the fault, the command and its number alone.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fault_bench.faults import FAULTS, Bench, enter_own_namespace
from fault_bench.jobs import JOBS, Job, write_project
from fault_bench.processes import NotAsPromisedError, run

_DISK = ("full_disk", "full_cache", "read_only")


def trials(
    bench: Bench, faults: list[str], jobs: list[Job], times: int
) -> Iterator[tuple[str, str, str, float]]:
    """Yields fault, command, outcome and seconds of each trial; a defect begins with "DEFECT"."""
    for number in range(times):
        for job in jobs:
            for fault in faults:
                begin = time.monotonic()
                draw = random.Random(f"{bench.seed}/{fault}/{job.name}/{number}")
                try:
                    outcome = FAULTS[fault](bench, job, draw)
                except NotAsPromisedError as defect:
                    outcome = f"DEFECT: {defect}"
                    kept = bench.folder / f"defect-{fault}-{jobs.index(job)}-{number}"
                    shutil.rmtree(kept, ignore_errors=True)
                    shutil.copytree(bench.folder / "trial", kept, symlinks=True)
                if outcome is not None:
                    yield fault, job.name, outcome, time.monotonic() - begin


def main() -> None:
    """Prints a line for each trial and a table; exits with 1 if a trial was not as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=1, help="trials of each fault and command")
    parser.add_argument("--fault", choices=FAULTS, nargs="*", default=list(FAULTS))
    parser.add_argument("--job", choices=[job.name for job in JOBS], nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    faults = arguments.fault
    if not enter_own_namespace():
        print("Without root and user namespaces there are no trials of full and read-only disks.")
        faults = [fault for fault in faults if fault not in _DISK]
    folder = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
    bench = Bench(folder=folder, seed=arguments.seed)
    _prepare(bench)
    jobs = [job for job in JOBS if arguments.job is None or job.name in arguments.job]
    counts: Counter[tuple[str, str]] = Counter()
    for fault, job, outcome, seconds in trials(bench, faults, jobs, arguments.times):
        counts[fault, outcome.partition(":")[0]] += 1
        print(f"{fault}, {job}: {outcome} ({seconds:.1f} s)", flush=True)
    print("\n| fault | outcome | trials |\n|---|---|---:|")
    for (fault, outcome), count in sorted(counts.items()):
        print(f"| {fault} | {outcome} | {count} |")
    num_defects = sum(count for (_, outcome), count in counts.items() if outcome == "DEFECT")
    print(f"| all | | {sum(counts.values())} |\n\n{num_defects} of them not as promised.")
    if num_defects:
        print(f"See {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


def _prepare(bench: Bench) -> None:
    """Writes the project, imports what commands import, and trains the runs that they use."""
    write_project(bench.project)
    sys.path.insert(0, str(bench.project / "plugin"))
    import keras  # noqa: F401
    import openvino  # noqa: F401
    import tensorflow  # noqa: F401

    import kerastl.cli
    import kerastl.compare
    import kerastl.pipeline
    import kerastl.runs  # noqa: F401

    for name, config in (("done", "exact"), ("words-done", "audio")):
        line = ["train", f"{config}.yaml", "--output", name, "--quiet"]
        run([line], project=bench.project, out=bench.folder / name).require(0)


if __name__ == "__main__":
    os.nice(5)
    main()
