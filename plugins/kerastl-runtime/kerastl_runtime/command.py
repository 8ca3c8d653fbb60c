"""`kerastl-runtime BUNDLE FILE…`: predictions as JSON lines."""

import argparse
import json
import sys
from dataclasses import asdict

from kerastl_runtime.errors import KerastlError
from kerastl_runtime.predictor import Predictor


def main() -> None:
    """Predicts files; the exit code is 2 if the model or none of the files can be read."""
    parser = argparse.ArgumentParser(
        prog="kerastl-runtime",
        description="Predict FILES with an exported model: one line of JSON per file.",
    )
    parser.add_argument("bundle", help="folder that `kerastl export` wrote")
    parser.add_argument("files", nargs="+", help="images or audio files")
    given = parser.parse_args()
    try:
        predictions = Predictor(given.bundle)(given.files, on_error="collect")
    except KerastlError as error:
        sys.exit(_failed(error))
    for prediction in predictions:
        print(json.dumps(asdict(prediction), ensure_ascii=False))
    if all(prediction.error is not None for prediction in predictions):
        sys.exit(_failed("None of the files can be read."))


def _failed(error: object) -> int:
    print(error, file=sys.stderr)
    return 2
