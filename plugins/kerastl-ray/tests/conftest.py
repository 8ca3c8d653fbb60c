"""Without Ray these tests are skipped; `make test-ray` has an environment with it."""

import pytest

collect_ignore_glob = []
try:
    import ray
except ImportError:
    ray = None


@pytest.fixture(autouse=True)
def _needs_ray() -> None:
    if ray is None:
        pytest.skip("Ray is not installed; `make test-ray` runs these tests")
