"""What loading a model imports: installed plugins, and never a name from the file."""

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
from finished_runs import write_run

import kerastl
from kerastl.backbones import forget_plugins
from kerastl.errors import RunError

LAYERS = """
import keras

@keras.saving.register_keras_serializable(package="{package}")
class Dense(keras.layers.Dense):
    pass
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = keras.Input((3,))
    model = keras.Model(raw, keras.layers.Dense(2, activation="relu", name="dense")(raw))
    model.compile("sgd", "mse")
    path = tmp_path_factory.mktemp("plain") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def write_model(plain: Path, tmp_path: Path) -> Callable[..., Path]:
    """Gives a function that writes the model with another config into a folder."""

    def write(change: Callable[[dict[str, Any]], Any], folder: str = "bare") -> Path:
        path = tmp_path / folder / "model.keras"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                data = source.read(name)
                if name == "config.json":
                    config = json.loads(data)
                    change(config)
                    data = json.dumps(config).encode()
                target.writestr(name, data)
        return path

    return write


@pytest.fixture
def add_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Gives a function that installs a plugin with a module of layers, until the test ends."""

    def add(distribution: str, source: str = LAYERS) -> None:
        package, site = distribution.replace("-", "_"), tmp_path / f"site-{distribution}"
        (site / package).mkdir(parents=True)
        family = "class Family:\n    names = spec = lambda *a, **k: ()\nfamily = Family()\n"
        (site / package / "__init__.py").write_text(family)
        (site / package / "layers.py").write_text(source.format(package=package))
        metadata = site / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0"
        )
        entry = f"[kerastl.backbones]\n{package} = {package}:family\n"
        (metadata / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(site)
        forget_plugins()

    before = set(sys.modules)
    yield add
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]
    for name in [n for n in keras.saving.get_custom_objects() if n.startswith("acme")]:
        del keras.saving.get_custom_objects()[name]
    forget_plugins()


def dense(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["config"]["layers"][1]
    return found


def named(module: str, name: str | None) -> Callable[[dict[str, Any]], Any]:
    class_name = "Dense" if name is None else name.rpartition(">")[2]
    return lambda config: dense(config).update(
        module=module, registered_name=name, class_name=class_name
    )


def as_function(config: dict[str, Any]) -> None:
    dense(config)["config"]["activation"] = {
        "module": "shared.payload",
        "class_name": "function",
        "config": "shared.payload>Any",
        "registered_name": "function",
    }


def when_compiled(config: dict[str, Any]) -> None:
    config["compile_config"]["loss"] = {
        "module": "shared.payload",
        "class_name": "Any",
        "config": {},
        "registered_name": "shared.payload>Any",
    }


STRANGE = {
    "the package of a registered name": named("keras.layers", "shared.payload>Any"),
    "the module of a class": named("shared.payload", None),
    "a module that Keras itself would import": named("keras_cv.payload", None),
    "a function": as_function,
    "a loss": when_compiled,
}


@pytest.mark.parametrize("folder", ["shared", "keras_cv"])
@pytest.mark.parametrize("place", STRANGE)
def test_nothing_is_imported_or_advised_because_a_file_names_it(
    place: str,
    folder: str,
    write_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_model(STRANGE[place], folder)
    for name in ("payload.py", "layers.py"):
        (path.parent / name).write_text("from pathlib import Path\nPath('ran').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RunError, match="contains layers that no installed plugin") as caught:
        kerastl.load_model(path)
    assert not Path("ran").exists()
    assert not {name for name in sys.modules if name.partition(".")[0] in ("shared", "keras_cv")}
    assert "pip install" not in str(caught.value)


def test_the_layers_of_an_installed_plugin_load_whatever_their_package_is_called(
    write_model: Callable[..., Path], add_layers: Callable[..., None]
) -> None:
    add_layers("acme-nets", LAYERS.replace("{package}", "acme_other"))
    model = kerastl.load_model(write_model(named("acme_nets.layers", "acme_other>Dense")))
    assert type(model.layers[1]).__module__ == "acme_nets.layers"


@pytest.mark.parametrize("distribution", ["acme-nets", "Acme_Nets"])
def test_a_run_loads_the_layers_of_a_plugin_that_its_bundle_names(
    distribution: str, write_model: Callable[..., Path], add_layers: Callable[..., None]
) -> None:
    add_layers("acme-nets")
    run = run_of(write_model(named("acme_nets.layers", "acme_nets>Dense")), {distribution: "1.0"})
    assert type(kerastl.load_model(run).layers[1]).__module__ == "acme_nets.layers"


def test_a_run_imports_no_plugin_that_its_bundle_does_not_name(
    write_model: Callable[..., Path], add_layers: Callable[..., None]
) -> None:
    add_layers("acme-nets")
    run = run_of(write_model(named("acme_nets.layers", "acme_nets>Dense")), {})
    for load in (lambda: kerastl.load_run(run).model, lambda: kerastl.load_model(run)):
        with pytest.raises(RunError, match="acme_nets>Dense"):
            load()
    assert "acme_nets.layers" not in sys.modules


def test_a_plugin_that_cannot_be_imported_is_named_only_if_it_may_be_the_missing_one(
    write_model: Callable[..., Path], add_layers: Callable[..., None]
) -> None:
    add_layers("acme-broken", "raise RuntimeError('no luck today')")
    add_layers("acme-nets")
    kerastl.load_model(write_model(named("acme_nets.layers", "acme_nets>Dense")))
    with pytest.raises(RunError, match=r"acme-broken 1\.0 cannot be imported: .*no luck today"):
        kerastl.load_model(write_model(named("acme_broken.layers", "acme_broken>Dense")))


def test_a_namespace_that_a_folder_extends_is_not_searched_for_layers(
    write_model: Callable[..., Path],
    add_layers: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_layers("acme-nets")
    site = tmp_path / "site-acme-nets"
    (site / "acme_space").mkdir()
    (site / "acme_nets").rename(site / "acme_space" / "nets")
    entry = "[kerastl.backbones]\nspace = acme_space.nets:family\n"
    (site / "acme_nets-1.0.dist-info" / "entry_points.txt").write_text(entry)
    path = write_model(named("acme_space.layers", "acme_space>Dense"), "acme_space")
    (path.parent / "layers.py").write_text(LAYERS.format(package="acme_space"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RunError, match="acme_space>Dense"):
        kerastl.load_model(path)


def test_layers_that_the_program_has_registered_itself_load(
    write_model: Callable[..., Path],
) -> None:
    @keras.saving.register_keras_serializable(package="acme_program")
    class Dense(keras.layers.Dense):
        pass

    try:
        model = kerastl.load_model(write_model(named("__main__", "acme_program>Dense")))
    finally:
        del keras.saving.get_custom_objects()["acme_program>Dense"]
    assert isinstance(model.layers[1], Dense)


def test_the_whole_text_is_as_a_user_sees_it(write_model: Callable[..., Path]) -> None:
    path = write_model(named("keras.layers", "shared.payload>Any"))
    with pytest.raises(RunError) as caught:
        kerastl.load_model(path)
    assert str(caught.value) == (
        "The model 'model.keras' contains layers that no installed plugin provides.\n"
        f"  where:    {path}\n"
        "  expected: layers of Keras, of kerastl, or of an installed plugin that the run names\n"
        "  received: shared.payload>Any\n"
        "  fix:      If you know where the model comes from, install the plugin that it was "
        "trained with, or import its layers before loading it."
    )


def test_only_packages_of_kerastl_are_advised(
    write_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerastl.run.models.allowed", lambda: [])
    with pytest.raises(RunError, match=r"fix: +pip install kerastl-applications$"):
        kerastl.load_model(
            write_model(named("kerastl_applications.layers", "kerastl_applications>X"))
        )


@pytest.mark.parametrize("name", ["a\x1b[2Jb>X", "a>" + "x" * 1000])
def test_a_name_of_the_file_cannot_control_or_fill_the_terminal(
    name: str, write_model: Callable[..., Path]
) -> None:
    with pytest.raises(RunError) as caught:
        kerastl.load_model(write_model(named("keras.layers", name)))
    assert str(caught.value).replace("\n", " ").isprintable()
    assert len(str(caught.value)) < 600


def run_of(model: Path, plugins: dict[str, str]) -> Path:
    """Makes a finished run of the folder of a model."""
    folder = write_run(model.parent / "run", rows=12)
    bundle = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**bundle, "plugins": plugins}))
    model.rename(folder / "model.keras")
    return folder
