"""Makes the kinds of inputs, the mutations and the helpers of other tests importable."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, *(HERE.parent / name for name in ("foreign", "e2e", "browser"))):
    sys.path.insert(0, str(folder))
