"""YAML is read by the core schema of YAML 1.2, and what is refused is reported with its path."""

import pytest
import yaml

from kerastl.config.strict_yaml import LimitError, read_yaml, write_yaml

REFUSED = {
    ".inf": "expected a finite number, received .inf",
    "-.INF": "expected a finite number, received -.INF",
    ".nan": "expected a finite number, received .nan",
    "1.0e+999": "expected a finite number, received 1.0e+999",
    "1" * 101: "expected a number of up to 100 characters, received 101",
    "!!str 1": "the tag !!str is not supported. Write the plain value.",
    "! 1": "the tag ! is not supported. Write the plain value.",
    "!!python/none x": "the tag !!python/none is not supported. Write the plain value.",
    "!own {a: 1}": "the tag !own is not supported. Write the plain value.",
}
# Texts that readers of YAML 1.1 read as another value.
DISPUTED = [
    "1e-4",
    "1.5e3",
    "-2E5",
    "0o17",
    "089",
    "012",
    "yes",
    "No",
    "on",
    "OFF",
    "1_000",
    "0x1f",
    "0b11",
    "1:30",
    "1:30.5",
    "2024-01-31",
    "=",
    "<<",
    "y",
    "~",
    "null",
    "TRUE",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_is_reported_at_its_path(text: str) -> None:
    _, problems = read_yaml(f"fit: {{rates: [1.0, {text}]}}")
    assert [str(problem) for problem in problems] == [f"fit.rates[1]: {REFUSED[text]}"]


@pytest.mark.parametrize("text", [*DISPUTED, ".inf", "1" * 101])
def test_a_scalar_in_quotes_is_text(text: str) -> None:
    assert read_yaml(f'a: "{text}"') == ({"a": text}, ())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1.5", 1.5),
        ("1.0e-4", 1e-4),
        (".5", 0.5),
        ("1e-4", 1e-4),
        ("1.5e3", 1500.0),
        ("-2E5", -2e5),
        ("012", 12),
        ("089", 89),
        ("0o14", 12),
        ("0x1f", 31),
        ("NULL", None),
        ("TRUE", True),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("=", "="),
        ("1.", 1.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("car", "car"),
        ("y", "y"),
        ("1.2.3", "1.2.3"),
        ("tiny:image", "tiny:image"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 2}}", {"a": {"b": 2}}),
    ],
)
def test_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    assert read_yaml(f"key: {text}") == ({"key": value}, ())


def test_a_repeated_key_is_reported_with_both_lines_and_the_first_stays() -> None:
    value, problems = read_yaml("fit:\n  epochs: 1\n  epochs: 2\n")
    assert value == {"fit": {"epochs": 1}}
    assert [str(p) for p in problems] == ["fit.epochs: given twice, in lines 2 and 3."]


@pytest.mark.parametrize("key", ["1", "null", "1e3", "true"])
def test_a_key_that_is_not_text_is_reported(key: str) -> None:
    value, problems = read_yaml(f"heads: {{{key}: 1}}")
    assert value == {"heads": {key: 1}}
    assert [str(p) for p in problems] == [
        f'heads.{key}: expected text as a key. In YAML write "{key}":'
    ]


def test_a_list_as_a_key_is_reported() -> None:
    _, problems = read_yaml("a: {? [1] : 2}")
    assert [str(p) for p in problems] == ["a: a key is a list, a mapping or an alias. Write text."]


def test_a_merge_key_is_reported() -> None:
    _, problems = read_yaml("a: {<<: {b: 1}}")
    assert [str(p) for p in problems] == ["a: the merge key << is not supported. Repeat the keys."]


def test_an_alias_repeats_what_its_anchor_holds() -> None:
    assert read_yaml("a: &x [1]\nb: *x") == ({"a": [1], "b": [1]}, ())


def test_an_alias_inside_of_its_anchor_is_reported() -> None:
    _, problems = read_yaml("a: &x [*x]")
    assert [str(p) for p in problems] == [
        "a[0]: an alias cannot be inside what it stands for. Write it out."
    ]


def test_all_problems_of_a_file_are_reported() -> None:
    _, problems = read_yaml("a: .inf\nb: {c: .nan, c: 1e3}\n")
    assert [problem.path for problem in problems] == [("a",), ("b", "c"), ("b", "c")]


@pytest.mark.parametrize(
    "text", ["a: [", "a: 1\n b: 2", "a: 1\n---\nb: 2", "\0", "a:\n\t- d", "a: *b"]
)
def test_invalid_yaml_raises(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


def test_a_key_with_a_dot_is_quoted_in_paths() -> None:
    _, problems = read_yaml('data: {"a.b": .inf, "c d": .nan}')
    assert [str(p).split(": ")[0] for p in problems] == ['data."a.b"', "data.c d"]


@pytest.mark.parametrize(
    "text", [*DISPUTED, *REFUSED, "", " ", "a: b", "- a", "#", "ä\u2028", "\x85", "a\nb"]
)
def test_text_is_written_so_that_it_is_read_as_text(text: str) -> None:
    assert read_yaml(write_yaml({"key": [text], text: 1})) == ({"key": [text], text: 1}, ())


@pytest.mark.parametrize("text", DISPUTED)
def test_readers_of_yaml_1_1_read_the_same(text: str) -> None:
    value = {"key": [text, 1e-7, 12, True, None], text: text}
    assert yaml.safe_load(write_yaml(value)) == value


def hostile_aliases() -> str:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [hostile_aliases(), "[" * 100_000, "{a: " * 100_000, "- " * 100_000, "x" * 1_000_001],
    ids=["aliases", "lists", "mappings", "dashes", "characters"],
)
def test_hostile_yaml_is_refused_early(text: str) -> None:
    with pytest.raises(LimitError):
        read_yaml(text)
