"""No two modules have the same name, so a name in a traceback or a tab says which file it is."""

from collections import defaultdict

from import_graph import files

MIRRORS = {
    "decoding": "media.image and media.audio have the same modules, one for each kind of input",
    "evaluate": "a command has the name of what it runs",
    "predict": "a command has the name of what it runs",
    "layer": "the Keras layers of backbones and of heads",
}
PENDING = {
    "augmentation", "comparison", "contract", "cost", "decoder", "files", "inspection", "kind",
    "learning", "recordings", "scores", "settings", "splits", "tuning", "varied", "verdicts",
    "windows",
}  # fmt: skip


def same_names() -> dict[str, list[str]]:
    found = defaultdict(list)
    for module, path in files().items():
        if module.startswith("kerastl.") and path.stem != "__init__":
            found[path.stem].append(module)
    return {stem: modules for stem, modules in found.items() if len(modules) > 1}


def test_no_two_modules_have_the_same_name_unless_one_mirrors_the_other() -> None:
    found = {stem: modules for stem, modules in same_names().items() if stem not in MIRRORS}
    assert {stem: modules for stem, modules in found.items() if stem not in PENDING} == {}


def test_every_mirror_still_exists() -> None:
    assert set(MIRRORS) - set(same_names()) == set()
