"""The one table of formats of exported models."""

from kerastl.errors import ExportError, suggestion
from kerastl.export.formats.keras_format import KerasFormat
from kerastl.export.formats.litert_format import LitertFormat
from kerastl.export.formats.model_format import Form, Format, Precision, Source
from kerastl.export.formats.onnx_format import OnnxFormat
from kerastl.export.formats.openvino_format import OpenvinoFormat
from kerastl.export.formats.saved_model_format import SavedModelFormat

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (SavedModelFormat(), LitertFormat(), OnnxFormat(), OpenvinoFormat(), KerasFormat())
}


def find_form(name: str, precision: str) -> Form:
    """Returns a format in one of its precisions.

    Raises:
        ExportError: There is no such format, or it has no such precision.
    """
    if name not in FORMATS:
        raise ExportError(
            f"There is no format '{name}'.",
            expected=f"all, {', '.join(FORMATS)}",
            fix=suggestion(name, FORMATS),
        )
    known = {str(one): one for one in FORMATS[name].precisions}
    if precision not in known:
        raise ExportError(
            f"The format '{name}' has no precision '{precision}'.",
            expected=", ".join(known),
            fix=suggestion(precision, known),
        )
    return Form(FORMATS[name], known[precision])
