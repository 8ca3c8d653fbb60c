"""The bootstrap over the examples of a run."""

from pathlib import Path

import pandas as pd

from kerastl.config import DataConfig, EvaluationConfig
from kerastl.data.tables.loading import build_examples
from kerastl.run.scoring import make_bootstrap
from kerastl_runtime.media_file import LocalFile


def test_the_unit_of_the_bootstrap_is_the_group_or_the_file() -> None:
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "patient": ["x", "y"], "car": ["1", "0"]})
    paths = (LocalFile("/d/a.png"), LocalFile("/d/b.png"))
    for group, unit, names in (
        ("patient", "groups", ["x", "y"]),
        (None, "examples", ["/d/a.png", "/d/b.png"]),
    ):
        data = DataConfig(table=Path("t.csv"), image="path", tasks=("car",), group=group)
        examples = build_examples(frame, paths, data, source="t")
        found = make_bootstrap(EvaluationConfig(), examples)
        assert (found.unit, list(found.groups)) == (unit, names)
