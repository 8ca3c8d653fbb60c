"""The digits demo: scikit-learn's scanned digits as files, and a table with missing labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from kerastl.demo.driving import DemoData, write_with_gaps

SHARE_BLANK = 0.4
QUESTIONS: dict[str, Callable[[int], bool]] = {
    "is_even": lambda digit: digit % 2 == 0,
    "at_least_five": lambda digit: digit >= 5,
    "has_loop": lambda digit: digit in (0, 6, 8, 9),
    "is_prime": lambda digit: digit in (2, 3, 5, 7),
    "is_multiple_of_three": lambda digit: digit % 3 == 0,
}


def write_digits(folder: Path, *, seed: int = 0) -> DemoData:
    """Writes 1,797 digits into `folder`: `images/*.png`, `digits.csv` and `truth.csv`.

    The table has the column path and one column per task; two fifths of the labels are blank. The
    images are scans of 8 by 8 pixels, written by 43 people. The seed is that of the blank labels.
    Existing files are overwritten.

    Reference:
        E. Alpaydin and C. Kaynak (1998), https://doi.org/10.24432/C50P49
    """
    from sklearn.datasets import load_digits

    (folder / "images").mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    rows = []
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        name = f"images/digit_{number:04d}.png"
        Image.fromarray(np.round(pixels * (255.0 / 16.0)).astype(np.uint8)).save(folder / name)
        answers = {task: int(question(int(digit))) for task, question in QUESTIONS.items()}
        rows.append({"path": name, **answers})
    truth = pd.DataFrame(rows).astype(dict.fromkeys(QUESTIONS, "Int64"))
    return write_with_gaps(
        truth, folder / "digits.csv", tasks=tuple(QUESTIONS), share_blank=SHARE_BLANK, seed=seed
    )
