"""The errors' reference: the tree of what a user can cause and mend."""

import inspect

from kerastl.errors import KerastlError

_HEAD = """\
# Errors

Everything that kerastl refuses on purpose is a `kerastl.errors.KerastlError`. Its text is one
sentence that says what happened, a line per problem where there are several, and up to four parts:
`where`, `expected`, `received` and `fix`. The parts are attributes too: `error.what`,
`error.problems` and `error.parts`. On the command line the text is printed without a traceback and
the exit code is 2. Any other exception is a defect of kerastl.

```text
Error: No installed plugin provides the backbone 'applications:mobilnet_v2'.
  expected: one of 40 names of 'applications'; `kerastl backbones list` shows them
  fix:      Did you mean 'applications:mobilenet_v2'?
```

| error | raised for |
|---|---|
"""


def page() -> str:
    """Returns the page."""
    return _HEAD + "\n".join(_rows(KerastlError, depth=0)) + "\n"


def _rows(error: type[KerastlError], *, depth: int) -> list[str]:
    below = [sub for sub in error.__subclasses__() if sub.__module__ == KerastlError.__module__]
    first_line = inspect.getdoc(error).partition("\n")[0]  # type: ignore[union-attr]
    row = f"| {'&emsp;' * depth}`{error.__name__}` | {first_line} |"
    return [row, *(line for sub in below for line in _rows(sub, depth=depth + 1))]
