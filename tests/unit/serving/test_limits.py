"""Admission: what is in progress is bounded, and who is refused learns when to come back."""

import contextlib

import pytest

from kerastl.serving.limits import Admission, Limits, RefusedError


def test_requests_are_admitted_up_to_the_limit_and_again_when_others_are_done() -> None:
    admission = Admission(Limits(max_pending=3))
    with admission.admitted(2):
        with pytest.raises(RefusedError, match="The server is busy with 2 examples") as caught:
            admission.admitted(2).__enter__()
        assert caught.value.status == 429
        assert int(caught.value.headers["Retry-After"]) >= 1
        with admission.admitted(1):
            assert admission.pending == 3
    assert admission.pending == 0


def test_the_bytes_of_all_requests_are_bounded_too() -> None:
    admission = Admission(Limits(max_bytes=100))
    with contextlib.ExitStack() as stack:
        bodies = [stack.enter_context(admission.body()) for _ in range(20)]
        for arrived in bodies[:16]:
            arrived(50)
        with pytest.raises(RefusedError, match="busy"):
            bodies[16](1)
    with admission.body() as arrived:
        arrived(800)  # what was answered makes room


def test_a_request_that_fails_makes_room_too() -> None:
    admission = Admission(Limits(max_pending=1))
    with pytest.raises(KeyError), admission.admitted(1):
        raise KeyError
    with admission.admitted(1):
        pass
