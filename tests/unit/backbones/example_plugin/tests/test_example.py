from kerastl.backbones.testing import parametrize_with_checks


@parametrize_with_checks(["example:small"])
def test_backbone(check):
    check()
