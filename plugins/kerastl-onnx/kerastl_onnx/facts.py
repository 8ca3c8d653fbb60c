"""What an ONNX file says about itself, read without its weights and without any package.

Convention: a file consists of numbered fields (https://protobuf.dev/programming-guides/encoding);
those that are not needed are skipped, so a file of gigabytes is read in milliseconds.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAX_BYTES = 2**31 - 1  # of a message of protobuf
_MAX_TEXT = 2**24
_NEGATIVE = 2**63  # varints from here on are negative; -1 is written for an open length
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, kw_only=True)
class Value:
    """An input or output."""

    name: str
    type: int  # a `TensorProto.DataType`, 0 if unknown
    shape: tuple[int | None, ...] | None  # None for open lengths, and if there is no shape

    def __str__(self) -> str:
        sides = "unknown" if self.shape is None else ", ".join(str(s or "?") for s in self.shape)
        return f"{self.name} ({sides})"


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What an ONNX file says about itself."""

    inputs: tuple[Value, ...]  # without weights, which old files list too
    outputs: tuple[Value, ...]
    metadata: Mapping[str, str]


Span = tuple[int, int]
"""The first byte of a field and the byte after it."""


def read_facts(path: Path) -> FileFacts:
    """Reads the facts of a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not an ONNX file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise ValueError(f"it has {size:,} bytes, at most {MAX_BYTES:,} are possible")
        model = _Message(file, (0, size))
        graphs = model.messages(7)
        if len(graphs) != 1:
            raise ValueError("it is not an ONNX file: it contains no graph")
        graph = graphs[0]
        weights = {one.text(8) for one in graph.messages(5)}
        inputs = [_value(one) for one in graph.messages(11)]
        return FileFacts(
            inputs=tuple(one for one in inputs if one.name not in weights),
            outputs=tuple(_value(one) for one in graph.messages(12)),
            metadata={one.text(1): one.text(2) for one in model.messages(14)},
        )


class _Message:
    """A message in a file: its fields by their numbers, each with the places of its values."""

    def __init__(self, file: IO[bytes], span: Span):
        self._file = file
        self.numbers: dict[int, list[int]] = {}
        self._spans: dict[int, list[Span]] = {}
        try:
            for number, value in self._fields(*span):
                if isinstance(value, int):
                    self.numbers.setdefault(number, []).append(value)
                else:
                    self._spans.setdefault(number, []).append(value)
        except (struct.error, IndexError) as error:
            raise ValueError("it is not an ONNX file, or is cut off") from error

    def messages(self, number: int) -> list["_Message"]:
        return [_Message(self._file, span) for span in self._spans.get(number, ())]

    def text(self, number: int) -> str:
        begin, end = self._spans.get(number, [(0, 0)])[-1]
        if end - begin > _MAX_TEXT:
            raise ValueError("it is not an ONNX file: a name is too long")
        self._file.seek(begin)
        return self._file.read(end - begin).decode(errors="replace")

    def _fields(self, begin: int, end: int) -> Iterator[tuple[int, int | Span]]:
        while begin < end:
            self._file.seek(begin)
            key, begin = self._varint(begin)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, begin = self._varint(begin)
                yield number, value
            elif kind == _BYTES:
                length, begin = self._varint(begin)
                yield number, (begin, begin + length)
                begin += length
            elif kind in (_FIXED32, _FIXED64):
                begin += 4 if kind == _FIXED32 else 8
            else:
                raise ValueError("it is not an ONNX file")
            if begin > end or not number:
                raise ValueError("it is not an ONNX file, or is cut off")

    def _varint(self, begin: int) -> tuple[int, int]:
        """Returns a number that begins at the place of the file, and the byte after it."""
        value = shift = 0
        while shift < 70:
            (byte,) = struct.unpack("B", self._file.read(1))
            value |= (byte & 127) << shift
            begin, shift = begin + 1, shift + 7
            if byte < 128:
                return value, begin
        raise ValueError("it is not an ONNX file")


def _value(message: _Message) -> Value:
    name = message.text(1)
    tensors = [tensor for kind in message.messages(2) for tensor in kind.messages(1)]
    if not tensors:
        return Value(name=name, type=0, shape=None)
    shapes = tensors[0].messages(2)
    sides = [side for shape in shapes[:1] for side in shape.messages(1)]
    lengths = [side.numbers.get(1, [0])[-1] for side in sides]
    return Value(
        name=name,
        type=tensors[0].numbers.get(1, [0])[-1],
        shape=tuple(n if 0 < n < _NEGATIVE else None for n in lengths) if shapes else None,
    )
