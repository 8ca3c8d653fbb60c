"""The model card of a run: `MODEL_CARD.md`, Markdown with the YAML header that Hugging Face reads.

Convention: a card that somebody has edited is never written again. The last line of a generated
card is a comment with the hash of the rest, by which an edit is noticed.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kerastl.files import write_text
from kerastl.report.content import Content
from kerastl.report.panels import DescribedScore
from kerastl.report.render import render_text
from kerastl_runtime.files import refuse_more, require_regular

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#&])")
_BREAKS = re.compile(r"[\r\n\t\v\f\x85\u2028\u2029]+")
_STAMP = "<!-- Written by kerastl, which leaves an edited card alone. sha256 {} -->\n"
_STAMPED = re.compile(rf"(.*){_STAMP.format('([0-9a-f]{64})')}", re.S)
_LICENSES = {"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc0-1.0"}  # as Hugging Face names
_MAX_BYTES = 2**24
_METRICS = {"auc": "roc_auc", "brier": "brier_score"}  # there; others have the same name


def write_card(path: Path, content: Content) -> str:
    """Writes the card of a run unless it was edited; returns the card that is there then."""
    edited = _edited(path)
    if edited is not None:
        return edited
    text = render_card(content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    write_text(path, text + _STAMP.format(digest))
    return text


def render_card(content: Content) -> str:
    """Returns the card of a run, whose purpose and data are left for the author to describe."""
    header = yaml.safe_dump(_header(content), sort_keys=False, allow_unicode=True)
    body = render_text(
        "model_card.j2",
        escape=_escaped,
        content=content,
        bundle=content.bundle,
        limits=list(_limits(content)),
    )
    return f"---\n{header}---\n\n{body}\n"


def _limits(content: Content) -> Iterator[str]:
    """Yields a sentence for each limit of the model that training has seen."""
    conclusion, missing = content.conclusion, content.missing
    for verdict, tasks in conclusion.by_verdict.items():
        if verdict != "usable":
            names = ", ".join(
                f"{one.task} ({one.reason})" if one.reason else one.task for one in tasks
            )
            yield f"On {conclusion.part}, {verdict}: {names}."
    if missing.unknown:
        share = missing.unknown / missing.total
        yield (
            f"{missing.unknown:,} of {missing.total:,} labels ({share:.0%}) are unknown; no score "
            "says anything about them."
        )
    if content.parts[0].groups is None:
        nouns = content.bundle.media.nouns
        yield f"The splits know no groups, so related {nouns} may be in both training and test."
    for warning in content.warnings_of_model:
        about = f"{', '.join(warning.tasks)}: " if warning.tasks else ""
        yield f"{about}{warning.text}"


def _header(content: Content) -> dict[str, Any]:
    bundle, license = content.bundle, content.bundle.backbone.license
    is_known = license.lower() in _LICENSES
    named = (
        {"license": license.lower()} if is_known else {"license": "other", "license_name": license}
    )
    kind = f"{bundle.media.name}-classification"
    part = content.parts[0]
    table = Path(bundle.data.tables[0].path).stem if bundle.data.tables else "unknown"
    result: dict[str, Any] = {
        "task": {"type": kind},
        "dataset": {"name": table, "type": table, "split": part.name},
        "metrics": [
            *_metrics("mean over tasks", part.macro),
            *(
                one
                for task in content.tasks
                for one in _metrics(task.name, task.panels[0].scores[:1])
            ),
        ],
    }
    return {
        **named,
        "library_name": "keras",
        "pipeline_tag": kind,
        "tags": ["kerastl", "keras", "multi-label-classification", bundle.backbone.id],
        "metrics": sorted({one["type"] for one in result["metrics"]}),
        "model-index": [{"name": content.name, "results": [result] if result["metrics"] else []}],
    }


def _metrics(of: str, scores: tuple[DescribedScore, ...]) -> Iterator[dict[str, Any]]:
    for one in scores:
        if one.value == one.value:  # not NaN
            interval = (
                "" if one.interval is None else ", 95 % {:.4f} to {:.4f}".format(*one.interval)
            )
            yield {
                "type": _METRICS.get(one.name, one.name),
                "value": round(one.value, 4),
                "name": f"{one.label}, {of}{interval}",
            }


def _edited(path: Path) -> str | None:
    """Returns the card if somebody has written or edited it, else None."""
    if path.is_symlink() or not path.exists():
        return None
    require_regular(path)
    refuse_more(path.stat().st_size, _MAX_BYTES, "bytes")
    text = path.read_text(encoding="utf-8", errors="replace")
    found = _STAMPED.fullmatch(text)
    is_own = found is not None and hashlib.sha256(found[1].encode()).hexdigest() == found[2]
    return None if is_own else text


def _escaped(value: Any) -> Any:
    """Returns a text so that Markdown shows it as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", _BREAKS.sub(" ", value)) if isinstance(value, str) else value
