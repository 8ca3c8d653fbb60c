"""Makes the finished runs of the browser tests and the mutations of files importable."""

import sys
from pathlib import Path

for folder in ("browser", "foreign"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
