"""Messages of the cache."""

import pytest

from kerastl.errors import CacheError
from kerastl.features.cache.location import cache_folder, parse_size


def test_a_limit_that_is_not_a_size() -> None:
    with pytest.raises(CacheError) as caught:
        parse_size("5 gigs", where="--limit")
    assert str(caught.value) == (
        "The size limit of the cache is not a size.\n"
        "  where:    --limit\n"
        "  expected: a number and a unit, such as 5GB or 500MB\n"
        "  received: '5 gigs'"
    )


def test_a_user_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("KERASTL_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", no_home)
    with pytest.raises(CacheError) as caught:
        cache_folder()
    assert str(caught.value) == (
        "There is no place for the cache, because this user has no home folder.\n"
        "  fix:      Set KERASTL_CACHE or HOME to a folder of your own."
    )
