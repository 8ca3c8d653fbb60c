"""Time and memory of `kerastl backbones list` with many plugins installed.

Writes plugins as real distributions into a temporary folder and runs the command as a user would,
in a new process each time.

    python benchmarks/listing.py --plugins 40 --repeats 10
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULE = """
from kerastl.backbones import BackboneSpec, ImageInput, unknown_backbone


class Family:
    def names(self):
        return tuple(f"net_{number}" for number in range(10))

    def spec(self, name, *, options={}):
        if name not in self.names():
            raise unknown_backbone("FAMILY", name, self.names())
        return BackboneSpec(
            id=f"FAMILY:{name}", input=ImageInput(height=224, width=224), feature_dim=1280,
            num_params=1000, weights=("imagenet",), license="MIT",
            reference="https://example.org", build=build,
        )


def build(*, weights, input):
    raise NotImplementedError


family = Family()
"""


def write_plugins(folder: Path, count: int) -> None:
    """Writes `count` distributions with one family of ten backbones each."""
    for number in range(count):
        family = f"generated{number:02d}"
        (folder / f"{family}.py").write_text(MODULE.replace("FAMILY", family))
        metadata = folder / f"kerastl_{family}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: kerastl-{family}\nVersion: 1.0\n"
        )
        (metadata / "entry_points.txt").write_text(
            f"[kerastl.backbones]\n{family} = {family}:family\n"
        )


def measure(folder: Path) -> tuple[float, float, int]:
    """Returns seconds, peak memory in MiB and number of backbones of one listing."""
    code = (
        "import resource, sys; from kerastl.cli import main\n"
        "try: main(['backbones', 'list'])\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    started = time.perf_counter()
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    return seconds, int(finished.stderr.split()[-1]) / 1024, len(finished.stdout.splitlines()) - 1


def report(title: str, folder: Path, repeats: int) -> None:
    """Prints the median, the fastest and the processor time of several listings."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = [measure(folder) for _ in range(repeats)]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = [run[0] for run in runs]
    processor = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / repeats
    print(
        f"{title}: {runs[0][2]} backbones, median {statistics.median(seconds):.3f} s, "
        f"fastest {min(seconds):.3f} s, processor {processor:.3f} s, {runs[0][1]:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plugins", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        write_plugins(Path(full), arguments.plugins)
        measure(Path(full))
        report("installed only", Path(empty), arguments.repeats)
        report(f"and {arguments.plugins} more plugins", Path(full), arguments.repeats)


if __name__ == "__main__":
    main()
