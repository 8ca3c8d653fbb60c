"""The HTTP server: routes, limits, metrics and the page.

Convention: whatever is wrong with a request is one sentence, `{"error": "..."}`, with a code from
400 to 499; what takes too long is 503, and a defect of ours 500, with a traceback in the log only.
"""

import asyncio
import contextlib
import importlib.resources
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kerastl.errors import MediaError
from kerastl.report.render import json_for_page, render_page
from kerastl.serving import inference_protocol as protocol
from kerastl.serving.batching import Batcher
from kerastl.serving.limits import Admission, Limits, RefusedError
from kerastl.serving.request_files import read_body, read_files, refuse_many
from kerastl.serving.served_run import ServedRun
from kerastl.versions import installed_version
from kerastl_runtime.threads import num_processors

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Server:
    """Answers requests about some runs.

    Args:
        runs: The runs, each with a name of its own.
        limits: What requests may take.
    """

    def __init__(self, runs: Sequence[ServedRun], limits: Limits):
        self.runs = {run.name: run for run in runs}
        self.limits = limits
        self.admission = Admission(limits)
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "kerastl_requests", "Requests.", ("run", "code"), registry=registry
        )
        self._seconds = Histogram(
            "kerastl_request_seconds", "Time of a request.", ("run",), registry=registry
        )
        sizes = Histogram(
            "kerastl_batch_examples", "Batches.", ("run",), buckets=_BATCHES, registry=registry
        )
        pending = Gauge("kerastl_pending_examples", "In progress.", registry=registry)
        pending.set_function(lambda: self.admission.pending)
        self._decoding = ThreadPoolExecutor(num_processors())
        self._batchers = {
            run.name: Batcher(
                run.score,
                max_batch=limits.max_batch,
                max_wait_seconds=limits.max_wait_seconds,
                observe=sizes.labels(run.name).observe,
            )
            for run in runs
        }

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Computes batches while the application runs."""
        tasks = [asyncio.create_task(batcher.run()) for batcher in self._batchers.values()]
        yield
        for task in tasks:
            task.cancel()

    def find(self, name: str | None) -> ServedRun:
        """Returns a run by its name; the only one needs no name."""
        if name is None and len(self.runs) == 1:
            return next(iter(self.runs.values()))
        names = ", ".join(self.runs)
        if name is None:
            raise RefusedError(400, f"Name a run in the path: /predict/NAME, one of {names}.")
        if name not in self.runs:
            raise RefusedError(404, f"There is no run '{name[:60]}', only {names}.")
        return self.runs[name]

    async def predict(self, run: ServedRun, request: Request, body: bytes) -> dict[str, Any]:
        """Answers a request with files as `kerastl predict` does."""
        files = await read_files(request.headers, body, self.limits)
        with self.admission.admitted(len(files) - 1):
            decoded = await self._decode(run, [data for _, data in files])
            reasons = [one for one in decoded if isinstance(one, RefusedError)]
            if len(reasons) == len(files) == 1:
                raise reasons[0]
            if len(reasons) == len(files):
                raise RefusedError(422, f"No file can be read. The first: {reasons[0]}")
            readable = [one for one in decoded if not isinstance(one, RefusedError)]
            probabilities = iter(await self._batchers[run.name].score(readable))
        rows = [
            {"file": name, "error": str(one)}
            if isinstance(one, RefusedError)
            else {"file": name, "tasks": run.answers(next(probabilities))}
            for (name, _), one in zip(files, decoded, strict=True)
        ]
        return {"run": run.name, "predictions": rows}

    async def infer(self, run: ServedRun, request: Request, body: bytes) -> dict[str, Any]:
        """Answers a request of the Open Inference Protocol."""
        loop = asyncio.get_running_loop()  # millions of numbers take a while to be parsed
        read = loop.run_in_executor(self._decoding, protocol.read_request, body, run)
        found, inputs = await read
        protocol.wanted_outputs(found, run)
        refuse_many(len(inputs), self.limits)
        with self.admission.admitted(len(inputs) - 1):
            examples = [one[np.newaxis] for one in inputs if isinstance(one, np.ndarray)]
            decoded = [] if examples else await self._decode(run, list(inputs))
            for number, one in enumerate(decoded):
                if isinstance(one, RefusedError):
                    raise RefusedError(one.status, f"data[{number}]: {one}")
                examples.append(one)
            return protocol.response(found, run, await self._batchers[run.name].score(examples))

    async def answer(
        self,
        request: Request,
        name: str | None,
        reply: Callable[[ServedRun, Request, bytes], Awaitable[dict[str, Any]]],
    ) -> Response:
        """Answers a request within the limits, and counts it."""
        started, label, code = time.monotonic(), "", 500
        try:
            run = self.find(name)
            label = run.name
            with self.admission.body() as arrived:
                body = await read_body(request, self.limits, arrived)
                with self.admission.admitted(1):
                    async with asyncio.timeout(self.limits.max_seconds):
                        response = JSONResponse(await reply(run, request, body))
            code = 200
            return response
        except TimeoutError:
            code = 503
            raise RefusedError(
                503, f"The answer took longer than {self.limits.max_seconds:g} s.", retry_seconds=1
            ) from None
        except RefusedError as error:
            code = error.status
            raise
        finally:
            self._requests.labels(label, code).inc()
            self._seconds.labels(label).observe(time.monotonic() - started)

    async def _decode(
        self, run: ServedRun, files: Sequence[bytes]
    ) -> list[np.ndarray | RefusedError]:
        """Returns the inputs of each file, or why it cannot be read."""
        loop = asyncio.get_running_loop()

        async def decode(data: bytes) -> np.ndarray | RefusedError:
            most = self.limits.max_values
            try:
                return await loop.run_in_executor(self._decoding, run.decode, data, most)
            except MediaError as error:
                return RefusedError(422, error.what)
            except RefusedError as error:
                return error

        return await asyncio.gather(*map(decode, files))


def serve(server: Server, listener: socket.socket) -> None:
    """Serves until SIGTERM or Ctrl-C, then answers what was accepted."""
    seconds = math.ceil(server.limits.max_seconds) + 1
    config = uvicorn.Config(
        make_app(server), log_level="warning", timeout_graceful_shutdown=seconds
    )
    uvicorn.Server(config).run(sockets=[listener])


def make_app(server: Server) -> FastAPI:
    """Returns the application."""
    app = FastAPI(title="kerastl", lifespan=server.lifespan, docs_url=None, redoc_url=None)

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        media = {name: run.bundle.media for name, run in server.runs.items()}
        return render_page(
            "page.html",
            folder=importlib.resources.files(__package__) / "templates",
            script="page.js",
            style="page.css",
            connects=True,
            media=media,
            modalities=json_for_page({name: one.name for name, one in media.items()}),
        )

    @app.post("/predict")
    @app.post("/predict/{name}")
    async def predict(request: Request, name: str | None = None) -> Response:
        return await server.answer(request, name, server.predict)

    @app.post("/v2/models/{name}/infer")
    async def infer(request: Request, name: str) -> Response:
        return await server.answer(request, name, server.infer)

    @app.get("/v2")
    async def about() -> dict[str, Any]:
        return {"name": "kerastl", "version": installed_version("kerastl"), "extensions": []}

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}  # runs are loaded before the server listens

    @app.get("/v2/models/{name}")
    async def metadata(name: str) -> dict[str, Any]:
        return protocol.model_metadata(server.find(name))

    @app.get("/v2/models/{name}/ready")
    async def model_ready(name: str) -> dict[str, Any]:
        return {"name": server.find(name).name, "ready": True}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(server.registry), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return JSONResponse({"error": str(error)}, error.status, headers=error.headers)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def not_there(request: Request, error: Any) -> Response:
        paths = "/, /predict, /v2 and /metrics"
        sentence = f"There is no {request.method} {request.url.path[:80]}; there are {paths}."
        return JSONResponse({"error": sentence}, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        # It is raised again by the framework, so its traceback is in the log.
        return JSONResponse({"error": "The server has failed; its log says why."}, 500)

    return app
