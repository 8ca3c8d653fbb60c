"""Whole texts of the errors about TF Hub modules."""

import os
import shutil
import tarfile
from collections.abc import Callable

import pytest

from kerastl.backbones import AudioInput, ImageInput, find_backbone
from kerastl.errors import KerastlError
from kerastl_tfhub import SavedModelLayer


def build(name: str, **options: object) -> None:
    given = {key: options.pop(key) for key in ("weights", "input") if key in options}
    find_backbone(f"tfhub:{name}", options=options).build(
        **{"weights": "module", **given}, **options
    )


# what: (fixture that makes the module, call, text; {module} stands for its folder)
MESSAGES: dict[str, tuple[str, Callable[[str], object], str]] = {
    "misspelt option": (
        "plain",
        lambda module: build(module, poolling="max"),
        """The backbone 'tfhub:{module}' has no option 'poolling'.
  expected: one of arguments, input_range, num_samples, output, pooling, signature, tags
  fix:      Did you mean 'pooling'?""",
    ),
    "random weights": (
        "conv_net",
        lambda module: build(module, weights=None),
        """A TF Hub module has no random weights: it is published together with its weights.
  where:    tfhub:{module}
  expected: module, or the path of a .weights.h5""",
    ),
    "unknown weights": (
        "conv_net",
        lambda module: build(module, weights="imagenet"),
        """There are no such weights for this module.
  where:    tfhub:{module}
  expected: module, or the path of a .weights.h5
  received: imagenet""",
    ),
    "other images": (
        "conv_net",
        lambda module: build(module, input=ImageInput(height=9, width=8)),
        """The module does not take images of 9 × 8 pixels.
  where:    tfhub:{module}
  expected: input of shape (None, 8, 8, 3)
  received: input of shape (None, 9, 8, 3)
  fix:      Set backbone.input_size to a size that the module takes, or \
choose a module for images.""",
    ),
    "audio for images": (
        "conv_net",
        lambda module: build(module, input=AudioInput(sample_rate_hz=16000, num_samples=400)),
        """The module does not take audio of 400 samples.
  where:    tfhub:{module}
  expected: input of shape (None, 8, 8, 3)
  received: input of shape (None, 400)
  fix:      Set backbone.input_size to a size that the module takes, or \
choose a module for audio.""",
    ),
    "no range": (
        "conv_net",
        lambda module: build(module, input_range=[1, 0]),
        """The option 'input_range' is not a range.
  expected: two numbers, the smaller one first, such as [-1, 1]
  received: [1, 0]""",
    ),
    "several outputs": (
        "dictionary",
        lambda module: SavedModelLayer(module),
        """The module has several outputs.
  where:    {module}
  expected: one of 'features' of shape (None, 5); 'sum' of shape (None, 1)
  fix:      Choose one in the option 'output'.""",
    ),
    "no such output": (
        "unbatched",
        lambda module: SavedModelLayer(module, output=2),
        """There is no such output.
  where:    {module}
  expected: one of 0 of shape (None, 3); 1 of shape (None, 4)
  received: 2
  fix:      Choose one in the option 'output'.""",
    ),
    "output of a module with one": (
        "plain",
        lambda module: SavedModelLayer(module, output=0),
        """There is no such output.
  where:    {module}
  expected: no choice: the module has one output
  received: 0
  fix:      Remove the option 'output'.""",
    ),
    "missing argument": (
        "hyperparameters",
        lambda module: SavedModelLayer(module),
        """The module has no function for these arguments.
  where:    {module}
  expected: one of: scale=1; scale=2
  received: none
  fix:      Set them in the option 'arguments'.""",
    ),
    "other value of an argument": (
        "hyperparameters",
        lambda module: SavedModelLayer(module, arguments={"scale": 3}),
        """The module has no function for these arguments.
  where:    {module}
  expected: one of: scale=1; scale=2
  received: scale=3
  fix:      Set them in the option 'arguments'.""",
    ),
    "unknown argument": (
        "hyperparameters",
        lambda module: SavedModelLayer(module, arguments={"skale": 1}),
        """The module takes no argument 'skale'.
  where:    {module}
  expected: some of scale, offset
  fix:      Change the option 'arguments'.""",
    ),
    "arguments of a signature": (
        "signature_only",
        lambda module: SavedModelLayer(module, arguments={"scale": 1}),
        """A serving signature takes no arguments.
  where:    {module}
  received: scale
  fix:      Remove the option 'arguments'.""",
    ),
    "no such signature": (
        "signature_only",
        lambda module: SavedModelLayer(module, signature="classify"),
        """The module has no such signature.
  where:    {module}
  expected: one of serving_default
  received: classify
  fix:      Name one in the option 'signature'.""",
    ),
    "no such tags": (
        "tf1_hub",
        lambda module: SavedModelLayer(module, tags=["gpu"]),
        """The SavedModel has no graph with these tags.
  where:    {module}
  expected: one of [[], ['train']]
  received: ['gpu']
  fix:      Name the tags in the option 'tags'.""",
    ),
    "training a signature": (
        "signature_only",
        lambda module: SavedModelLayer(module, trainable=True),
        """The module cannot be trained.
  where:    {module}
  received: The module offers only a serving signature, which was traced for inference, so it \
can be used but not trained.
  fix:      Keep it frozen: trainable=False.""",
    ),
    "training TF1": (
        "tf1_hub",
        lambda module: SavedModelLayer(module, trainable=True),
        """The module cannot be trained.
  where:    {module}
  received: The module is in TF1's format, whose graph was fixed for inference, so it can be \
used but not trained.
  fix:      Keep it frozen: trainable=False.""",
    ),
    "no such pooling": (
        "plain",
        lambda module: SavedModelLayer(module, pooling="median"),
        """There is no such pooling.
  expected: one of None, 'mean', 'max'
  received: 'median'""",
    ),
    "an empty folder": (
        "empty",
        lambda module: SavedModelLayer(module),
        """The folder does not contain a SavedModel.
  where:    {module}
  expected: a folder that contains saved_model.pb""",
    ),
    "unknown name": (
        "empty",
        lambda module: find_backbone("tfhub:no_such_module"),
        """There is no TF Hub module 'no_such_module'.
  expected: a handle on Kaggle, a URL, a local folder, a .tar.gz, or one of 16 names: bit_s_r50x1, \
efficientnet_b0, \
efficientnet_v2_imagenet1k_b0, efficientnet_v2_imagenet21k_s, inception_resnet_v2, inception_v3, \
mobilenet_v1_100_224, mobilenet_v2_035_224, mobilenet_v2_100_224, mobilenet_v3_large_100_224, \
mobilenet_v3_small_100_224, nasnet_mobile, resnet_v2_50, speech_embedding, vggish, yamnet""",
    ),
}


@pytest.fixture
def empty(tmp_path) -> str:
    return str(tmp_path)


@pytest.mark.parametrize("what", MESSAGES)
def test_the_whole_text_of_an_error(what: str, request: pytest.FixtureRequest) -> None:
    fixture, call, text = MESSAGES[what]
    module = request.getfixturevalue(fixture)
    with pytest.raises(KerastlError) as caught:
        call(module)
    assert str(caught.value) == text.replace("{module}", module)


def test_the_text_about_an_archive_with_a_link(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("evil")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path / "a.tar")
    assert (
        str(caught.value)
        == f"""The archive cannot be unpacked.
  where:    {tmp_path}/a.tar
  expected: a tar archive of plain files and folders
  received: 'evil', which is a link or a special file
  fix:      Download it again, or ask its author for such an archive."""
    )


def test_the_text_about_a_cache_of_another_user(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("os.getuid", lambda: 4711)
    (tmp_path / "archives_4711").mkdir()
    (tmp_path / "a.tar").touch()
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path / "a.tar")
    assert (
        str(caught.value)
        == f"""\
A folder or file for modules belongs to another user, who could have changed it.
  where:    {tmp_path}/archives_4711
  fix:      Set TFHUB_CACHE_DIR to a folder of your own. To use the other user's module anyway, \
name its folder as the backbone."""
    )


def test_the_text_about_a_cache_that_cannot_be_created(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "a.tar").touch()
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path / "a.tar")
    archives = f"{tmp_path}/file/archives_{os.getuid()}"
    assert (
        str(caught.value)
        == f"""The folder for modules cannot be created.
  where:    {archives}
  received: Not a directory
  fix:      Set TFHUB_CACHE_DIR to a folder of your own."""
    )


def test_the_text_about_a_link_out_of_the_module(plain: str, tmp_path) -> None:
    shutil.copytree(plain, tmp_path / "module")
    (tmp_path / "module" / "variables").rename(tmp_path / "elsewhere")
    (tmp_path / "module" / "variables").symlink_to("../elsewhere")
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path / "module")
    assert (
        str(caught.value)
        == f"""The module contains a link to a place outside its own folder.
  where:    {tmp_path}/module
  expected: files, folders and links between them
  received: variables, which leads to ../elsewhere
  fix:      If you trust the file that it leads to, replace the link by a copy: cp -rL copies a \
folder without its links."""
    )


def test_the_text_about_variables_without_values(plain: str, tmp_path) -> None:
    shutil.copytree(plain, tmp_path / "module")
    shutil.rmtree(tmp_path / "module" / "variables")
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path / "module")
    assert (
        str(caught.value)
        == f"""The module lacks the values of its variables.
  where:    {tmp_path}/module
  expected: variables/variables.index and the files that it names
  fix:      Download or export the module again."""
    )


def test_the_text_of_a_refusal(tmp_path) -> None:
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def call(x: tf.Tensor) -> tf.Tensor:
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

    module.__call__ = call
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(KerastlError) as caught:
        SavedModelLayer(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "The module's graph contains operations that can read or write files, run code of the "
        "host or are unknown."
    )
    assert lines[1].startswith("  - ReadFile: 'ReadFile' in __inference_call_")
    assert lines[2:] == [
        f"  where:    {tmp_path}",
        "  fix:      If you trust its author, load it within `with "
        'kerastl_tfhub.trust("ReadFile"):`, or set KERASTL_TFHUB_TRUST=ReadFile.',
    ]
