"""Files of weights and models, checked before a single array in them is read.

Convention: nothing is outside of the file, and what it announces is in proportion to its size.
"""

import io
import math
import re
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from kerastl_runtime.files import parse_json, refuse_more, require_regular

MAX_EXPANSION = 20  # of compressed weights; numbers that were learned halve at best
MAX_CONFIG_BYTES = 2**26
MAX_CONFIG_DEPTH = 100
_FLOOR = 2**26  # bytes that any file may announce
_LAYER = re.compile(r"for object <\w+ name=([^,>]+)")
_SHAPES = re.compile(r"variable\.shape=(\([^)]*\)).*?value\.shape=(\([^)]*\))", re.S)


def refuse_unsafe_file(path: str | Path) -> int:
    """Checks a `.keras`, `.h5` or `.npz` file; any other is left to its reader.

    Returns:
        The number of values in all arrays of the file.

    Raises:
        OSError: The file is a pipe or device, or cannot be read.
        ValueError: It refers to other files, would take far more memory than it has bytes, or its
            config is too large.
    """
    require_regular(Path(path))
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _check_archive(archive)
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return _check_hdf5(file)
        return 0
    except (OSError, ValueError):
        raise
    except Exception as error:  # zipfile and HDF5 raise nearly anything on damaged bytes
        raise ValueError(str(error) or type(error).__name__) from error


def load_weights_file(model: Any, path: str | Path) -> None:
    """Loads a `.weights.h5` or `.keras` file into a Keras model.

    Raises:
        OSError: As `refuse_unsafe_file`.
        ValueError: As `refuse_unsafe_file`, or the weights are those of another network; the text
            names the first layer that differs, with both shapes.
    """
    refuse_unsafe_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of every layer that the file lacks
        try:
            model.load_weights(path)
        except ValueError as error:
            raise ValueError(_first_difference(str(error))) from error


def _first_difference(text: str) -> str:
    """Returns the layer and the shapes in the text of an error of Keras, or its first line."""
    layer, shapes = _LAYER.search(text), _SHAPES.search(text)
    if layer is None:
        return text.partition("\n")[0]
    if shapes is None:
        return f"nothing for the layer '{layer[1]}'"
    return f"{shapes[2]} for the layer '{layer[1]}', which has {shapes[1]}"


def read_model_config(archive: zipfile.ZipFile) -> Any:
    """Returns the `config.json` of a `.keras` file, or raises a `KeyError` or `ValueError`."""
    refuse_more(archive.getinfo("config.json").file_size, MAX_CONFIG_BYTES, "bytes of config.json")
    return parse_json(archive.read("config.json"), max_depth=MAX_CONFIG_DEPTH)


def _check_archive(archive: zipfile.ZipFile) -> int:
    num_values = 0
    for member in archive.infolist():
        _refuse_expansion(member.filename, member.file_size, member.compress_size)
    for member in archive.infolist():
        if member.filename.endswith(".npy"):
            with archive.open(member) as file:
                num_values += _check_array(member, file)
        elif member.filename.endswith(".h5"):
            with h5py.File(io.BytesIO(archive.read(member))) as file:
                num_values += _check_hdf5(file)
    return num_values


def _check_array(member: zipfile.ZipInfo, file: IO[bytes]) -> int:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
        raise ValueError(f"the array '{member.filename}' has fewer values than its shape {shape}")
    return math.prod(shape)


def _check_hdf5(file: h5py.File) -> int:
    num_values = announced = stored = 0
    groups, seen = [file["/"]], set[int]()
    while groups:
        group = groups.pop()
        for name in group:
            place = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"'{place}' is a link to another place or file")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise ValueError(f"the values of '{place}' are in another data set or file")
                num_values += item.size or 0
                announced += (item.size or 0) * item.dtype.itemsize
                stored += item.id.get_storage_size()
                _refuse_expansion(place, announced, stored)
    return num_values


def _refuse_expansion(place: str, announced: int, stored: int) -> None:
    if announced > MAX_EXPANSION * stored + _FLOOR:
        raise ValueError(f"up to '{place}', {stored:,} bytes stand for {announced:,}")
