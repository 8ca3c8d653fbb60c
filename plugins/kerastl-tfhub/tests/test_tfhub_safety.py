"""Safe mode: what touches files or the host is refused by name, whatever it hides in."""

import base64
import importlib.util
import json
import lzma
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerastl_tfhub
from kerastl.backbones import WeightsError
from kerastl.errors import RunError
from kerastl.run.models import load_model
from kerastl_tfhub import SavedModelLayer, UntrustedModuleError
from kerastl_tfhub.graph import read_graph, read_saved_model
from kerastl_tfhub.safety import in_safe_mode, refusals, safe_operations

SPEC = tf.TensorSpec([None, 3], name="x")
Body = Callable[[tf.Tensor], tf.Tensor]


def with_effect(effect: Callable[[], object]) -> Body:
    def body(x: tf.Tensor) -> tf.Tensor:
        effect()
        return x * 2

    return body


def directly(body: Body) -> Body:
    return body


def in_a_function(body: Body) -> Body:
    return tf.function(body)


def in_a_branch(body: Body) -> Body:
    return lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: body(x), lambda: x)


def in_a_loop(body: Body) -> Body:
    return lambda x: tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, body(y)), (0, x))[1]


def in_a_map(body: Body) -> Body:
    return lambda x: tf.map_fn(lambda row: body(row[None])[0], x)


def in_a_gradient(body: Body) -> Body:
    @tf.custom_gradient
    def call(x: tf.Tensor):
        return x, body

    return call


EFFECTS = {
    "ReadFile": lambda: tf.io.read_file("/etc/hostname"),
    "WriteFile": lambda: tf.io.write_file("/tmp/kerastl_tfhub_never", "x"),
    "MatchingFiles": lambda: tf.io.matching_files("/etc/*"),
    "EagerPyFunc": lambda: tf.py_function(lambda: 1.0, [], tf.float32),
    "PyFunc": lambda: tf.numpy_function(lambda: np.float32(1), [], tf.float32),
    "SaveV2": lambda: tf.raw_ops.SaveV2(
        prefix="/tmp/never", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.zeros(1)]
    ),
    "RestoreV2": lambda: tf.raw_ops.RestoreV2(
        prefix="/tmp/never", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    ),
    "MergeV2Checkpoints": lambda: tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=["/tmp/a"], destination_prefix="/tmp/b"
    ),
    "PrintV2": lambda: tf.print("x", output_stream="file:///tmp/kerastl_tfhub_never"),
    "LoadDataset": lambda: tf.raw_ops.LoadDataset(
        path="/tmp/never",
        reader_func_other_args=[],
        output_types=[tf.float32],
        output_shapes=[[]],
        reader_func=tf.function(lambda d: d).get_concrete_function(tf.TensorSpec([], tf.variant)),
        compression="",
    ),
    "TextLineDataset": lambda: tf.raw_ops.TextLineDataset(
        filenames=["/etc/hostname"], compression_type="", buffer_size=1
    ),
    "ImmutableConst": lambda: tf.raw_ops.ImmutableConst(
        dtype=tf.float32, shape=[1], memory_region_name="/etc/hostname"
    ),
    "GenerateVocabRemapping": lambda: tf.raw_ops.GenerateVocabRemapping(
        new_vocab_file="/etc/hostname",
        old_vocab_file="/etc/hostname",
        new_vocab_offset=0,
        num_new_vocab=1,
    ),
    "DebugIdentity": lambda: tf.raw_ops.DebugIdentity(
        input=1.0, debug_urls=["file:///tmp/kerastl_tfhub_never"]
    ),
    "DecodeProtoV2": lambda: tf.raw_ops.DecodeProtoV2(
        bytes=["x"],
        message_type="m",
        field_names=["f"],
        output_types=[tf.int32],
        descriptor_source="/etc/hostname",
    ),
}
HIDING_PLACES = (directly, in_a_function, in_a_branch, in_a_loop, in_a_map, in_a_gradient)


def save(folder: Path, body: Body) -> str:
    module = tf.Module()
    module.__call__ = tf.function(body, input_signature=[SPEC], autograph=False)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(module, str(folder), options=options)
    return str(folder)


@pytest.mark.parametrize("operation", EFFECTS)
def test_an_operation_that_reaches_out_is_refused_by_name(operation: str, tmp_path: Path) -> None:
    folder = save(tmp_path / "module", with_effect(EFFECTS[operation]))
    with pytest.raises(UntrustedModuleError, match=f"  - {operation}: "):
        SavedModelLayer(folder)


@pytest.mark.parametrize("hidden", HIDING_PLACES)
def test_no_hiding_place_helps(hidden: Callable[[Body], Body], tmp_path: Path) -> None:
    folder = save(tmp_path / "module", hidden(with_effect(EFFECTS["ReadFile"])))
    with pytest.raises(UntrustedModuleError, match="ReadFile"):
        SavedModelLayer(folder)


def test_a_keras_file_with_such_a_graph_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "module", with_effect(EFFECTS["ReadFile"]))
    with kerastl_tfhub.trust("ReadFile"):
        save_keras(folder, tmp_path / "model.keras")
    with pytest.raises(Exception, match="ReadFile"):
        keras.models.load_model(tmp_path / "model.keras")


def test_trust_opts_in_by_name_for_a_block(tmp_path: Path) -> None:
    folder = save(tmp_path / "module", with_effect(EFFECTS["ReadFile"]))
    with kerastl_tfhub.trust("ReadFile"):
        save_keras(folder, tmp_path / "model.keras")
        keras.models.load_model(tmp_path / "model.keras")
    with kerastl_tfhub.trust("WriteFile"), pytest.raises(UntrustedModuleError):
        SavedModelLayer(folder)
    with pytest.raises(UntrustedModuleError):
        SavedModelLayer(folder)


def test_the_environment_opts_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "module", with_effect(EFFECTS["ReadFile"]))
    monkeypatch.setenv("KERASTL_TFHUB_TRUST", "WriteFile, ReadFile")
    SavedModelLayer(folder)


def test_leaving_safe_mode_switches_the_check_off(tmp_path: Path) -> None:
    folder = save(tmp_path / "module", with_effect(EFFECTS["ReadFile"]))
    with kerastl_tfhub.trust("ReadFile"):
        save_keras(folder, tmp_path / "model.keras")
    assert in_safe_mode()
    keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    assert in_safe_mode()


def test_printing_to_the_console_is_safe(tmp_path: Path) -> None:
    SavedModelLayer(save(tmp_path / "module", with_effect(lambda: tf.print("x"))))


def test_a_table_may_read_its_own_asset_but_no_other_file(vocabulary: str, tmp_path: Path) -> None:
    assert not refusals(read_graph(Path(vocabulary)))
    folder = copy(vocabulary, tmp_path)
    edit(folder, aim_the_table_elsewhere)
    with pytest.raises(UntrustedModuleError, match="InitializeTableFromTextFileV2"):
        SavedModelLayer(folder)


def link_the_file(folder: Path) -> None:
    asset = next((folder / "assets").iterdir())
    asset.rename(folder / "elsewhere")
    asset.symlink_to("../elsewhere")


def link_the_folder(folder: Path) -> None:
    (folder / "assets").rename(folder / "elsewhere")
    (folder / "assets").symlink_to("elsewhere")


def link_a_folder_between(folder: Path) -> None:
    (folder / "assets" / "words").symlink_to(".")
    edit(folder, lambda meta: rename_asset(meta, f"words/{asset_name(meta)}"))


def name_a_file_outside(folder: Path) -> None:
    asset = next((folder / "assets").iterdir())
    asset.rename(folder / "elsewhere")
    edit(folder, lambda meta: rename_asset(meta, "../elsewhere"))


def name_an_absolute_path(folder: Path) -> None:
    edit(folder, lambda meta: rename_asset(meta, str(next((folder / "assets").iterdir()))))


ASSETS = {
    link_the_file: "names an asset that is a link",
    link_the_folder: "names an asset that is a link",
    link_a_folder_between: "names an asset that is a link",
    name_a_file_outside: "names an asset outside its own folder",
    name_an_absolute_path: "names an asset outside its own folder",
}


@pytest.mark.parametrize("change", ASSETS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("is_safe", [True, False], ids=["safe", "unsafe"])
def test_an_asset_that_is_not_a_file_of_the_module_is_refused_in_every_mode(
    is_safe: bool, change: Callable[[Path], None], vocabulary: str, tmp_path: Path
) -> None:
    folder = copy(vocabulary, tmp_path)
    change(folder)
    with safe_mode(is_safe), pytest.raises(UntrustedModuleError, match=ASSETS[change]):
        SavedModelLayer(folder)


def link_the_variables(folder: Path, target: Path) -> None:
    (folder / "variables").rename(target)
    (folder / "variables").symlink_to(target)


def link_a_file_of_the_variables(folder: Path, target: Path) -> None:
    file = folder / "variables" / "variables.index"
    file.rename(target)
    file.symlink_to(target)


def link_the_graph(folder: Path, target: Path) -> None:
    (folder / "saved_model.pb").rename(target)
    (folder / "saved_model.pb").symlink_to(target)


LINKS = (link_the_variables, link_a_file_of_the_variables, link_the_graph)


@pytest.mark.parametrize("change", LINKS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("is_safe", [True, False], ids=["safe", "unsafe"])
@pytest.mark.parametrize("form", ["plain", "tf1_hub"])
def test_a_link_out_of_the_module_is_refused_in_every_mode(
    change: Callable[[Path, Path], None],
    is_safe: bool,
    form: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    folder = copy(request.getfixturevalue(form), tmp_path)
    change(folder, tmp_path / "elsewhere")
    with safe_mode(is_safe), pytest.raises(UntrustedModuleError, match="a link to a place outside"):
        SavedModelLayer(folder)


@pytest.mark.parametrize("change", LINKS, ids=lambda change: change.__name__)
def test_a_link_to_another_file_of_the_module_is_followed(
    change: Callable[[Path, Path], None], plain: str, tmp_path: Path
) -> None:
    folder = copy(plain, tmp_path)
    change(folder, folder / "elsewhere")
    (tmp_path / "link").symlink_to(folder)
    x = np.ones((2, 3), "float32")
    found = SavedModelLayer(tmp_path / "link")(x)
    np.testing.assert_array_equal(found, SavedModelLayer(plain)(x))


def test_a_pipe_among_the_variables_is_not_opened(plain: str, tmp_path: Path) -> None:
    folder = copy(plain, tmp_path)
    (folder / "variables" / "variables.index").unlink()
    os.mkfifo(folder / "variables" / "variables.index")
    with pytest.raises(UntrustedModuleError, match="a pipe or a device"):
        SavedModelLayer(folder)


def without_the_folder(folder: Path) -> None:
    shutil.rmtree(folder / "variables")


def without_the_index(folder: Path) -> None:
    (folder / "variables" / "variables.index").unlink()


def with_a_broken_link(folder: Path) -> None:
    shutil.rmtree(folder / "variables")
    (folder / "variables").symlink_to("nowhere")


@pytest.mark.parametrize("form", ["plain", "signature_only", "tf1_hub"])
@pytest.mark.parametrize(
    "change",
    [without_the_folder, without_the_index, with_a_broken_link],
    ids=lambda change: change.__name__,
)
def test_a_module_without_the_values_of_its_variables_is_refused(
    form: str, change: Callable[[Path], None], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = copy(request.getfixturevalue(form), tmp_path)
    change(folder)
    with pytest.raises(WeightsError, match="lacks the values of its variables"):
        SavedModelLayer(folder)


@pytest.mark.parametrize("form", ["plain", "tf1_hub"])
@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("kept", [0.0, 0.5, None])
def test_damaged_variables_are_refused_in_one_sentence(
    form: str, name: str, kept: float | None, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = copy(request.getfixturevalue(form), tmp_path)
    path = folder / "variables" / name
    data = path.read_bytes()
    if kept is None and "data" in name:
        path.unlink()
    else:
        path.write_bytes(bytes(len(data)) if kept is None else data[: int(kept * len(data))])
    with pytest.raises(WeightsError, match="The files of the module cannot be read") as caught:
        SavedModelLayer(folder)
    assert caught.value.parts["received"]


def test_a_module_s_own_saver_doesn_t_count_unless_the_module_calls_it(
    plain: str, tmp_path: Path
) -> None:
    graph = read_graph(Path(plain))
    assert graph.saver_functions
    assert "SaveV2" in {node.op for _, node in graph.operations()}
    assert not refusals(graph)
    folder = copy(plain, tmp_path)
    edit(folder, call_the_saver)
    with pytest.raises(UntrustedModuleError, match=r"(Save|Restore)V2"):
        SavedModelLayer(folder)


def test_a_saver_that_an_object_offers_as_its_function_is_refused(
    plain: str, tmp_path: Path
) -> None:
    folder = copy(plain, tmp_path)
    edit(folder, offer_the_saver)
    with pytest.raises(UntrustedModuleError, match=r"(Save|Restore)V2"):
        SavedModelLayer(folder)


def test_the_tf1_saver_may_restore_only_the_file_it_is_given(tf1_hub: str, tmp_path: Path) -> None:
    assert not refusals(read_graph(Path(tf1_hub)))
    folder = copy(tf1_hub, tmp_path)
    edit(folder, restore_another_file)
    with pytest.raises(UntrustedModuleError, match="RestoreV2"):
        SavedModelLayer(folder)


def test_only_the_checked_graph_is_loaded(plain: str, tmp_path: Path) -> None:
    """TensorFlow prefers another file, saved_model.cpb, where there is one."""
    folder = copy(plain, tmp_path)
    (folder / "saved_model.cpb").write_bytes(b"what has not been checked")
    SavedModelLayer(folder)


def test_a_function_can_t_pass_for_an_operation(plain: str, tmp_path: Path) -> None:
    folder = copy(plain, tmp_path)
    edit(folder, name_a_function_after_an_operation)
    with pytest.raises(UntrustedModuleError, match="ReadFile"):
        SavedModelLayer(folder)


def test_an_operation_that_is_unknown_is_refused(plain: str, tmp_path: Path) -> None:
    folder = copy(plain, tmp_path)

    def rename(meta: object) -> None:
        next(n for f in functions(meta) for n in f.node_def if n.op == "MatMul").op = "TheirMatMul"

    edit(folder, rename)
    with pytest.raises(UntrustedModuleError, match="TheirMatMul"):
        SavedModelLayer(folder)


def test_the_list_is_what_its_rule_says_about_this_tensorflow() -> None:
    path = Path(__file__).parents[1] / "tools" / "list_safe_operations.py"
    spec = importlib.util.spec_from_file_location("list_safe_operations", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    known = set(tool.safe_operations())
    new = {name for name in known if name not in safe_operations()}
    gone = {name for name in safe_operations() if name not in known and hasattr(tf.raw_ops, name)}
    assert not gone, "listed, though the rule refuses them"
    assert tf.__version__ != "2.21.0" or not new, "run tools/list_safe_operations.py"


def test_a_damaged_keras_file_is_an_error_not_a_crash(plain: str, tmp_path: Path) -> None:
    save_keras(plain, tmp_path / "model.keras")
    for name in ("../evil", "/etc/evil", "assets/../../evil", "saved_model.pbtxt"):
        broken = tmp_path / "broken.keras"
        with zipfile.ZipFile(tmp_path / "model.keras") as source:
            content = {entry: source.read(entry) for entry in source.namelist()}
        content["config.json"] = content["config.json"].replace(
            b'"saved_model.pb"', f'"{name}"'.encode()
        )
        with zipfile.ZipFile(broken, "w") as target:
            for entry, data in content.items():
                target.writestr(entry, data)
        with pytest.raises(Exception, match="names an unknown part"):
            keras.models.load_model(broken)


def test_a_keras_file_cannot_declare_variables_that_it_has_no_values_for(
    plain: str, tmp_path: Path
) -> None:
    save_keras(plain, tmp_path / "model.keras")
    folder = copy(plain, tmp_path)
    edit(folder, enlarge_the_variables)
    graph = base64.b64encode(lzma.compress((folder / "saved_model.pb").read_bytes())).decode()
    with zipfile.ZipFile(tmp_path / "model.keras") as source:
        content = {entry: source.read(entry) for entry in source.namelist()}
    config = json.loads(content["config.json"])
    config["config"]["layers"][1]["config"]["graph"]["saved_model.pb"] = graph
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as target:
        for entry, data in (content | {"config.json": json.dumps(config).encode()}).items():
            target.writestr(entry, data)
    with pytest.raises(RunError, match="declares more weights than it has values for"):
        load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("kind", ["folder", "name", "url"])
def test_a_keras_file_cannot_make_the_reader_load_or_download_a_module(
    kind: str, plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerastl_tfhub.layers.resolve", lambda handle: pytest.fail("it was read"))
    handle = {"folder": plain, "name": "yamnet", "url": "https://example.org/m.tar.gz"}[kind]
    with pytest.raises(WeightsError, match="contains no graph of a module"):
        SavedModelLayer.from_config({"graph": handle, "name": "module"})


def save_keras(folder: str, path: Path) -> None:
    raw = keras.Input((3,))
    keras.Model(raw, SavedModelLayer(folder)(raw)).save(path)


def copy(folder: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def edit(folder: Path, change: Callable[[object], object]) -> None:
    saved_model = read_saved_model(folder)
    for meta in saved_model.meta_graphs:
        change(meta)
    (folder / "saved_model.pb").write_bytes(saved_model.SerializeToString())


@contextmanager
def safe_mode(is_safe: bool) -> Iterator[None]:
    """Loads in safe mode or not, as within `keras.models.load_model(..., safe_mode=is_safe)`."""
    with pytest.MonkeyPatch.context() as patch:
        if not is_safe:
            patch.setattr("kerastl_tfhub.safety.in_safe_mode", lambda: False)
        yield


def asset_name(meta: object) -> str:
    return str(meta.asset_file_def[0].filename)


def rename_asset(meta: object, name: str) -> None:
    meta.asset_file_def[0].filename = name


def functions(meta: object) -> list:
    return list(meta.graph_def.library.function)


def aim_the_table_elsewhere(meta: object) -> None:
    for function in functions(meta):
        for node in function.node_def:
            if node.op == "InitializeTableFromTextFileV2":
                path = function.node_def.add(name="path", op="Const")
                path.attr["dtype"].type = tf.string.as_datatype_enum
                path.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))
                node.input[1] = "path:output:0"
                return


def enlarge_the_variables(meta: object) -> None:
    for node in meta.object_graph_def.nodes:
        if node.HasField("variable"):
            node.variable.shape.dim[0].size = 10**10


def call_the_saver(meta: object) -> None:
    saver = next(f for f in functions(meta) if any(n.op == "SaveV2" for n in f.node_def))
    own = next(f for f in functions(meta) if any(n.op == "MatMul" for n in f.node_def))
    call = own.node_def.add(name="call", op="StatefulPartitionedCall")
    call.attr["f"].func.name = saver.signature.name


def offer_the_saver(meta: object) -> None:
    saver = next(f for f in functions(meta) if any(n.op == "SaveV2" for n in f.node_def))
    meta.object_graph_def.concrete_functions[saver.signature.name].SetInParent()


def restore_another_file(meta: object) -> None:
    path = meta.graph_def.node.add(name="path", op="Const")
    path.attr["dtype"].type = tf.string.as_datatype_enum
    path.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))
    for node in meta.graph_def.node:
        if node.op == "RestoreV2":
            node.input[0] = "path"


def name_a_function_after_an_operation(meta: object) -> None:
    harmless = meta.graph_def.library.function.add()
    harmless.signature.name = "ReadFile"
    own = next(f for f in functions(meta) if any(n.op == "MatMul" for n in f.node_def))
    own.node_def.add(name="read", op="ReadFile")
