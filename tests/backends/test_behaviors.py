import pytest

from kerastl.health.behaviors import BEHAVIORS

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("name", BEHAVIORS, ids=lambda name: name.replace(" ", "_"))
def test_keras_behaves_on_this_backend(name):
    BEHAVIORS[name]()
