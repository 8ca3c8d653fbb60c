"""A run whose results are written gets only its report, and no more trust than any other run."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from kerastl import pipeline
from kerastl.run.layout import RunLayout


def test_a_finished_run_that_is_resumed_may_be_somebody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = RunLayout(tmp_path / "run")
    layout.state.mkdir(parents=True)
    for path in (layout.config, layout.splits, layout.bundle):
        path.write_text("")
    trusted = []
    monkeypatch.setattr(
        pipeline, "write_report_or_warn", lambda path, *, trust, progress: trusted.append(trust)
    )
    run = SimpleNamespace(path=layout.folder, record=SimpleNamespace(layout=layout))
    monkeypatch.setattr(pipeline, "Run", lambda folder: run)
    pipeline.resume(layout.folder)
    assert trusted == [False]
    assert layout.is_complete
