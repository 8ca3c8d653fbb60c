"""Speed of fine-tuning on one device, on two replicas of it, and in two processes.

`python benchmarks/replicas.py` draws the scenes of `kerastl demo driving`, trains the same config
in each way, one after the other, and prints examples per second of the epochs after the first.
On a machine whose processor is all it has, replicas share its cores, so no way is faster than one
device: the table shows what dividing the batches costs.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CLI = "from kerastl.cli import main; main()"
VIRTUAL = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""
SETTINGS = (
    *("trainable=true", "backbone.input_size=128", "fit.epochs=5", "fit.batch_size=32"),
    *("fit.patience=null", "evaluation.bootstrap=20"),
)


def command(config: Path, output: Path, code: str, *more: str) -> list[str]:
    """Returns the command of a training."""
    changes = [part for setting in SETTINGS for part in ("--set", setting)]
    words = ["train", str(config), "--output", str(output), *changes, *more]
    return [sys.executable, "-c", code, *words]


def speed(*commands: list[str]) -> tuple[float, float]:
    """Returns examples per second of the median epoch after the first, and the last loss."""
    running = [
        subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for one in commands
    ]
    (text, *_) = [process.communicate()[1] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(text)
    epochs = re.findall(r"loss (\d+\.\d+), .*; ([\d,]+) examples/s\.", text)
    return statistics.median(float(one[1].replace(",", "")) for one in epochs), float(epochs[-1][0])


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["KERASTL_CACHE"] = str(folder / "cache")
        os.chdir(folder)
        draw = [sys.executable, "-c", CLI, "demo", "driving", "--draw-only", "--quiet"]
        subprocess.run(draw, check=True)
        config = folder / "demo" / "driving" / "driving.yaml"
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        addresses = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in ports)
        for one in ports:
            one.close()
        several = ("--set", "distribute.workers=2", "--workers", addresses, "--worker")
        ways = {
            "one device": [command(config, folder / "one", CLI)],
            "two virtual devices": [
                command(config, folder / "two", VIRTUAL + CLI, "--set", "distribute.devices=2")
            ],
            "two processes": [
                command(config, folder / "several", CLI, *several, index) for index in "01"
            ],
        }
        found = {way: speed(*commands) for way, commands in ways.items()}
    base = found["one device"][0]
    sys.stdout.write(
        "| | examples/s | of one device | loss of the last epoch |\n|---|---|---|---|\n"
    )
    for way, (rate, loss) in found.items():
        sys.stdout.write(f"| {way} | {rate:.0f} | {rate / base:.2f} | {loss:.4f} |\n")


if __name__ == "__main__":
    main()
