"""Gives many broken inputs to the code that reads them, and reports what is not a plain refusal.

    python tests/fuzz                        # every kind
    python tests/fuzz tables dicom --inputs 5000 --seed 1
    python tests/fuzz tables --only 17       # one input again, with its traceback

A defect is an exception other than `KerastlError`, the end of the process, a hang, too much memory,
or a wrong number where the right one is known. The folder of its input is kept and printed.

Convention: an input depends on the seed, its kind and its number alone.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from runner import FOLDER, all_kinds, fuzz, try_one


def main() -> None:
    """Prints a line for each kind; exits with 1 if there is a defect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="all by default")
    parser.add_argument("--inputs", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of one input")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    arguments = parser.parse_args()
    known = all_kinds()
    kinds = [known[name] for name in arguments.kinds or known]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-")).resolve()
    if arguments.only is not None:
        place = folder / kinds[0].name
        (place / "seeds").mkdir(parents=True)
        use = kinds[0].prepare(place / "seeds")
        at = place / "input"
        is_used = try_one(kinds[0], use, arguments.only, seed=arguments.seed, place=at)
        print("accepted" if is_used else "refused", place)
        return
    print("| kind | inputs | accepted | refused | defects | seconds | slowest | MB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    counts: Counter[str] = Counter()
    for kind in kinds:
        numbers = range(
            arguments.first, arguments.first + max(int(arguments.inputs * kind.share), 1)
        )
        found = fuzz(kind, numbers, seed=arguments.seed, folder=folder)
        counts += Counter(inputs=found.num_inputs * kind.inputs, defects=len(found.defects))
        print(
            f"| {kind.name} | {found.num_inputs * kind.inputs} | {found.num_accepted} | "
            f"{found.num_refused} | "
            f"{len(found.defects)} | {found.seconds:.0f} | {found.slowest:.1f} | "
            f"{found.megabytes} |",
            flush=True,
        )
        for number, text in found.defects.items():
            print(f"  {kind.name} {number}: {text}", flush=True)
    print(f"\n{counts['inputs']} inputs, {counts['defects']} defects.")
    if counts["defects"]:
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    for name in ("foreign", "e2e", "browser"):
        sys.path.append(str(FOLDER.parent / name))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
