"""Writes the stored runs, with version 0.1 of kerastl on the path: `python write.py /tmp/scratch`.

Convention: the folder of the images and runs is written as `@FOLDER@` in every file.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

HERE = Path(__file__).parent
PLACEHOLDER = "@FOLDER@"
LEFT_OUT = {"logs", "report.html", ".bkp"}
COMPRESSED = {".keras", ".h5"}
CONFIG = """
data: {table: table.csv, image: path, tasks: [bright, red], group: scene}
backbone: {name: small:network}
"""


def draw(folder: Path) -> None:
    """Draws 48 images of 12 by 12 pixels and their table, with a third of one task unknown."""
    (folder / "images").mkdir(parents=True)
    rng, rows = np.random.default_rng(0), []
    for number in range(48):
        bright, red = number % 2, (number // 2) % 2
        level = (105, 135)[bright] + int(rng.integers(-40, 40))
        pixels = np.full((12, 12, 3), level, np.uint8)
        pixels[3:9, 3:9, 0] = np.minimum(level + (10, 60)[red] + int(rng.integers(-30, 30)), 255)
        Image.fromarray(pixels).save(folder / "images" / f"{number:02d}.png", optimize=True)
        known = "" if number % 3 == 0 else red
        rows.append({"path": f"images/{number:02d}.png", "bright": bright, "red": known})
    frame = pd.DataFrame(rows).assign(scene=[f"s{number // 2}" for number in range(48)])
    frame.to_csv(folder / "table.csv", index=False)
    (folder / "config.yaml").write_text(CONFIG)


def interrupt_after(epochs: int, folder: Path, overrides: list[str]) -> None:
    """Trains until the given epoch of fine-tuning has been stored, then stops as Ctrl-C does."""
    import kerastl
    from kerastl.training import checkpoints

    original = checkpoints.Backup.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):  # type: ignore[no-untyped-def]
        self._written = -1e9
        original(self, epoch, logs)
        if epoch == epochs - 1 and self._keep_best.folder.name == "fine_tuning":
            raise KeyboardInterrupt

    checkpoints.Backup.on_epoch_end = on_epoch_end
    try:
        kerastl.train(folder / "config.yaml", output=folder / "interrupted", overrides=overrides)
    except KeyboardInterrupt:
        pass
    finally:
        checkpoints.Backup.on_epoch_end = original


def portable(source: Path, target: Path, folder: Path) -> None:
    """Copies a file of a run, with the placeholder in place of the folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".parquet":
        frame = pd.read_parquet(source)
        frame["path"] = frame["path"].str.replace(str(folder), PLACEHOLDER, regex=False)
        frame.to_parquet(target, index=False)
    elif source.suffix in (".yaml", ".csv", ".json"):
        target.write_text(source.read_text().replace(str(folder), PLACEHOLDER))
    elif source.suffix in COMPRESSED:
        target.with_name(f"{target.name}.gz").write_bytes(
            gzip.compress(source.read_bytes(), mtime=0)
        )
    else:
        shutil.copy(source, target)


def main() -> None:
    """Trains both runs, and stores them with what version 0.1 says of them."""
    folder = Path(sys.argv[1]).resolve()
    draw(folder)
    metadata = folder / "plugin" / "kerastl_small-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kerastl-small\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[kerastl.backbones]\nsmall = kerastl_small:family\n"
    )
    sys.path[:0] = [str(HERE), str(metadata.parent)]
    import kerastl

    tuned = [
        "trainable=true",
        "fit.epochs=6",
        "fit.batch_size=8",
        "fit.backbone_learning_rate=0.003",
    ]
    finished = kerastl.train(folder / "config.yaml", output=folder / "finished")
    whole = kerastl.train(folder / "config.yaml", output=folder / "whole", overrides=tuned)
    interrupt_after(3, folder, tuned)
    expected = {
        "predictions": finished.predict(folder / "images").to_dict("list"),
        "scores": finished.evaluate(),
        "whole": {
            "scores": whole.metrics["test"],
            "history": (folder / "whole" / "history.csv").read_text(),
        },
    }
    text = json.dumps(expected, indent=1, default=str).replace(str(folder), PLACEHOLDER)
    (HERE / "expected.json").write_text(text + "\n")
    shutil.copytree(folder / "images", HERE / "images", dirs_exist_ok=True)
    shutil.copy(folder / "table.csv", HERE)
    for run in ("finished", "interrupted"):
        for source in sorted((folder / run).rglob("*")):
            if source.is_file() and not LEFT_OUT & {*source.parts, source.name, source.suffix}:
                portable(source, HERE / run / source.relative_to(folder / run), folder)


if __name__ == "__main__":
    main()
