"""`kerastl serve` under load: latency against the bare engine, and at twice what it can carry.

    python benchmarks/serving.py RUN IMAGE [--seconds 20]

The floor is the same decoder and engine in this process, without HTTP: one image at a time, and in
batches of 32. The server runs in a process of its own on the same processors as the clients. With
closed clients, each waits for its answer; open load arrives at a fixed rate, whatever comes back.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "e2e"))

from serving_client import ServerProcess, post_files


def percentiles(seconds: Sequence[float]) -> str:
    """Returns the median, the 95th and the 99th percentile in milliseconds."""
    if not len(seconds):
        return "-"
    return " / ".join(f"{1000 * one:.1f}" for one in np.percentile(seconds, [50, 95, 99]))


def repeated(call: Callable[[], object], seconds: float) -> list[float]:
    """Returns the seconds of each call, repeated for some time."""
    taken, end = [], time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        call()
        taken.append(time.perf_counter() - started)
    return taken


def floor(run: Path, image: Path, seconds: float) -> None:
    """Prints what decoder and engine take without HTTP."""
    from kerastl.runs import load_run
    from kerastl.serving.served_run import ServedRun

    served, data = ServedRun("floor", load_run(run)), image.read_bytes()
    one = repeated(lambda: served.score([served.decode(data, 10**9)]), seconds)
    decoding = repeated(lambda: served.decode(data, 10**9), seconds / 2)
    many = repeated(lambda: served.score([served.decode(data, 10**9) for _ in range(32)]), seconds)
    print(f"{served.engine}; an image alone: {percentiles(one)} ms", end="")
    print(f", of which decoding {percentiles(decoding)} ms")
    print(f"batches of 32, one thread: {32 / np.median(many):.0f} images/s")


def closed(port: int, image: bytes, clients: int, seconds: float) -> float:
    """Prints the latency of clients that wait for their answers; returns answers per second."""
    taken: list[list[float]] = [[] for _ in range(clients)]

    def client(number: int) -> None:
        taken[number] = repeated(lambda: post_files(port, "/predict", [("a", image)]), seconds)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for part in taken for one in part]
    rate = len(everything) / seconds
    print(f"{clients} clients: {rate:.0f} answers/s; {percentiles(everything)} ms")
    return rate


def opened(server: ServerProcess, image: bytes, rate: float, seconds: float) -> None:
    """Prints what happens to requests that arrive at a fixed rate."""
    found: list[tuple[int, float]] = []

    def send() -> None:
        started = time.perf_counter()
        try:
            status = post_files(server.port, "/predict", [("a", image)]).status
        except OSError:
            status = 0
        found.append((status, time.perf_counter() - started))

    before, started = server.megabytes, time.perf_counter()
    threads = []
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        threads.append(threading.Thread(target=send))
        threads[-1].start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - started
    counts = Counter(status for status, _ in found)
    answered = [one for status, one in found if status == 200]
    refused = [one for status, one in found if status == 429]
    listed = ", ".join(f"{count} x {status}" for status, count in sorted(counts.items()))
    print(f"{rate:.0f} requests/s planned, {len(found) / passed:.0f} sent: {listed}")
    print(f"  answered: {len(answered) / passed:.0f}/s, {percentiles(answered)} ms")
    print(f"  refused: {percentiles(refused)} ms")
    print(f"  memory: {before:.0f} MB before, {server.megabytes:.0f} MB after")


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    image = arguments.image.read_bytes()
    floor(arguments.run, arguments.image, arguments.seconds / 2)
    print("latencies: median / 95 % / 99 %")
    server = ServerProcess(str(arguments.run))
    closed(server.port, image, 1, 2)
    rates = [closed(server.port, image, clients, arguments.seconds) for clients in (1, 8, 32)]
    for share in (0.5, 2.0):
        opened(server, image, share * max(rates), arguments.seconds)
    closed(server.port, image, 1, arguments.seconds / 2)
    print(server.stop()[1])


if __name__ == "__main__":
    main()
