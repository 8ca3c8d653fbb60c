"""From a table of vectors to a run, its predictions, the check and the report; prints JSON."""

import json
import sys
from pathlib import Path

from vector_type import VECTOR

from kerastl.media.media_types import register

register(VECTOR)

import click.testing  # noqa: E402 - the media type must be registered before the config is imported

import kerastl  # noqa: E402
from kerastl.cli import cli  # noqa: E402

folder = Path(sys.argv[1])


def command(*arguments: str) -> str:
    result = click.testing.CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


run = kerastl.train(folder / "config.yaml", output=folder / "run")
found = run.predict([folder / "table.csv"])
(folder / "bad.npy").write_bytes(b"not a vector")
report = (folder / "run" / "report.html").read_text()
sys.stdout.write(
    json.dumps(
        {
            "input": json.loads((folder / "run" / "bundle.json").read_text())["input"],
            "auc": run.metrics["test"]["macro"]["auc"],
            "probabilities": found["large"].tolist(),
            "error": run.predict([folder / "bad.npy"])["error"].tolist(),
            "again": kerastl.load_run(folder / "run").predict([folder])["path"].size,
            "check": command("data", "check", str(folder / "config.yaml")),
            "json": json.loads(command("data", "check", str(folder / "config.yaml"), "--json")),
            "guess": command("data", "check", str(folder / "table.csv")),
            "backbones": command("backbones", "list", "--modality", "vector"),
            "schema": list(
                json.loads(command("config", "schema"))["$defs"]["DataConfig"]["properties"]
            ),
            "preview": "mean " in report,
            "nouns": "vectors" in report,
        }
    )
)
