r"""What reading more than 8 bits is worth: the same radiographs as PNG of 8 and 12 bits, and DICOM.

    python benchmarks/deep_images.py --shared PATH

Each radiograph of 8 bits becomes 12 bits: its value, and a random part of a level that 8 bits lose.
Features of MobileNetV2 are compared with those of the files of 8 bits; heads are solved on the
training rows and scored on the others by the macro AUC of eight findings. The last three rows are
what reading by the high byte and ignoring a window make of the same files.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import scipy.special
from frozen_common import print_table
from PIL import Image
from views import SINGLE, Table, chest

from kerastl.data.inputs.streams import FileInputs
from kerastl.evaluation.scores import score_task
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_backbone
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageSettings
from kerastl.training.exact_head.solver import solve_head

LEVELS, DEEP = 255, 4095
OFFSET, SPAN = 6000, 2047  # of the window within 14 bits


@dataclass(frozen=True)
class Encoding:
    """One way to store the radiographs, and to read them."""

    name: str
    folder: str
    settings: dict[str, Any]
    is_high_byte: bool = False


ENCODINGS = (
    Encoding("PNG, 8 bits", "png8", {}),
    Encoding("PNG, 12 bits", "png12", {}),
    Encoding("TIFF, 12 bits", "tiff12", {}),
    Encoding("DICOM, 12 bits", "dicom12", {}),
    Encoding("DICOM, MONOCHROME1", "inverted", {}),
    Encoding("DICOM, a window within 14 bits", "windowed", {}),
    Encoding("PNG, 12 bits, high byte", "png12", {}, True),
    Encoding("DICOM, window ignored", "windowed", {"dicom_window": False}),
    Encoding(
        "DICOM, window ignored, percentiles 0.5 to 99.5",
        "windowed",
        {"dicom_window": False, "intensity": {"percentiles": (0.5, 99.5)}},
    ),
)


def main() -> None:
    """Writes the files, and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data and weights")
    shared = parser.parse_args().shared
    table = chest(shared)[0]
    with tempfile.TemporaryDirectory() as folder:
        write_all(table, Path(folder))
        rows = list(compare(table, Path(folder)))
    heading = ("files", "gray levels", "largest difference", "features differ by", "macro AUC")
    print_table(heading, rows)


def write_all(table: Table, folder: Path) -> None:
    """Writes each radiograph in each way."""
    random = np.random.default_rng(0)
    for name in {encoding.folder for encoding in ENCODINGS}:
        (folder / name).mkdir()
    for row, path in enumerate(table.paths):
        gray = np.asarray(Image.open(path).convert("L"))
        finer = (gray + random.uniform(-0.49, 0.49, gray.shape)).clip(0, LEVELS) / LEVELS
        deep = np.rint(finer * DEEP).astype(np.uint16)
        Image.fromarray(gray).save(folder / "png8" / f"{row}.png")
        Image.fromarray(deep).save(folder / "png12" / f"{row}.png")
        Image.fromarray(deep).save(folder / "tiff12" / f"{row}.tif")
        write_dicom(folder / "dicom12" / f"{row}.dcm", deep)
        write_dicom(folder / "inverted" / f"{row}.dcm", DEEP - deep, kind="MONOCHROME1")
        within = (OFFSET + np.rint(finer * SPAN)).astype(np.uint16)
        window = {"WindowCenter": OFFSET + (SPAN + 1) / 2, "WindowWidth": SPAN + 1}
        write_dicom(folder / "windowed" / f"{row}.dcm", within, bits=14, **window)


def write_dicom(
    path: Path, values: np.ndarray, *, bits: int = 12, kind: str = "MONOCHROME2", **more: Any
) -> None:
    """Writes a gray DICOM without compression."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[str(path)])
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, kind
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = values.astype(np.uint16).tobytes()
    for name, value in more.items():
        setattr(dataset, name, value)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def compare(table: Table, folder: Path) -> Iterator[tuple[str, ...]]:
    """Yields a row for each encoding."""
    layer, raw = build_backbone(table.backbone, features=SINGLE, **table.build)
    reference: tuple[np.ndarray, np.ndarray] | None = None
    for encoding in ENCODINGS:
        files = [next((folder / encoding.folder).glob(f"{i}.*")) for i in range(len(table.paths))]
        settings = ImageSettings(**encoding.settings)
        settings = settings.model_copy(update=IMAGE.decided_settings(settings, files))
        contract = IMAGE.contract(tuple(raw.shape[1:]), settings, None, backbone=table.backbone)
        if encoding.is_high_byte:
            contract = contract.model_copy(update={"intensity": None})
        inputs = FileInputs(files, contract)
        images = inputs.take(np.arange(len(files))).astype(int)
        features = FeatureSource(cache=None).features_of(layer, inputs).values
        reference = reference or (images, features)
        levels = np.median([len(np.unique(image)) for image in images])
        pixels = np.abs(images - reference[0]).max()
        error = np.linalg.norm(features - reference[1]) / np.linalg.norm(reference[1])
        yield (
            encoding.name,
            f"{levels:.0f}",
            str(pixels),
            f"{error:.2%}",
            f"{auc(table, features):.4f}",
        )


def auc(table: Table, features: np.ndarray) -> float:
    """Returns the macro AUC on the test rows of heads that are solved on the training rows."""
    train, test = (np.flatnonzero(table.splits == part) for part in ("train", "test"))
    groups = None if table.groups is None else table.groups[train]
    head = solve_head(features[train], table.labels[train], groups=groups, seed=0)
    found = scipy.special.expit(features[test] @ head.kernel + head.bias)
    labels = table.labels[test]
    scores = [score_task(labels[:, j], found[:, j], threshold=0.5) for j in range(len(labels.T))]
    return float(np.nanmean([score.auc for score in scores]))


if __name__ == "__main__":
    main()
