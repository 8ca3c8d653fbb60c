"""The body of a request and the files in it: a form, or JSON with base64."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from kerastl.errors import counted
from kerastl.serving.inference_protocol import read_base64, read_json_object
from kerastl.serving.limits import Limits, RefusedError


async def read_body(request: Request, limits: Limits, arrived: Callable[[int], None]) -> bytes:
    """Returns the body, or raises a `RefusedError` if it is too large or too slow.

    `arrived` counts bytes, and refuses them if there are too many of all requests.
    """
    chunks, size = [], 0
    announced = request.headers.get("content-length", "")
    _refuse_bytes(int(announced) if announced.isdecimal() else 0, limits)
    try:
        async with asyncio.timeout(limits.max_seconds):
            async with asyncio.timeout(limits.max_stall_seconds) as stall:
                async for chunk in request.stream():
                    stall.reschedule(asyncio.get_running_loop().time() + limits.max_stall_seconds)
                    size += len(chunk)
                    _refuse_bytes(size, limits)
                    arrived(len(chunk))
                    chunks.append(chunk)
    except TimeoutError:
        sentence = (
            f"The body did not arrive within {limits.max_seconds:g} s, or nothing of it for "
            f"{limits.max_stall_seconds:g} s."
        )
        raise RefusedError(408, sentence) from None
    except ClientDisconnect:
        raise RefusedError(400, "The client has gone.") from None
    return b"".join(chunks)


async def read_files(headers: Headers, body: bytes, limits: Limits) -> list[tuple[str, bytes]]:
    """Returns names and contents of the files of a request, or raises a `RefusedError`."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        data = read_base64(read_json_object(body).get("files"), "files")
        files = [(str(number), one) for number, one in enumerate(data)]
    elif kind == "multipart/form-data":
        files = await _read_form(headers, body, limits)
    else:
        kinds = "multipart/form-data or application/json"
        raise RefusedError(415, f"The content type must be {kinds}, not '{kind[:60]}'.")
    refuse_many(len(files), limits)
    return files


def refuse_many(count: int, limits: Limits) -> None:
    """Raises a `RefusedError` if a request has more examples than it may have."""
    if count > limits.max_files:
        most = counted(limits.max_files, "example")
        raise RefusedError(413, f"A request may have at most {most}.")


async def _read_form(headers: Headers, body: bytes, limits: Limits) -> list[tuple[str, bytes]]:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    most = limits.max_files + 1
    parser = MultiPartParser(headers, stream(), max_files=most, max_fields=most)
    parser.spool_max_size = limits.max_bytes  # stays in memory
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        reason = getattr(error, "message", "it has no boundary").rstrip(".")
        refuse_many(most if reason.startswith("Too many files") else 0, limits)
        raise RefusedError(400, f"The form cannot be read: {reason}.") from None
    files = [one for _, one in form.multi_items() if isinstance(one, UploadFile)]
    if not files:
        raise RefusedError(400, "The form has no files: curl -F file=@a.jpg sends one.")
    return [(one.filename or str(number), await one.read()) for number, one in enumerate(files)]


def _refuse_bytes(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise RefusedError(413, f"The body is larger than {limits.max_bytes:,} bytes.")
