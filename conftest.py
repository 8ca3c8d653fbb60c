"""What the tests of the project and of its plugins share."""

import os
from collections.abc import Callable
from typing import NoReturn

import pytest


@pytest.fixture(scope="session")
def without() -> Callable[[str, str], NoReturn]:
    """Skips a test for lack of a program, or fails it if KERASTL_TEST_REQUIRE names the program."""

    def skip_or_fail(program: str, reason: str) -> NoReturn:
        if program in os.environ.get("KERASTL_TEST_REQUIRE", "").split(","):
            pytest.fail(f"KERASTL_TEST_REQUIRE asks for {program}, but {reason}.", pytrace=False)
        pytest.skip(reason)

    return skip_or_fail
