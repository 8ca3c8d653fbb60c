"""The axis `sharing`: one network for all tasks compared with one for each and with all but one.

Convention: two variants that would be the same are one (with two tasks, one alone is all but the
other).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerastl.compare.study import Contrast, Study, TrainingVariant
from kerastl.config import Config
from kerastl.errors import ConfigError

FROZEN = "frozen"
FINE_TUNED = "fine-tuned"
MODES = (FROZEN, FINE_TUNED)
FROZEN_EPOCHS = 50
_ORIGINAL = "linear heads on the original features"


def sharing_study(
    config: Config, tasks: Sequence[str], *, modes: Sequence[str], epochs: int = 0
) -> Study:
    """Returns the study of sharing in the given modes, `"frozen"`, `"fine-tuned"` or both.

    Frozen variants have `epochs`, but at least 50.
    """
    if len(tasks) < 2:
        raise ConfigError(
            "Sharing needs at least two tasks.",
            where="data.tasks",
            received=", ".join(tasks) or "none",
        )
    parts = [_Mode(mode, config, tuple(tasks), epochs) for mode in modes]
    return Study(
        axis="sharing",
        variants=tuple(variant for part in parts for variant in part.variants()),
        contrasts=tuple(contrast for part in parts for contrast in part.contrasts()),
        notes=tuple(part.note() for part in parts if part.name == FROZEN),
    )


class _Mode:
    """One part of the study: the backbone frozen, or fine-tuned."""

    def __init__(self, name: str, config: Config, tasks: tuple[str, ...], epochs: int):
        self.name, self.config, self.tasks = name, config, tasks
        self.rests = {task: tuple(t for t in tasks if t != task) for task in tasks}
        self.names = {tasks: f"all tasks, {name}"}
        self.names |= {(task,): f"{task} alone, {name}" for task in tasks}
        for task, rest in self.rests.items():
            self.names.setdefault(rest, f"all but {task}, {name}")
        heads = config.heads.values() if isinstance(config.heads, dict) else ()
        self.hidden = next((head.hidden for head in heads if head.hidden), (64,))
        self.frozen_epochs = max(FROZEN_EPOCHS, epochs)

    def variants(self) -> list[TrainingVariant]:
        """Returns all tasks, each alone, all but each; and what serves the conditions."""
        found = [
            TrainingVariant(name=name, tasks=tasks, changes=self._changes(tasks), mode=self.name)
            for tasks, name in self.names.items()
        ]
        return found + (self._supporting() if self.name == FINE_TUNED else [])

    def contrasts(self) -> list[Contrast]:
        """Returns whether sharing is better, and what each task does to the others."""
        alone = [self.names[task,] for task in self.tasks]
        found = [
            self._contrast("one network for all tasks instead of one for each", alone, self.tasks)
        ]
        found += [
            self._contrast(
                f"learning {task} too", [self.names[rest]], rest, kind="left out", about=task
            )
            for task, rest in self.rests.items()
        ]
        return found + (self._lent_contrasts() if self.name == FINE_TUNED else [])

    def note(self) -> str:
        """Returns how the frozen variants were made, for the reader."""
        units = ", ".join(str(width) for width in self.hidden)
        return (
            "On a frozen backbone linear heads share nothing that learns, so one network and one "
            f"for each would be the same. The frozen variants share a hidden layer ({units} units) "
            f"instead, and weights of heads have no effect. They have up to {self.frozen_epochs} "
            "epochs, because an epoch on cached features costs next to nothing."
        )

    def _changes(self, tasks: tuple[str, ...]) -> Mapping[str, Any]:
        if self.name == FROZEN:
            return {
                "trainable": False,
                "augment": None,
                "heads": {"shared": {"tasks": list(tasks), "hidden": list(self.hidden)}},
                "fit.epochs": self.frozen_epochs,
            }
        return {"trainable": True} if self.config.trainable in (False, "auto") else {}

    def _contrast(
        self, text: str, second: Sequence[str], tasks: tuple[str, ...], **more: Any
    ) -> Contrast:
        return Contrast(
            first=(self.names[self.tasks],),
            second=tuple(second),
            tasks=tasks,
            text=f"{self.name}: {text}",
            mode=self.name,
            **more,
        )

    def _supporting(self) -> list[TrainingVariant]:
        """Returns linear heads on the original backbone and on what the other tasks trained."""
        common: dict[str, Any] = {
            "changes": {"trainable": False, "augment": None, "heads": "single"},
            "mode": self.name,
            "is_supporting": True,
        }
        lent = [
            TrainingVariant(
                name=_lent_name(task), tasks=(task,), backbone_of=self.names[rest], **common
            )
            for task, rest in self.rests.items()
        ]
        return [TrainingVariant(name=_ORIGINAL, tasks=self.tasks, **common), *lent]

    def _lent_contrasts(self) -> list[Contrast]:
        return [
            Contrast(
                first=(_lent_name(task),),
                second=(_ORIGINAL,),
                tasks=(task,),
                text=f"for {task}, features that the other tasks trained",
                kind="lent",
                mode=self.name,
                about=task,
            )
            for task in self.tasks
        ]


def _lent_name(task: str) -> str:
    return f"{task} on what the others learned"
