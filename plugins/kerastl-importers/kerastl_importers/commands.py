"""The commands `kerastl data from-...` of this package; kerastl adds `--output`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kerastl.data.importing import MadeTable

_file = click.Path(path_type=Path)
_images = click.option("--images", type=_file, required=True, help="Folder with the images.")
_score = click.FloatRange(0, 1)


@click.command("from-label-studio")
@click.argument("export", metavar="JSON", type=click.Path(path_type=Path))
@click.option(
    "--files", type=click.Path(path_type=Path), required=True, help="Folder with the files."
)
@click.option("--label", "labels", multiple=True, help="Label that nobody gave to any file.")
def from_label_studio(
    export: Path, files: Path, labels: tuple[str, ...], output: Path
) -> "MadeTable":
    """Make a table from JSON, an export of Label Studio in its own format.

    A label is 1 if an annotator gave it, 0 if one who finished the task did not, and blank where
    nobody finished the task or annotators disagree.
    """
    from kerastl_importers.label_studio import table_from_label_studio

    return table_from_label_studio(export, files, relative_to=output.parent, labels=labels)


@click.command("from-megadetector")
@click.argument("detections", metavar="JSON", type=_file)
@_images
@click.option(
    "--present", type=_score, default=0.5, show_default=True, help="Score from which it is a yes."
)
@click.option(
    "--absent", type=_score, default=0.1, show_default=True, help="Score up to which it is a no."
)
@click.option("--crops", is_flag=True, help="A row for each detection, with its region.")
@click.option("--labels", type=_file, help="With --crops: table of labels of whole images.")
def from_megadetector(
    detections: Path, images: Path, labels: Path | None, output: Path, **choices: Any
) -> "MadeTable":
    """Make a table from JSON, the detections of MegaDetector.

    An image is 1 for a category that was detected with a score of at least --present, 0 without a
    score above --absent, and blank between them. With --crops, each detection becomes a row; of
    --labels, "no" holds for every detection of an image, and "yes" only for one beside which no
    other score is above --absent.
    """
    from kerastl_importers.megadetector import table_from_megadetector

    return table_from_megadetector(
        detections, images, relative_to=output.parent, labels=labels, **choices
    )


@click.command("from-chexpert")
@click.argument("table", metavar="CSV", type=_file)
@_images
def from_chexpert(table: Path, images: Path, output: Path) -> "MadeTable":
    """Make a table from CSV, the labels of CheXpert: train.csv or valid.csv.

    A blank cell, a finding that the report doesn't mention, stays blank, and -1 stays uncertain.
    """
    from kerastl_importers.chest import table_from_chexpert

    return table_from_chexpert(table, images, relative_to=output.parent)


@click.command("from-nih")
@click.argument("table", metavar="CSV", type=_file)
@_images
@click.option(
    "--unlisted",
    type=click.Choice(["no", "unknown"]),
    default="no",
    show_default=True,
    help="What a finding is that isn't listed.",
)
def from_nih(table: Path, images: Path, unlisted: Any, output: Path) -> "MadeTable":
    """Make a table from CSV, the labels of NIH ChestX-ray14: Data_Entry_2017.csv."""
    from kerastl_importers.chest import table_from_nih

    return table_from_nih(table, images, relative_to=output.parent, unlisted=unlisted)


@click.command("from-dicom")
@click.argument("folder", type=_file)
def from_dicom(folder: Path, output: Path) -> "MadeTable":
    """Make a table from the DICOM files in FOLDER: patient, study, view, laterality and frame.

    It has no labels yet. Names of patients are never copied; what a file doesn't state is blank.
    """
    from kerastl_importers.dicom import table_from_dicom

    return table_from_dicom(folder, relative_to=output.parent)
