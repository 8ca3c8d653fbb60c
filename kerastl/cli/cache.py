"""`kerastl cache`: list, prune or clear the feature cache."""

import json
import time

import click

from kerastl.errors import counted
from kerastl.features.cache import location, pruning, publishing
from kerastl.features.cache.cache_layers import make_layer

_KINDS = {
    "features": "features",
    "hashes": "hashes of files",
    "engines": "converted network",
    "models": "model",
}


@click.group()
def command() -> None:
    """List, prune or clear the feature cache.

    The cache stores the features that frozen backbones compute, so that no file passes through
    the same backbone twice. KERASTL_CACHE sets its folder, KERASTL_CACHE_LIMIT its size, such as
    5GB. KERASTL_CACHE_LAYERS names caches of others, separated by commas, which are only read:
    folders, or addresses of object storage such as s3://bucket/kerastl.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the entries of the cache, least recently used first."""
    folder, limit = location.cache_folder(), location.size_limit()
    found = pruning.list_entries(folder)
    total = sum(entry.num_bytes for entry in found)
    if as_json:
        entries = [
            {
                "kind": entry.kind,
                "name": entry.name,
                "bytes": entry.num_bytes,
                "files": entry.num_files,
                "used": entry.used,
            }
            for entry in found
        ]
        report = {"folder": str(folder), "bytes": total, "limit": limit, "entries": entries}
        click.echo(json.dumps(report, indent=2))
        return
    for entry in found:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        size = f"{_KINDS[entry.kind]:<18}{size_text(entry.num_bytes):>10}"
        click.echo(f"{entry.name}  {size}  used {used}")
    click.echo(f"{size_text(total)} of at most {size_text(limit)} in {folder}")


@command.command()
@click.option(
    "--limit", metavar="SIZE", help="Size to keep, such as 5GB. Default: the limit of the cache."
)
def prune(limit: str | None) -> None:
    """Delete the least recently used entries until the rest fits."""
    kept = location.parse_size(limit, where="--limit") if limit else location.size_limit()
    freed = pruning.prune(location.cache_folder(), kept)
    click.echo(f"{size_text(freed)} freed")


@command.command()
def clear() -> None:
    """Delete everything in the cache."""
    freed = pruning.clear(location.cache_folder())
    click.echo(f"{size_text(freed)} freed")


@command.command()
@click.argument("target", metavar="LOCATION")
def publish(target: str) -> None:
    """Copy features to a folder or object storage, for others to read.

    LOCATION is what they set KERASTL_CACHE_LAYERS to. Only what is not there yet is copied.
    """
    copied = publishing.publish(location.cache_folder(), make_layer(target))
    click.echo(
        f"{counted(copied.features, 'feature vector')} and "
        f"{counted(copied.hashes, 'hash', 'hashes')} of files copied to {target}"
    )


def size_text(num_bytes: int) -> str:
    """Returns a readable size, in units of 1000."""
    size = num_bytes / 1e3
    for unit in ("KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{num_bytes} bytes" if num_bytes < 1000 else f"{size:.1f} {unit}"
