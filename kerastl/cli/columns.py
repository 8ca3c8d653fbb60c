"""Aligned columns of text, for terminals and for logs."""

from collections.abc import Sequence

import click


def aligned(rows: Sequence[Sequence[str]], *, align: str = "<") -> list[str]:
    """Returns a line per row; `align` is for all columns but the first: "<" left, ">" right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:{align if i else '<'}{width}}}" for i, width in enumerate(widths))
    return [form.format(*row).rstrip() for row in rows]


def show_columns(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table: with lines on a terminal, plain text elsewhere; the first column is text."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    import rich.box
    import rich.console
    import rich.table

    console = rich.console.Console(highlight=False)
    if not console.is_terminal:
        click.echo("\n".join(aligned([headers, *texts], align=">")))
        return
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for index, header in enumerate(headers):
        table.add_column(header, justify="right" if index else "left")
    for row in texts:
        table.add_row(*row)
    console.print(table)
