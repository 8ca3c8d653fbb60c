"""What the cache says to people."""

import pytest
from kerastl.features.cache.folder import parse_size

from kerastl.errors import CacheError


def test_a_limit_that_is_no_size() -> None:
    with pytest.raises(CacheError) as caught:
        parse_size("5 gigs", where="--limit")
    assert str(caught.value) == (
        "The cache's limit is no size.\n"
        "  where:    --limit\n"
        "  expected: a number and a unit, such as 5GB or 500MB\n"
        "  received: '5 gigs'"
    )
