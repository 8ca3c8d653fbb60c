"""Every trap of YAML is reported, with the path of its key."""

import pytest
import yaml

from kerastl.config.strict_yaml import read_yaml, write_yaml

TRAPS = {
    "1e-4": "expected a number, received the text '1e-4'. In YAML write 1.0e-4.",
    "1.5e3": "expected a number, received the text '1.5e3'. In YAML write 1.5e+3.",
    "-2E5": "expected a number, received the text '-2E5'. In YAML write -2.0e+5.",
    "0o17": "expected a number, received the text '0o17'. In YAML write 15.",
    "089": "expected a number, received the text '089'. In YAML write 89.",
    "yes": 'received the word yes, which YAML reads as true. Write true, or "yes" for the text.',
    "No": 'received the word No, which YAML reads as false. Write false, or "No" for the text.',
    "on": 'received the word on, which YAML reads as true. Write true, or "on" for the text.',
    "OFF": 'received the word OFF, which YAML reads as false. Write false, or "OFF" for the text.',
    "012": "received 012, which YAML reads as the octal number 10. "
    'Write 12 or 10, whichever is meant, or "012" for the text.',
    "1_000": 'received 1_000, which YAML reads as 1000. Write 1000, or "1_000" for the text.',
    "0x1f": 'received 0x1f, which YAML reads as 31. Write 31, or "0x1f" for the text.',
    "0b11": 'received 0b11, which YAML reads as 3. Write 3, or "0b11" for the text.',
    "1:30": 'received 1:30, which YAML reads as 90. Write 90, or "1:30" for the text.',
    "1:30.5": 'received 1:30.5, which YAML reads as 90.5. Write 90.5, or "1:30.5" for the text.',
    ".inf": "expected a finite number, received .inf",
    ".nan": "expected a finite number, received .nan",
    "1.0e+999": "expected a finite number, received 1.0e+999",
    "1" * 101: "expected a number of up to 100 characters, received 101",
    "2024-01-31": "received 2024-01-31, which YAML reads as a date. "
    'For the text write "2024-01-31".',
    "=": 'received =, which has a meaning of its own in YAML. Write "=".',
    "!!str 1": "the tag !!str is not read here. Write the plain value.",
    "!!python/none x": "the tag !!python/none is not read here. Write the plain value.",
    "!own {a: 1}": "the tag !own is not read here. Write the plain value.",
}


@pytest.mark.parametrize("text", TRAPS)
def test_a_trap_is_reported_at_its_path(text: str) -> None:
    _, problems = read_yaml(f"fit: {{rates: [1.0, {text}]}}")
    assert [str(problem) for problem in problems] == [f"fit.rates[1]: {TRAPS[text]}"]


@pytest.mark.parametrize("text", [t for t in TRAPS if not t.startswith("!")])
def test_a_trap_in_quotes_is_text(text: str) -> None:
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
def test_what_all_readers_agree_on_is_read(text: str, value: object) -> None:
    assert read_yaml(f"key: {text}") == ({"key": value}, ())


def test_a_repeated_key_is_reported_with_both_lines_and_the_first_stays() -> None:
    value, problems = read_yaml("fit:\n  epochs: 1\n  epochs: 2\n")
    assert value == {"fit": {"epochs": 1}}
    assert [str(p) for p in problems] == ["fit.epochs: given twice, in lines 2 and 3."]


@pytest.mark.parametrize("key", ["on", "1", "null", "1e3", "2024-01-31"])
def test_a_key_that_is_no_text_is_reported(key: str) -> None:
    value, problems = read_yaml(f"heads: {{{key}: 1}}")
    assert value == {"heads": {key: 1}}
    assert [str(p) for p in problems] == [
        f'heads.{key}: expected text as a key. In YAML write "{key}":'
    ]


def test_a_list_as_a_key_is_reported() -> None:
    _, problems = read_yaml("a: {? [1] : 2}")
    assert [str(p) for p in problems] == ["a: a key is a list or a mapping. Keys are text."]


def test_a_merge_key_is_reported() -> None:
    _, problems = read_yaml("a: {<<: {b: 1}}")
    assert [str(p) for p in problems] == ["a: the merge key << is not read here. Repeat the keys."]


def test_an_alias_repeats_what_its_anchor_holds() -> None:
    assert read_yaml("a: &x [1]\nb: *x") == ({"a": [1], "b": [1]}, ())


def test_an_alias_inside_of_its_anchor_is_reported() -> None:
    _, problems = read_yaml("a: &x [*x]")
    assert [str(p) for p in problems] == [
        "a[0]: an alias inside of what it stands for. Write it out."
    ]


def test_all_traps_of_a_file_are_reported() -> None:
    _, problems = read_yaml("a: 012\nb: {c: yes, c: 1e3}\n")
    assert [problem.path for problem in problems] == [("a",), ("b", "c"), ("b", "c")]


@pytest.mark.parametrize("text", ["a: [", "a: 1\n b: 2", "a: 1\n---\nb: 2", "\0", "a:\n\t- d"])
def test_what_is_no_yaml_raises(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


def test_a_key_with_a_dot_is_quoted_in_paths() -> None:
    _, problems = read_yaml('data: {"a.b": yes, "c d": no}')
    assert [str(p).split(": ")[0] for p in problems] == ['data."a.b"', "data.c d"]


@pytest.mark.parametrize("text", [*TRAPS, "", " ", "a: b", "- a", "#", "ä\u2028", "\x85", "a\nb"])
def test_text_is_written_so_that_it_is_read_as_text(text: str) -> None:
    assert read_yaml(write_yaml({"key": [text], text: 1})) == ({"key": [text], text: 1}, ())
