"""The conformance kit: checks of what every backbone guarantees, for the tests of plugins.

Convention: a check is a function named after the guarantee; it raises if the guarantee is broken.
"""

import importlib
import json
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from kerastl.backbones.discovery import in_one_line
from kerastl.backbones.registry import find_backbone
from kerastl.backbones.spec import BackboneSpec
from kerastl.errors import BackboneError, KerastlError, suggestion

CHECKS: Mapping[str, str] = {
    # check: module of this package that contains it
    "is_light": "facts",
    "opens_no_connection_at_import": "facts",
    "states_license_and_reference": "facts",
    "builds_offline": "facts",
    "has_the_declared_size": "facts",
    "takes_raw_input": "features",
    "preprocesses_exactly_once": "features",
    "is_deterministic": "features",
    "treats_rows_independently": "features",
    "names_every_layer_in_one_stage": "training",
    "stays_frozen_in_fit": "training",
    "keeps_statistics_still": "training",
    "unfreezes_exactly_its_stages": "training",
    "survives_saving": "saving",
    "exports_the_same": "saving",
}
"""Every check, in the order in which they run."""

Result = Literal["passed", "failed", "known failure", "unexpectedly passed", "does not apply"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one check of one backbone."""

    backbone: str  # identifier
    check: str
    result: Result
    reason: str | None = None  # why it did not pass

    @property
    def is_failure(self) -> bool:
        """Whether the author of the plugin has something to fix."""
        return self.result in ("failed", "unexpectedly passed")


def run_checks(
    identifier: str,
    *,
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
) -> Iterator[Outcome]:
    """Runs the checks of one backbone, one after the other.

    Args:
        identifier: `family:name`.
        weights: A published name or a local file, for a backbone that has no architecture without
            weights; None builds it with random ones.
        options: Options of the backbone.
        only: Names of the checks to run; None runs all.

    Yields:
        One outcome per check.

    Raises:
        BackboneError: The backbone is unknown, or declares a failure of an unknown check.

    Example:

    ```python
    failed = [outcome for outcome in run_checks("tiny:image") if outcome.is_failure]
    ```
    """
    spec = _find_spec(identifier, options)
    for name in only or CHECKS:
        check = partial(_run, identifier, name, weights, options)
        known = spec.known_failures.get(name)
        result, reason = _result(check, known, module=_module(spec))
        yield Outcome(backbone=identifier, check=name, result=result, reason=reason)


def parametrize_with_checks(
    identifiers: Sequence[str],
    *,
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Returns the pytest decorator that runs a test once per backbone and check.

    A failure that the backbone declares in `known_failures` is expected, with its reason; if the
    check passes nevertheless, the test fails, so that the declaration is removed.

    Args:
        identifiers: Backbones to check.
        weights: A published name or a local file; None builds with random weights.
        options: Options of the backbones.

    Example:

    ```python
    @parametrize_with_checks(["tiny:image"])
    def test_backbone(check):
        check()
    ```
    """
    import pytest

    cases = []
    for identifier in identifiers:
        reasons = _find_spec(identifier, options).known_failures
        for name in CHECKS:
            check = partial(_run, identifier, name, weights, options)
            fails = pytest.mark.xfail(reason=reasons.get(name, ""), strict=True)
            marks = [fails] if name in reasons else []
            cases.append(pytest.param(check, id=f"{identifier}-{name}", marks=marks))
    return pytest.mark.parametrize("check", cases)


def _result(
    check: Callable[[], None], known: str | None, *, module: str
) -> tuple[Result, str | None]:
    """Returns the result of a check with its reason; `known` is the declared one of a failure."""
    try:
        check()
    except unittest.SkipTest as reason:
        return "does not apply", str(reason)
    except Exception as error:
        if known:
            return "known failure", known
        is_plain = isinstance(error, AssertionError | KerastlError)
        return "failed", str(error) if is_plain else in_one_line(error, module)
    return ("unexpectedly passed", f"declared as failing: {known}") if known else ("passed", None)


def _module(spec: BackboneSpec) -> str:
    """Returns the name of the module of the plugin that makes the network."""
    function = spec.build or spec.extract
    return str(getattr(function, "func", function).__module__)


def _find_spec(identifier: str, options: Mapping[str, Any] | None) -> BackboneSpec:
    spec = find_backbone(identifier, options=options)
    for name in sorted(set(spec.known_failures) - set(CHECKS)):
        what = f"The backbone '{identifier}' declares a failure of '{name}', which is not a check."
        raise _unknown_check(what, name)
    return spec


def _run(
    identifier: str, name: str, weights: str | None, options: Mapping[str, Any] | None
) -> None:
    """Runs a check; raises `DoesNotApply`, which skips a test, or what the check raises."""
    from kerastl.backbones.testing.subject import find_subject

    if name not in CHECKS:
        raise _unknown_check(f"There is no check '{name}'.", name)
    module = importlib.import_module(f"kerastl.backbones.testing.{CHECKS[name]}")
    getattr(module, name)(
        find_subject(identifier, weights, json.dumps(options or {}, sort_keys=True))
    )


def _unknown_check(what: str, name: str) -> BackboneError:
    return BackboneError(what, expected=f"one of {', '.join(CHECKS)}", fix=suggestion(name, CHECKS))
