"""The table of facts against Keras, without allocating a network."""

import inspect

import keras
import pytest

from kerastl.backbones import BackboneError, ImageInput, find_backbone
from kerastl_applications.facts import ARCHITECTURES, NETWORKS, Network

QUICK_PARAMS = 5_000_000


def variant(network: Network, values: tuple[object, ...]) -> object:
    """Returns a network with one choice of its options; a large one takes seconds to draw."""
    options = dict(zip(ARCHITECTURES[network.architecture].options, values, strict=True))
    large = network.sizes[values].num_params > QUICK_PARAMS
    return pytest.param(
        network.name,
        options,
        id="-".join([network.name, *map(str, values)]),
        marks=pytest.mark.slow if large else (),
    )


VARIANTS = [variant(network, values) for network in NETWORKS.values() for values in network.sizes]


def test_every_image_model_of_keras_is_in_the_table():
    constructors = {
        name
        for name, member in vars(keras.applications).items()
        if inspect.isfunction(member) and "include_top" in inspect.signature(member).parameters
    }
    assert {network.constructor for network in NETWORKS.values()} == constructors
    assert len(NETWORKS) == 40
    assert {network.architecture for network in NETWORKS.values()} == set(ARCHITECTURES)
    assert len(ARCHITECTURES) == 14


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_the_table_states_what_keras_builds(name, options):
    spec = find_backbone(f"applications:{name}", options=options)
    with keras.StatelessScope():
        network = spec.build(weights=None)
    assert network.output_shape == (None, spec.feature_dim)
    assert network.count_params() == spec.num_params
    assert network.input_shape == (None, *spec.input.shape)
    assert spec.license
    assert spec.reference.startswith("https://arxiv.org/abs/")


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_default_size_is_that_of_keras_and_less_than_the_smallest_is_refused(architecture):
    name = next(name for name, row in NETWORKS.items() if row.architecture == architecture)
    spec = find_backbone(f"applications:{name}")
    side = spec.input.min_size
    with pytest.raises(BackboneError, match=f"at least {side} pixels"):
        spec.build(weights=None, input=ImageInput(height=side, width=side - 1))


def test_options_without_published_weights_have_no_facts():
    spec = find_backbone("applications:mobilenet_v2", options={"alpha": 0.4})
    assert (spec.weights, spec.feature_dim, spec.num_params) == ((), None, None)
    assert spec.options == {"alpha": 0.4}
