"""Messages of the cache."""

import pytest

from kerastl.errors import CacheError
from kerastl.features.cache.location import parse_size


def test_a_limit_that_is_not_a_size() -> None:
    with pytest.raises(CacheError) as caught:
        parse_size("5 gigs", where="--limit")
    assert str(caught.value) == (
        "The size limit of the cache is not a size.\n"
        "  where:    --limit\n"
        "  expected: a number and a unit, such as 5GB or 500MB\n"
        "  received: '5 gigs'"
    )
