"""Parts of `benchmarks/sharing_map.py`."""
