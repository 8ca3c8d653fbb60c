"""Annotations of COCO, Label Studio, MegaDetector, CheXpert and NIH: a table of 1, 0 and blank."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutations import damaged, mutated
from runner import Kind, Use, WrongNumberError

from kerastl.data.importing import MadeTable
from kerastl.data.importing.coco import table_from_coco
from kerastl_importers.chest import table_from_chexpert, table_from_nih
from kerastl_importers.label_studio import table_from_label_studio
from kerastl_importers.megadetector import table_from_megadetector

COCO = {
    "images": [
        {"id": 7, "file_name": "a.jpg"},
        {"id": 5, "file_name": "sub/b.jpg"},
        {"id": 9, "coco_url": "http://x/c.jpg", "neg_category_ids": [3]},
    ],
    "annotations": [
        {"id": 0, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 1, "image_id": 5, "category_id": 10},
        {"id": 2, "image_id": 9, "category_id": 3, "iscrowd": 1},
    ],
    "categories": [
        {"id": 1, "name": "person"},
        {"id": 10, "name": "tram"},
        {"id": 3, "name": "car"},
    ],
    "info": {"contributor": "somebody"},
}
_BOX = {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": ["Car"]}
LABEL_STUDIO = [
    {
        "id": number,
        "data": {"image": f"/data/upload/1/0a1b2c3d-{name}.jpg", "note": "a text"},
        "annotations": [
            {
                "id": 1,
                "completed_by": 2,
                "was_cancelled": False,
                "result": [
                    {"from_name": "seen", "type": "choices", "value": {"choices": ["Car", "Bus"]}},
                    {"from_name": "box", "type": "rectanglelabels", "value": _BOX},
                ],
            }
        ],
    }
    for number, name in enumerate("abc")
]
MEGADETECTOR = {
    "info": {"detector": "md_v5a.0.0.pt", "format_version": "1.4"},
    "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
    "images": [
        {
            "file": f"{name}.jpg",
            "detections": [
                {"category": "1", "conf": 0.9, "bbox": [0.25, 0.5, 0.125, 0.25]},
                {"category": "2", "conf": 0.3, "bbox": [0, 0, 1, 1]},
            ],
        }
        for name in "abc"
    ],
}
CHEXPERT = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Pleural Effusion\n"
    "C/train/patient00001/study1/a.jpg,Female,68,Frontal,AP,1.0,,\n"
    "C/train/patient00002/study1/b.jpg,Male,87,Frontal,AP,,-1.0,1.0\n"
    "C/train/patient00003/study1/c.jpg,Male,20,Frontal,PA,,1.0,\n"
)
NIH = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,View Position\n"
    "a.png,Cardiomegaly|Emphysema,0,1,57,PA\nb.png,No Finding,0,2,80,AP\nc.png,Effusion,1,2,80,PA\n"
)

Make = Callable[[Path, Path, Path], MadeTable]
FORMATS: dict[str, tuple[Any, Make]] = {
    "coco": (COCO, lambda file, files, at: table_from_coco(file, files, relative_to=at)),
    "label-studio": (
        LABEL_STUDIO,
        lambda file, files, at: table_from_label_studio(file, files, relative_to=at),
    ),
    "megadetector": (
        MEGADETECTOR,
        lambda file, files, at: table_from_megadetector(file, files, relative_to=at),
    ),
    "megadetector-crops": (
        MEGADETECTOR,
        lambda file, files, at: table_from_megadetector(file, files, relative_to=at, crops=True),
    ),
    "chexpert": (
        CHEXPERT,
        lambda file, files, at: table_from_chexpert(file, files, relative_to=at),
    ),
    "nih": (NIH, lambda file, files, at: table_from_nih(file, files, relative_to=at)),
}


def _prepare(name: str) -> Callable[[Path], Use]:
    valid = FORMATS[name][0]

    def prepare(seeds: Path) -> Use:
        write_files(seeds)

        def use(draw: random.Random, place: Path) -> bool:
            text = valid if isinstance(valid, str) else json.dumps(valid, indent=1)
            path = place / ("labels.csv" if isinstance(valid, str) else "labels.json")
            if isinstance(valid, str) or draw.random() < 0.3:
                path.write_bytes(damaged(text.encode(), draw))
            else:
                values = valid
                for _ in range(draw.choice((0, 1, 1, 1, 2, 4))):
                    values = mutated(values, draw) if values else values
                path.write_text(json.dumps(values), encoding="utf-8", errors="surrogatepass")
            use_annotations(name, path, seeds / "files", place)
            return True

        return use

    return prepare


def write_files(seeds: Path) -> None:
    """Writes the empty files that the annotations name."""
    for file in (
        *("a.jpg", "b.jpg", "c.jpg", "sub/b.jpg", "a.png", "b.png", "c.png"),
        *(f"train/patient0000{n}/study1/{x}.jpg" for n, x in enumerate("abc", 1)),
    ):
        path = seeds / "files" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def use_annotations(name: str, path: Path, files: Path, place: Path) -> None:
    """Makes a table of annotations, whose labels have to be 1, 0, blank or uncertain."""
    made = FORMATS[name][1](path, files, place)
    made.frame.to_csv(place / "made.csv", index=False)
    cells = made.frame[list(made.tasks)].astype(object)
    for cell in cells.where(cells.notna(), None).to_numpy().ravel():
        if cell not in (None, 0, 1, -1):
            raise WrongNumberError(f"the label {cell!r}")


KINDS = tuple(Kind(name=name, prepare=_prepare(name), share=0.5) for name in FORMATS)
