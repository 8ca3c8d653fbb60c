import importlib.metadata
from pathlib import Path

import pytest

from kerastl.versions import installed_version


def test_a_package_has_the_version_of_the_distribution_of_its_name():
    assert installed_version("numpy") == importlib.metadata.version("numpy")


def test_a_module_has_the_version_of_the_distribution_that_provides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    metadata = tmp_path / "thunderflow_cpu-2.7.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: thunderflow-cpu\nVersion: 2.7")
    (metadata / "top_level.txt").write_text("thunderflow\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_version("thunderflow") == "2.7"


def test_a_package_that_nothing_provides_has_no_version():
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        installed_version("no-such-package")
