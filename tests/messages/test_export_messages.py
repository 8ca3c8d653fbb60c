"""Messages about exports."""

import importlib.util

import pytest

from kerastl.errors import ExportError
from kerastl.export.exporting import wanted_forms
from kerastl.export.formats import FORMATS, find_form


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = ("tf2onnx", "nncf")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else object()
    )
    with pytest.raises(ExportError) as error:
        FORMATS["onnx"].refuse_missing("int8")
    assert str(error.value) == (
        "The format onnx (int8) needs tf2onnx and nncf.\n"
        "  fix:      pip install 'kerastl[onnx,quantize]'"
    )


def test_an_unknown_format_and_an_unknown_precision_list_the_known_ones() -> None:
    with pytest.raises(ExportError) as error:
        wanted_forms("tflite", None)
    assert str(error.value).splitlines()[:2] == [
        "There is no format 'tflite'.",
        "  expected: all, saved_model, litert, onnx, openvino, keras",
    ]
    with pytest.raises(ExportError) as error:
        find_form("onnx", "dynamic")
    assert str(error.value) == (
        "The format 'onnx' has no precision 'dynamic'.\n  expected: float32, float16, int8"
    )


def test_all_is_every_format_in_every_precision_or_in_one() -> None:
    assert len(wanted_forms("all", None)) == 12
    assert {form.label for form in wanted_forms("all", "int8")} == {
        "litert-int8",
        "onnx-int8",
        "openvino-int8",
    }
