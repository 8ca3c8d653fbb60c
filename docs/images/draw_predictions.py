"""Draws test images of the driving demo with the predictions of its run.

python docs/images/draw_predictions.py demo/driving
"""

import sys
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from kerastl.runs import Run, load_run

COLUMNS, ROWS = 4, 2
WIDTH, HEIGHT, LINE, GAP, BAR = 216, 144, 17, 10, 66
RIGHT, WRONG, UNSURE, INK, TRACK = "#2f855a", "#c53030", "#718096", "#1a202c", "#e2e8f0"


def sheet(run: Run, truth: pd.DataFrame) -> Image.Image:
    """Returns one test image per scene, for the first test scenes, with its predictions below."""
    predictions = run.predictions
    chosen = predictions[predictions.split == "test"].groupby("group").first().reset_index()
    chosen = chosen.head(COLUMNS * ROWS)
    cell = (WIDTH + GAP, HEIGHT + LINE * len(run.tasks) + 2 * GAP)
    canvas = Image.new("RGB", (COLUMNS * cell[0] + GAP, ROWS * cell[1] + GAP), "white")
    for index, row in chosen.iterrows():
        line, column = divmod(int(index), COLUMNS)
        corner = (GAP + column * cell[0], GAP + line * cell[1])
        _draw_cell(canvas, corner, run, row, truth)
    return canvas


def _draw_cell(
    canvas: Image.Image, corner: tuple[int, int], run: Run, row: pd.Series, truth: pd.DataFrame
) -> None:
    left, top = corner
    with Image.open(row["path"]) as image:
        canvas.paste(image.resize((WIDTH, HEIGHT)), corner)
    answers = truth.loc[Path(row["path"]).name]
    for number, task in enumerate(run.tasks):
        place = (left, top + HEIGHT + 4 + number * LINE)
        threshold = run.bundle.thresholds[task]
        is_right = (row[task] >= threshold) == answers[task]
        color = UNSURE if pd.isna(answers[task]) else RIGHT if is_right else WRONG
        _draw_answer(ImageDraw.Draw(canvas), place, task, row[task], threshold, color)


def _draw_answer(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    task: str,
    probability: float,
    threshold: float,
    color: str,
) -> None:
    left, top = place
    font = ImageFont.load_default(size=13)
    begin = left + WIDTH - BAR - 34
    draw.text((left, top), task.replace("_", " "), fill=INK, font=font)
    draw.rectangle((begin, top + 4, begin + BAR, top + 12), fill=TRACK)
    draw.rectangle((begin, top + 4, begin + round(BAR * probability), top + 12), fill=color)
    tick = begin + round(BAR * threshold)
    draw.line((tick, top + 2, tick, top + 14), fill=INK)
    draw.text((left + WIDTH, top), f"{probability:.2f}", fill=color, font=font, anchor="ra")


def main() -> None:
    """Writes the sheet next to this file; a tick marks each threshold."""
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/driving")
    truth = pd.read_csv(demo / "truth.csv")
    truth.index = pd.Index([Path(path).name for path in truth["path"]])
    path = Path(__file__).with_name("demo-predictions.jpg")
    sheet(load_run(demo / "run"), truth).save(path, quality=88, subsampling=0)
    print(f"wrote {path}, {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
