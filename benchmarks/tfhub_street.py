"""Street photos: TF Hub modules through `kerastl.train`, against the same weights in Keras.

`python benchmarks/tfhub_street.py --shared ../shared --output /tmp/street`
prints macro AUC on the test part for: MobileNetV2 1.0 as a module and as
`applications:mobilenet_v2`, frozen; MobileNetV2 0.35 as a module, frozen and after fine-tuning.
"""

import argparse
from pathlib import Path

import yaml

import kerastl

FINE_TUNED = {"solver": "keras", "epochs": 5, "batch_size": 16, "patience": None}


def runs(weights: Path, epochs: int) -> dict[str, dict]:
    """Returns name to what each run adds to the config."""
    small = {"name": f"tfhub:{weights / 'hub_mobilenet_v2_035_224_feature_vector'}"}
    return {
        "module_100": {
            "backbone": {"name": f"tfhub:{weights / 'hub_mobilenet_v2_100_224_feature_vector'}"}
        },
        "applications_100": {
            "backbone": {
                "name": "applications:mobilenet_v2",
                "weights": str(weights / "mobilenet_v2_1.0_224_dequant_no_top.weights.h5"),
                "input_size": 224,
            }
        },
        "module_035": {"backbone": small},
        "module_035_fine_tuned": {
            "backbone": small,
            "trainable": True,
            "fit": {**FINE_TUNED, "epochs": epochs},
        },
    }


def main() -> None:
    """Trains each run and prints its test score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--output", type=Path, required=True, help="folder for configs and runs")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names of the runs to make")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    shared = arguments.shared.resolve()
    data = {
        "table": str(shared / "data" / "street" / "street.csv"),
        "image": "path",
        "tasks": ["person", "car", "stop_sign", "traffic_light"],
        "split": {"column": "split"},
    }
    for name, parts in runs(shared / "weights", arguments.epochs).items():
        if arguments.only and name not in arguments.only:
            continue
        config = arguments.output / f"{name}.yaml"
        config.write_text(yaml.safe_dump({"data": data, **parts}, sort_keys=False))
        run = kerastl.train(config, output=arguments.output / name)
        macro = run.metrics["test"]["macro"]["auc"]
        tasks = {task: round(s["auc"], 4) for task, s in run.metrics["test"]["tasks"].items()}
        print(f"{name:<24} macro AUC {macro:.4f}   {tasks}", flush=True)


if __name__ == "__main__":
    main()
