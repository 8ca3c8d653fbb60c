"""Run folders with one damaged or mutated file: read, scored and reported, or refused."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
from finished_runs import write_run
from mutations import damaged, mutated
from runner import Kind, Use, WrongNumberError

from kerastl.report import write_report
from kerastl.run.layout import RunLayout
from kerastl.run.record import RunRecord
from kerastl.run.summary import list_runs


def _prepare(seeds: Path) -> Use:
    run = write_run(seeds / "run", rows=40, epochs=3)
    names = [path.name for path in run.iterdir() if path.is_file() and path.name != "table.csv"]

    def use(draw: random.Random, place: Path) -> bool:
        shutil.copytree(run, place / "run", ignore=shutil.ignore_patterns("files"))
        path = place / "run" / draw.choice(sorted(names))
        if path.suffix == ".json" and draw.random() < 0.7:
            values = mutated(json.loads(path.read_text()), draw)
            path.write_text(json.dumps(values), errors="surrogatepass")
        else:
            path.write_bytes(damaged(path.read_bytes(), draw))
        record = RunRecord(RunLayout(place / "run"))
        list_runs(place)
        predictions = record.predictions
        for task in record.tasks:
            found = predictions[task].to_numpy(float)
            if not ((found >= 0) & (found <= 1) | np.isnan(found)).all():
                raise WrongNumberError(f"probabilities of {task}")
        _ = record.metrics, record.history, record.logits
        write_report(place / "run")
        return True

    return use


KINDS = (Kind(name="run-folders", prepare=_prepare, share=0.5, limit_seconds=40),)
