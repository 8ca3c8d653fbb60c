"""How often figures keep what they promise, by simulation: `python benchmarks/coverage.py NAME`.

Each simulation is a module of `simulations`; its tables are in docs/explanation/statistics.md.
"""

import argparse
import importlib
import time

SIMULATIONS = ("intervals", "thresholds", "verdicts", "missingness", "calibration", "auto")


def main() -> None:
    """Runs one simulation and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=SIMULATIONS)
    parser.add_argument("--repeats", type=int, default=400, help="simulated cases per cell")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    started = time.perf_counter()
    simulation = importlib.import_module(f"simulations.{arguments.name}")
    simulation.simulate(arguments.repeats, arguments.processes)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
