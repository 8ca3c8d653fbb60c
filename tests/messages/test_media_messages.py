"""The whole text of every deliberate error about images and made tables."""

import io
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from kerastl.data.importing import column_names
from kerastl.data.importing.coco import table_from_coco
from kerastl.data.importing.folders import table_from_folders
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.table_file import files_of
from kerastl.errors import ConfigError, KerastlError, MediaError, TableError
from kerastl.media import remote_file
from kerastl.media.addresses import media_file
from kerastl.media.cuts import read_cuts, refuse_bad_cuts
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageContract
from kerastl_runtime.audio.decoding import read_audio
from kerastl_runtime.image import opening
from kerastl_runtime.image.decoding import decode_image, read_image_file


def png(side=8):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def decode(data, **options):
    return decode_image(data, **{"height": 4, "width": 4, "where": "a.png", **options})


def text(kind, call):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


def test_a_missing_image(tmp_path):
    path = tmp_path / "a.png"
    assert text(MediaError, lambda: read_image_file(path)) == (
        "The image does not exist.\n"
        f"  where:    {path}\n"
        "  fix:      Correct the path in the table: paths are relative to the table's folder."
    )


def test_a_folder_in_the_place_of_a_image(tmp_path):
    assert text(MediaError, lambda: read_image_file(tmp_path)) == (
        f"The image cannot be opened.\n  where:    {tmp_path}\n  received: Is a directory"
    )


def test_a_pipe_in_the_place_of_an_image_or_audio_file(tmp_path):
    os.mkfifo(tmp_path / "a")
    for noun, call in {
        "image": lambda: read_image_file(tmp_path / "a"),
        "audio file": lambda: read_audio(tmp_path / "a", rate_hz=8000),
    }.items():
        assert text(MediaError, call) == (
            f"The {noun} cannot be opened.\n"
            f"  where:    {tmp_path / 'a'}\n"
            "  received: not a regular file"
        )


def test_an_address_of_another_scheme():
    assert text(MediaError, lambda: media_file("ftp://host/a.png")) == (
        "Files at 'ftp://' are not read.\n"
        "  expected: a path relative to the table, or an address that begins with s3://, gs://, "
        "hf://, https://, http://\n"
        "  received: ftp://host/a.png"
    )


def test_an_address_of_another_scheme_in_a_table():
    def call():
        files_of(["a.png", "file:///a.png"], Path("/d"), where="t.csv: column path")

    assert text(TableError, call) == (
        "Files at 'file://' are not read.\n"
        "  where:    t.csv: column path, row 2\n"
        "  expected: a path relative to the table, or an address that begins with s3://, gs://, "
        "hf://, https://, http://\n"
        "  received: file:///a.png"
    )


def test_a_package_for_a_store_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    remote_file._store.cache_clear()
    assert text(MediaError, lambda: media_file("s3://bucket/a.png")) == (
        "A package that reads s3:// is missing.\n"
        "  received: import of fsspec halted; None in sys.modules\n"
        "  fix:      Install it: pip install 'kerastl[remote]' s3fs"
    )


def test_a_cell_that_is_not_in_its_table(tmp_path):
    pq.write_table(pa.table({"image": [b"bytes"]}), tmp_path / "a.parquet")
    address = f"{tmp_path}/a.parquet#image/2"
    assert text(MediaError, lambda: read_image_file(media_file(address))) == (
        "The image cannot be opened.\n"
        f"  where:    {address}\n"
        "  received: the table 'a.parquet': no row 2"
    )
    gone = f"{tmp_path}/gone.parquet#image/2"
    assert text(MediaError, lambda: read_image_file(media_file(gone))) == (
        "The image does not exist.\n"
        f"  where:    {gone}\n"
        "  fix:      Write the bytes of the file, or its path, into the cell of the table."
    )


def test_an_object_that_is_missing_or_refused(object_server):
    address = f"{object_server.url}/a.png"
    assert text(MediaError, lambda: read_image_file(media_file(address))) == (
        "The image does not exist.\n"
        f"  where:    {address}\n"
        "  fix:      Correct the address in the table, or upload the object."
    )
    (object_server.folder / "a.png").write_bytes(b"bytes")
    object_server.failures["a.png"] = [403] * 2
    assert text(MediaError, lambda: read_image_file(media_file(address))) == (
        "The image cannot be opened.\n"
        f"  where:    {address}\n"
        "  received: the server answered 403 Forbidden"
    )


def test_a_truncated_image():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(stream, "BMP")
    assert text(MediaError, lambda: decode(stream.getvalue()[:-700])) == (
        "The image is truncated or damaged.\n"
        "  where:    a.png\n"
        "  received: image file is truncated (68 bytes not processed)\n"
        "  fix:      Fetch the file again, or remove its row from the table; `kerastl data check` "
        "lists all such files."
    )


def test_a_image_with_a_damaged_header():
    assert text(MediaError, lambda: decode(png()[:20])) == (
        "The image is truncated or damaged.\n"
        "  where:    a.png\n"
        "  received: its header cannot be read\n"
        "  fix:      Fetch the file again, or remove its row from the table; `kerastl data check` "
        "lists all such files."
    )


def test_a_file_that_is_no_image():
    assert text(MediaError, lambda: decode(b"<html>404</html>")) == (
        "The file is not an image that kerastl reads.\n"
        "  where:    a.png\n"
        "  expected: JPEG, PNG, WebP, BMP, GIF, TIFF or DICOM\n"
        "  received: bytes that start with b'<html>404</h'\n"
        "  fix:      Convert it to one of these formats, or remove its row from the table."
    )


def test_an_empty_file():
    assert "  received: an empty file\n" in text(MediaError, lambda: decode(b""))


def test_a_image_that_is_too_large(monkeypatch):
    expected = (
        "The image is too large to be decoded safely.\n"
        "  where:    a.png\n"
        "  expected: at most 178 megapixels\n"
        "  fix:      Scale it down first."
    )
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    assert text(MediaError, lambda: decode(png())) == expected
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(opening, "MAX_PIXELS", 63)
    assert text(MediaError, lambda: decode(png())).startswith(expected.splitlines()[0])


def test_a_region_outside_of_its_image():
    assert text(MediaError, lambda: decode(png(), cut=(4, 0, 9, 8, 0))) == (
        "The region is outside of the image.\n"
        "  where:    a.png\n"
        "  expected: a part of 8 x 8 pixels\n"
        "  received: 9 x 8 at (4, 0), frame 0\n"
        "  fix:      Correct x, y, width and height in the table; `kerastl data check` lists all "
        "such rows. They count from the upper left corner of the image as it is seen, turned by "
        "its EXIF flag."
    )


def test_a_frame_that_there_is_not():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(stream, "TIFF")
    assert text(MediaError, lambda: decode(stream.getvalue(), cut=(*[None] * 4, 3))) == (
        "The image has no frame 3.\n"
        "  where:    a.png\n"
        "  expected: 0, its only frame\n"
        "  fix:      Correct the column frame of the table, or rename it if it means something "
        "else."
    )


def test_cells_that_make_no_region():
    rows = [[5, 5, 20, 20], [0.1, 0.2, 0.5, 0.5], [5, 5, 0, 20]]
    frame = pd.DataFrame(rows, columns=["x", "y", "width", "height"])
    call = lambda: refuse_bad_cuts(read_cuts(frame, IMAGE, tasks=()), IMAGE, source="a.csv")  # noqa: E731
    assert text(TableError, call) == (
        "2 cells of x, y, width, height and frame are not valid.\n"
        "  where:    a.csv: row 2, column width\n"
        "  expected: a region inside of the image by x, y, width and height, in pixels, or in "
        "fractions of the image if all four are at most 1, the same for all rows; frame: 0 for the "
        "first of a file; blank for the whole image\n"
        "  received: '0.5', which makes a region in fractions of the image; that of row 1 is in "
        "pixels\n"
        "  fix:      Correct the cells, or rename the columns if they mean something else."
    )


def test_a_dicom_without_the_package_that_reads_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert text(MediaError, lambda: decode(bytes(128) + b"DICM")) == (
        "The image is DICOM, which needs the package pydicom.\n"
        "  where:    a.png\n"
        "  fix:      pip install 'kerastl[dicom]'"
    )


def test_floats_without_a_range():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(stream, "TIFF")
    assert text(MediaError, lambda: decode(stream.getvalue())) == (
        "Which values of the image are black and white is not known.\n"
        "  where:    a.png\n"
        "  expected: images of 8 bits, or gray values in a range that training decided\n"
        "  received: floats\n"
        "  fix:      Set data.intensity to [low, high] or to {percentiles: [0.5, 99.5]} and train "
        "again."
    )


def test_an_unknown_way_to_resize():
    assert text(ConfigError, lambda: decode(png(), resize="squeeze")) == (
        "There is no such way to resize images.\n"
        "  expected: stretch, pad or crop\n"
        "  received: 'squeeze'"
    )


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system reserves no room")
def test_no_room_for_decoded_images(monkeypatch, tmp_path):
    def refuse(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("kerastl.scratch.available_memory", lambda: 0)
    inputs = FileInputs([Path("a.png")] * 1000, ImageContract(shape=(1000, 500, 3)))
    assert text(KerastlError, inputs.decode_all) == (
        "There is no room for the decoded images.\n"
        f"  where:    {tmp_path}\n"
        "  expected: 1.5 GB free\n"
        "  received: No space left on device\n"
        "  fix:      Free some space, or set the environment variable TMPDIR to a folder with more "
        "room."
    )


def test_names_that_share_a_column():
    assert text(TableError, lambda: column_names(["Cat", "cat"], where="pets")) == (
        "The name 'cat' cannot become a column.\n"
        "  where:    pets\n"
        "  expected: names that differ in letters or digits, regardless of case\n"
        "  received: 'cat', which stands for 'Cat'\n"
        "  fix:      Rename one of the two."
    )


def test_folders_without_classes_or_files(tmp_path):
    pets = tmp_path / "pets"
    make = lambda: table_from_folders(pets, relative_to=tmp_path)  # noqa: E731
    assert text(TableError, make) == (
        f"There is no folder 'pets'.\n  where:    {pets}\n  expected: a folder per class"
    )
    pets.mkdir()
    assert text(TableError, make) == (
        "The folder 'pets' contains no class folders.\n"
        f"  where:    {pets}\n"
        "  expected: one folder per class, with the files of the class in it"
    )
    (pets / "cat").mkdir()
    assert text(TableError, make) == (
        "The class folders contain no images or audio.\n"
        f"  where:    {pets}\n"
        "  expected: files such as .jpg, .png, .wav or .flac\n"
        "  received: empty folders"
    )


def test_annotations_that_make_no_table(tmp_path):
    source = tmp_path / "a.json"

    def make(**options):
        return table_from_coco(source, tmp_path, relative_to=tmp_path, **options)

    assert text(TableError, make) == (
        "The annotations cannot be read.\n"
        f"  where:    {source}\n"
        "  expected: a JSON file of COCO instances\n"
        "  received: No such file or directory"
    )
    source.write_text("{}")
    assert text(TableError, make) == (
        "The annotations have no usable 'images'.\n"
        f"  where:    {source}\n"
        "  expected: a list 'images' of objects with id\n"
        "  fix:      Use the file of instances, such as instances_val2017.json."
    )
    content = {"images": [{"id": 1, "file_name": "x.jpg"}], "annotations": []}
    source.write_text(json.dumps({**content, "categories": [{"id": 1, "name": "car"}]}))
    assert text(TableError, lambda: make(categories=["cra"])) == (
        "The annotations have no category 'cra'.\n"
        f"  where:    {source}\n"
        "  expected: one of 1 categories\n"
        "  fix:      Did you mean 'car'?"
    )
    assert text(TableError, make) == (
        "None of the files exists.\n"
        f"  where:    {tmp_path}\n"
        "  expected: 1 file, such as x.jpg\n"
        "  fix:      Name the folder that contains the files with --images."
    )
    source.write_text(json.dumps({**content, "categories": []}))
    assert text(TableError, make) == (f"The annotations have no categories.\n  where:    {source}")
