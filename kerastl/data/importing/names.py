"""Names of columns for names of classes and categories."""

import re
from collections.abc import Iterable, Mapping

from kerastl.errors import TableError

FILE_COLUMN = "path"
SPLIT_COLUMN = "split"


def column_name(name: str) -> str:
    """Returns a name in lower snake case: `"Traffic light"` is `"traffic_light"`."""
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def column_names(names: Iterable[str], *, where: str) -> Mapping[str, str]:
    """Returns each name with its column.

    Raises:
        TableError: Two names share a column, or one is empty or already a column of its own.
    """
    columns: dict[str, str] = {}
    taken = {FILE_COLUMN: "the file", SPLIT_COLUMN: "the split", "": "nothing"}
    for name in names:
        column = column_name(name)
        if column in taken:
            raise TableError(
                f"The name '{name}' cannot become a column.",
                where=where,
                expected="names that differ in letters or digits, regardless of case",
                received=f"'{column}', which stands for {taken[column]}",
                fix="Rename one of the two.",
            )
        taken[column] = f"'{name}'"
        columns[name] = column
    return columns
