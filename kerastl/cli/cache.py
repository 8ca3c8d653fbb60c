"""`kerastl cache`: list, prune or clear the features that were kept."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kerastl.features.cache.folder import Entry

_KINDS = {"features": "features", "engines": "converted network"}


@click.group()
def command() -> None:
    """List, prune or clear the feature cache.

    It keeps what frozen backbones said of each file, so that no file passes through the same
    backbone twice. KERASTL_CACHE names its folder, KERASTL_CACHE_LIMIT its size, such as 5GB.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List what the cache holds, the oldest use first."""
    from kerastl.features.cache.folder import cache_folder, entries, size_limit

    folder, found = cache_folder(), entries(cache_folder())
    total, limit = sum(entry.num_bytes for entry in found), size_limit()
    if as_json:
        facts = [_facts(entry) for entry in found]
        report = {"folder": str(folder), "bytes": total, "limit": limit, "entries": facts}
        click.echo(json.dumps(report, indent=2))
        return
    for line in _lines(found):
        click.echo(line)
    click.echo(f"{size_text(total)} of at most {size_text(limit)} in {folder}")


@command.command()
@click.option("--limit", metavar="SIZE", help="What may stay, such as 5GB; else the cache's limit.")
def prune(limit: str | None) -> None:
    """Delete what was used longest ago, until the rest fits."""
    from kerastl.features.cache import folder as cache

    num_bytes = cache.size_limit() if limit is None else cache.parse_size(limit, where="--limit")
    freed = cache.prune(cache.cache_folder(), num_bytes)
    click.echo(f"{size_text(freed)} freed")


@command.command()
def clear() -> None:
    """Delete everything in the cache."""
    from kerastl.features.cache import folder as cache

    freed = cache.clear(cache.cache_folder())
    click.echo(f"{size_text(freed)} freed")


def size_text(num_bytes: int) -> str:
    """Returns a size as people read it, in units of 1000."""
    size = float(num_bytes)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _facts(entry: "Entry") -> dict[str, object]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "bytes": entry.num_bytes,
        "files": len(entry.files),
        "used": entry.used,
    }


def _lines(found: "Sequence[Entry]") -> list[str]:
    return [
        f"{entry.name}  {_KINDS[entry.kind]:<18}{size_text(entry.num_bytes):>10}  "
        f"used {time.strftime('%Y-%m-%d %H:%M', time.localtime(entry.used))}"
        for entry in found
    ]
