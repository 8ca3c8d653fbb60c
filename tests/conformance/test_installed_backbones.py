"""Every promise of a backbone, kept by those that are installed.

The family `tfhub` needs modules that aren't in its package; its own tests bring small ones.
"""

import pytest

from kerastl.backbones import list_backbones
from kerastl.backbones.testing import parametrize_with_checks

SMALLEST_OF_EACH_ARCHITECTURE = (
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet_mobile",
    "resnet50",
    "resnet50_v2",
    "vgg16",
    "xception",
)


@parametrize_with_checks([*list_backbones(family="tiny"), "applications:mobilenet_v3_small"])
def test_a_backbone_keeps_its_promise(check):
    check()


@pytest.mark.slow
@parametrize_with_checks([f"applications:{name}" for name in SMALLEST_OF_EACH_ARCHITECTURE])
def test_one_application_of_each_architecture_keeps_its_promise(check):
    check()
