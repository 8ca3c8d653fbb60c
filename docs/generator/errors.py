"""The reference of errors: the tree of exceptions that users can cause and fix."""

import inspect

from kerastl import errors
from kerastl.errors import KerastlError

_HEAD = """\
# Errors

All deliberate errors are subclasses of `kerastl.errors.KerastlError`. The message is a sentence
that says what happened, followed by one line per problem if there are several, and by up to
four parts: `where`, `expected`, `received` and `fix`. They are also attributes: `error.what`,
`error.problems` and `error.parts`. On the command line the message is printed without a
traceback and the exit code is 2. Any other exception is a bug in kerastl.

```text
Error: No installed plugin provides the backbone 'applications:mobilnet_v2'.
  expected: one of 40 names of 'applications'; `kerastl backbones list` shows them
  fix:      Did you mean 'applications:mobilenet_v2'?
```

| error | raised for |
|---|---|
"""

_MODULES = (KerastlError.__module__, errors.__name__)


def page() -> str:
    """Returns the page."""
    return _HEAD + "\n".join(_rows(KerastlError, depth=0)) + "\n"


def _rows(error: type[KerastlError], *, depth: int) -> list[str]:
    below = [sub for sub in error.__subclasses__() if sub.__module__ in _MODULES]
    first_line = inspect.getdoc(error).partition("\n")[0]  # type: ignore[union-attr]
    row = f"| {'&emsp;' * depth}`{error.__name__}` | {first_line} |"
    return [row, *(line for sub in below for line in _rows(sub, depth=depth + 1))]
