"""Plugins found, isolated and named; no framework is loaded for that."""

import json
import re
import subprocess
import sys

import pytest

from kerastl.backbones import (
    BrokenPluginError,
    UnknownBackboneError,
    distributions,
    find_backbone,
    list_backbones,
    load_family,
    plugins,
    read_catalog,
)


def test_an_installed_distribution_adds_its_backbones(add_plugin):
    add_plugin("acme")
    assert list_backbones(family="acme") == ("acme:one", "acme:two")
    assert find_backbone("acme:two").feature_dim == 4


def test_names_are_split_at_the_first_colon(add_plugin):
    source = """
    class Family:
        def names(self):
            return ()
        def spec(self, name, *, options={}):
            from kerastl.backbones import unknown_backbone
            raise unknown_backbone("acme", name, ["z"])
    family = Family()
    """
    add_plugin("acme", source=source)
    with pytest.raises(UnknownBackboneError, match=r"'acme:https://example\.org/a:b'"):
        find_backbone("acme:https://example.org/a:b")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("family = 3", "is not a backbone family: it lacks names() or spec()"),
        ("other = 3", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_work(add_plugin, source, problem):
    add_plugin("good")
    add_plugin("bad", source=source)
    assert "good:one" in list_backbones()
    broken = next(plugin for plugin in plugins() if plugin.family == "bad")
    assert problem in broken.problem
    assert (broken.distribution, broken.version) == ("kerastl-bad", "1.5")
    with pytest.raises(BrokenPluginError, match=r"kerastl-bad 1\.5: kerastl_bad:family"):
        find_backbone("bad:one")


def test_a_plugin_that_fails_on_one_name_keeps_the_others(add_plugin):
    source = """
    class Family:
        def names(self):
            return ("fine", "broken")
        def spec(self, name, *, options={}):
            if name == "broken":
                raise RuntimeError("no facts today")
            from kerastl.backbones import BackboneSpec
            return BackboneSpec(
                id="half:fine", input=None, feature_dim=None, num_params=None, weights=(),
                license="MIT", reference="https://example.org", build=lambda: None,
            )
    family = Family()
    """
    add_plugin("half", source=source)
    catalog = read_catalog()
    assert "half:fine" in [spec.id for spec in catalog.specs]
    problem = next(plugin.problem for plugin in catalog.problems if plugin.family == "half")
    assert re.fullmatch(
        r"'half:broken': RuntimeError: no facts today \(/.*/kerastl_half\.py:7\)", problem
    )


SPECS = {
    "raises": ("raise RuntimeError('no facts')", r"RuntimeError: no facts \(/.*bad\.py:6\)"),
    "wrong facts": ("BackboneSpec(id='bad:one')", r"TypeError: .*missing.* \(/.*bad\.py:6\)"),
    "nothing": ("return None", r"TypeError: spec\(\) returns a NoneType \(/.*bad\.py:5\)"),
}


@pytest.mark.parametrize("case", SPECS)
def test_a_failing_spec_is_an_error_that_names_file_and_line(add_plugin, case):
    line, problem = SPECS[case]
    source = """from kerastl.backbones import BackboneSpec
class Family:
    def names(self):
        return ("one",)
    def spec(self, name, *, options={}):
        LINE
family = Family()
"""
    add_plugin("good")
    add_plugin("bad", source=source.replace("LINE", line))
    with pytest.raises(BrokenPluginError, match=problem) as caught:
        find_backbone("bad:one")
    assert "kerastl-bad 1.5: kerastl_bad:family" in str(caught.value)
    assert "good:one" in list_backbones()


@pytest.mark.parametrize("source", ["import keras_of_tomorrow", "family = (", "x = 1\n1 / 0"])
def test_a_failing_import_names_file_and_line(add_plugin, source):
    add_plugin("bad", source=source)
    line = len(source.splitlines())
    with pytest.raises(BrokenPluginError, match=rf"\(/.*/kerastl_bad\.py:{line}\)"):
        find_backbone("bad:one")


def test_two_distributions_with_one_family_are_both_named(add_plugin):
    add_plugin("twin", distribution="kerastl-first")
    add_plugin("twin", distribution="kerastl-second")
    with pytest.raises(
        BrokenPluginError, match=r"kerastl-first 1\.5 and kerastl-second 1\.5 both register 'twin'"
    ):
        load_family("twin")
    assert not [name for name in list_backbones() if name.startswith("twin:")]


@pytest.mark.parametrize("allowed", ["acme", "kerastl-acme", "other , acme"])
def test_only_allowed_plugins_are_seen(add_plugin, monkeypatch, allowed):
    add_plugin("acme")
    add_plugin("hidden", source="raise RuntimeError('loaded although not allowed')")
    monkeypatch.setenv("KERASTL_PLUGINS", allowed)
    assert [plugin.family for plugin in plugins()] == ["acme"]
    assert distributions() == {"kerastl-acme": "1.5"}


def test_a_backbone_of_another_family_is_suggested(add_plugin):
    add_plugin("acme")
    add_plugin("other")
    for received in ("acm:two", "two"):
        with pytest.raises(UnknownBackboneError, match=r"Did you mean '(acme|other):two'"):
            find_backbone(received)


def test_facts_are_told_without_a_framework():
    code = (
        "import json, sys, kerastl; names = kerastl.list_backbones(modality='image');"
        "print(json.dumps([len(names), sorted(set(sys.modules) & "
        "{'keras', 'tensorflow', 'numpy', 'pandas', 'jax', 'torch'})]))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    num_names, heavy = json.loads(finished.stdout)
    assert num_names >= 40
    assert heavy == []
