"""No two modules have the same name, so a name in a traceback or a tab says which file it is."""

import re
from collections import defaultdict

from import_graph import files

# One module for each kind of input, and their base.
MEDIA = re.compile(r"kerastl\.media\.(?:(?:image|audio)\.)?")
MIRRORS = {
    "evaluate": "a command has the name of the module that it runs",
    "predict": "a command has the name of the module that it runs",
    "runs": "a command has the name of the module that it lists",
    "layer": "the Keras layers of backbones and of heads",
}


def same_names() -> dict[str, list[str]]:
    found = defaultdict(set)
    for module, path in files().items():
        if module.startswith("kerastl.") and path.stem != "__init__":
            found[path.stem].add(MEDIA.sub("kerastl.media.", module))
    return {stem: sorted(modules) for stem, modules in found.items() if len(modules) > 1}


def test_no_two_modules_have_the_same_name_unless_one_mirrors_the_other() -> None:
    found = {stem: modules for stem, modules in same_names().items() if stem not in MIRRORS}
    assert found == {}


def test_every_mirror_still_exists() -> None:
    assert set(MIRRORS) - set(same_names()) == set()
