"""Takes the backbone out of the pretraining's run and writes its weights as the package ships them.

Run from the root of the repository:

    python -m research.tiny.speech.publish --run /tmp/tiny-speech/run --output weights.npz
"""

import argparse
from pathlib import Path

from kerastl.backbones import find_backbone
from kerastl_tiny.weights import save_weights


def publish(run: Path, output: Path) -> None:
    """Writes the backbone of a finished run as float16 arrays."""
    spec = find_backbone(f"run:{run}")
    assert spec.build is not None
    save_weights(spec.build(weights=spec.default_weights, input=spec.input), output)


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the finished run")
    parser.add_argument("--output", type=Path, required=True, help="the .npz to write")
    arguments = parser.parse_args()
    publish(arguments.run, arguments.output)


if __name__ == "__main__":
    main()
