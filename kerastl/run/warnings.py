"""What a run warns of, grouped by kind."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kerastl.evaluation.calibration import NO_SKILL, NOT_ASKED_FOR
from kerastl.evaluation.missingness import MissingnessReport
from kerastl.run.bundle import Bundle

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COUNTED = re.compile(r"# (\w+?)s?\b")


@dataclass(frozen=True, kw_only=True)
class WarningKind:
    """Warnings that say the same of several tasks, or a warning about no task in particular."""

    tasks: tuple[str, ...]
    text: str  # with the range of each number that differs
    sentences: tuple[str, ...]  # each in full, if they differ


def find_warnings(bundle: Bundle, missingness: MissingnessReport | None) -> Iterator[str]:
    """Yields what a user should know about thresholds, calibration and unknown labels."""
    for name, task in bundle.tasks.items():
        if task.threshold_note:
            yield f"{name}: {task.threshold_note}."
    for name, task in bundle.tasks.items():
        if task.calibration.reason not in (None, NOT_ASKED_FOR, NO_SKILL):
            yield f"{name}: not calibrated ({task.calibration.reason})."
    if missingness is not None:
        yield from missingness.warnings


def group_warnings(sentences: Iterable[str], tasks: Sequence[str]) -> tuple[WarningKind, ...]:
    """Groups sentences that begin with the name of a task and a colon by what follows.

    Numbers may differ within a kind; its text has their ranges.
    """
    kinds: dict[str, list[tuple[str | None, str]]] = {}
    for sentence in dict.fromkeys(sentences):
        task = next((t for t in tasks if sentence.startswith(f"{t}: ")), None)
        rest = sentence if task is None else sentence.removeprefix(f"{task}: ")
        kind = _COUNTED.sub(r"# \1", _NUMBER.sub("#", rest))
        kinds.setdefault(kind, []).append((task, rest))
    return tuple(_kind(members) for members in kinds.values())


def _kind(members: Sequence[tuple[str | None, str]]) -> WarningKind:
    texts = [text for _, text in members]
    ranges = map(_range, zip(*map(_NUMBER.findall, texts), strict=True))
    is_same = len(set(texts)) == 1
    return WarningKind(
        tasks=tuple(task for task, _ in members if task is not None),
        text=_NUMBER.sub(lambda _: next(ranges), max(texts, key=len)),
        sentences=() if is_same else tuple(": ".join(filter(None, one)) for one in members),
    )


def _range(numbers: Sequence[str]) -> str:
    low, *_, high = sorted([*numbers, numbers[0]], key=lambda text: float(text.replace(",", "")))
    return low if low == high else f"{low} to {high}"
