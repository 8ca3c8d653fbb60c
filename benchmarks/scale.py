"""Time and memory of extracting 1, 4, 16 (and 64) thousand images, nothing cached.

    python benchmarks/scale.py --shared ../shared --thousands 1 4 16

The street photos are repeated under other names, each with a comment of its own in the file, so
that no two have the same bytes. Each size runs in a process of its own, with a cache of its own.
Memory is what the process held at most beyond what it held when the features began; the features
themselves, 5 KB each, are in it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from frozen_common import (
    SIZE,
    TASKS,
    file_inputs,
    peak_megabytes,
    print_table,
    run_fresh,
    street_weights,
)


def repeat_images(source: Path, folder: Path, num: int) -> None:
    """Writes `num` images, each with other bytes."""
    originals = [path.read_bytes() for path in sorted(source.glob("*.jpg"))]
    for number in range(num):
        data = originals[number % len(originals)]
        comment = f"copy {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / f"{number:06d}.jpg").write_bytes(data[:2] + segment + data[2:])


def extract(shared: Path, folder: Path) -> dict:
    """Extracts the features of every image of a folder."""
    import numpy as np

    from kerastl.features.cache.location import cache_folder
    from kerastl.features.source import FeatureSource
    from kerastl.heads.builder import build_model, find_layer
    from kerastl.records import to_values

    model = build_model(
        "applications:mobilenet_v2", TASKS, weights=str(street_weights(shared)), input_size=SIZE
    )
    paths = sorted(folder.glob("*.jpg"))
    inputs = file_inputs(paths)
    before, started = peak_megabytes(), time.perf_counter()
    source = FeatureSource(cache=cache_folder())
    found = source.extract(find_layer(model).model, inputs, is_scored=np.zeros(len(paths), bool))
    return {
        **to_values(found.facts.training),
        "seconds": time.perf_counter() - started,  # of all, the making of engines included
        "megabytes": peak_megabytes() - before,
        "features_megabytes": found.values.nbytes / 2**20,
    }


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--thousands", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--extract", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.extract is not None:
        print(json.dumps(extract(arguments.shared, arguments.extract)))
        return
    rows = []
    for thousands in arguments.thousands:
        with tempfile.TemporaryDirectory(prefix="kerastl-scale-") as place:
            folder = Path(place) / "images"
            folder.mkdir()
            images = arguments.shared / "data" / "street" / "images"
            repeat_images(images, folder, 1000 * thousands)
            asked = ("--shared", str(arguments.shared), "--extract", str(folder))
            cold = run_fresh("scale.py", *asked, cache=Path(place) / "cache")
            warm = run_fresh("scale.py", *asked, cache=Path(place) / "cache")
        rows.append(
            (
                f"{thousands},000",
                cold["engine"],
                f"{cold['seconds']:.1f}",
                f"{1000 * thousands / cold['seconds']:.0f}",
                f"{cold['megabytes']:.0f}",
                f"{cold['features_megabytes']:.0f}",
                f"{warm['seconds']:.2f}",
            )
        )
        print(rows[-1], file=sys.stderr)
    print_table(
        ("images", "engine", "seconds", "per second", "MB", "features, MB", "cached, seconds"),
        rows,
    )


if __name__ == "__main__":
    main()
