"""Draws the sheet of street scenes that the README shows.

python docs/images/draw_demo.py
"""

from pathlib import Path

from PIL import Image

from kerastl.demo.brush import HEIGHT, WIDTH
from kerastl.demo.scenes import draw_frame, draw_scene

SCENES = (0, 7, 8, 10, 13, 16, 17, 19, 21, 24, 31, 35)
COLUMNS, GAP = 4, 4


def sheet() -> Image.Image:
    """Returns one frame of each of `SCENES`, in rows of `COLUMNS`."""
    rows = len(SCENES) // COLUMNS
    size = (COLUMNS * (WIDTH + GAP) - GAP, rows * (HEIGHT + GAP) - GAP)
    canvas = Image.new("RGB", size, "white")
    for index, number in enumerate(SCENES):
        row, column = divmod(index, COLUMNS)
        image, _ = draw_frame(draw_scene(0, number), 0)
        canvas.paste(image, (column * (WIDTH + GAP), row * (HEIGHT + GAP)))
    return canvas


if __name__ == "__main__":
    path = Path(__file__).with_name("demo-driving.jpg")
    sheet().save(path, quality=88)
    print(f"wrote {path}")
