"""Faults that are injected into real commands, for `benchmarks/faults.py`."""
