"""Any value or text, drawn by hypothesis, in the place of a valid one; failures are shrunk."""

import copy
import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import annotations
import bundles
import tables
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from runner import Kind, Use

import configs
from kerastl.errors import KerastlError

_EXAMPLES = 25
_TEXT = st.text(max_size=12) | st.sampled_from(["yes", "1e-4", "012", "1:30", "null", "~", "1"])
_SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _TEXT
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


def places(values: Any) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value in nested ones."""
    for key in values if isinstance(values, dict) else range(len(values)):
        yield (key,)
        if isinstance(values[key], dict | list):
            yield from ((key, *rest) for rest in places(values[key]))


def with_value(values: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Returns nested values with another one at a path."""
    values = inner = copy.deepcopy(values)
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return values


def _kind(name: str, strategy: st.SearchStrategy[Any], make: Callable[[Path], Any]) -> Kind:
    """Returns the kind whose inputs a strategy draws; `make` returns what uses a drawn value."""

    def prepare(seeds: Path) -> Use:
        use_value = make(seeds)

        def use(draw: random.Random, place: Path) -> bool:
            accepted: list[bool] = []

            @seed(draw.randrange(2**32))
            @settings(
                max_examples=_EXAMPLES,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(strategy)
            def run(value: Any) -> None:
                (place / "value").write_text(repr(value), errors="backslashreplace")
                try:
                    use_value(value, place)
                    accepted.append(True)
                except KerastlError as refusal:
                    str(refusal)

            run()
            return bool(accepted)

        return use

    return Kind(name=name, prepare=prepare, share=0.1, inputs=_EXAMPLES, limit_seconds=60)


def _changed(*valid: Any) -> st.SearchStrategy[Any]:
    """Draws valid values with any other value in one place."""
    return st.sampled_from(valid).flatmap(
        lambda values: st.builds(
            with_value, st.just(values), st.sampled_from(list(places(values))), VALUES
        )
    )


def _use_config(_: Path) -> Any:
    return lambda values, place: configs.use_config(values, place)


def _use_bundle(seeds: Path) -> Any:
    original = bundles.original(seeds)

    def use(change: tuple[int, Any], place: Path) -> None:
        paths = list(places(original))
        values = with_value(original, paths[change[0] % len(paths)], change[1])
        (place / "bundle.json").write_text(json.dumps(values), errors="surrogatepass")
        bundles.use_bundle(place)

    return use


def _use_table(_: Path) -> Any:
    def use(drawn: tuple[list[list[str]], int], place: Path) -> None:
        path = place / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "car", "bus", "scene", "split"))
            writer.writerows(drawn[0])
        tables.use_table(path, random.Random(drawn[1]))

    return use


def _use_annotations(name: str) -> Callable[[Path], Any]:
    def make(seeds: Path) -> Any:
        annotations.write_files(seeds)

        def use(values: Any, place: Path) -> None:
            path = place / "labels.json"
            path.write_text(json.dumps(values), errors="surrogatepass")
            annotations.use_annotations(name, path, seeds / "files", place)

        return use

    return make


_CELL = st.sampled_from(["0", "1", "", "s1", "train"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)
KINDS = (
    _kind("configs-any-values", _changed(*configs.VALID), _use_config),
    _kind("bundles-any-values", st.tuples(st.integers(0, 10_000), VALUES), _use_bundle),
    _kind(
        "tables-any-text",
        st.tuples(
            st.lists(st.lists(_CELL, min_size=5, max_size=5), min_size=1, max_size=6),
            st.integers(0, 99),
        ),
        _use_table,
    ),
    *(
        _kind(f"{name}-any-values", _changed(annotations.FORMATS[name][0]), _use_annotations(name))
        for name in ("coco", "label-studio", "megadetector")
    ),
)
