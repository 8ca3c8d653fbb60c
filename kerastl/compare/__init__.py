"""Comparisons: the variants of an axis trained on the same rows, with paired differences.

Convention: `compare.json` contains everything in the report and on the terminal.
"""

from kerastl.compare.comparison import compare
from kerastl.compare.result import Comparison, read_comparison

__all__ = ["Comparison", "compare", "read_comparison"]
