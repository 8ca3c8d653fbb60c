"""The parts of `benchmarks/gaps.py`."""
