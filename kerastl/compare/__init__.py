"""Comparisons: the sides of an axis trained on the same rows, and what they say about it.

Convention: `compare.json` holds everything; the terminal's table and the report are drawn from it.
"""

from kerastl.compare.comparison import Comparison, compare, read_comparison

__all__ = ["Comparison", "compare", "read_comparison"]
