"""The axis `sharing`: one network for all tasks compared with one for each and with all but one.

Convention: two variants that would be the same are one (with two tasks, one alone is all but the
other).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerastl.compare.study import SCRATCH_NOTE, Contrast, Study, TrainingVariant, from_scratch
from kerastl.config import Config
from kerastl.errors import ConfigError

FROZEN = "frozen"
FINE_TUNED = "fine-tuned"
SCRATCH = "scratch"
DEFAULT_MODES = (FROZEN, FINE_TUNED)
MODES = (*DEFAULT_MODES, SCRATCH)
FROZEN_EPOCHS = 50
_ORIGINAL = {
    FINE_TUNED: "linear heads on the original features",
    SCRATCH: "linear heads on random features",
}


def sharing_study(
    config: Config, tasks: Sequence[str], *, modes: Sequence[str], fit: Mapping[str, Any]
) -> Study:
    """Returns the study of sharing in the given modes: `"frozen"`, `"fine-tuned"`, `"scratch"`.

    Frozen variants have the epochs of `fit`, but at least 50.
    """
    if len(tasks) < 2:
        raise ConfigError(
            "Sharing needs at least two tasks.",
            where="data.tasks",
            received=", ".join(tasks) or "none",
        )
    parts = [SharingMode(mode, config, tuple(tasks), fit) for mode in modes]
    return Study(
        axis="sharing",
        variants=tuple(variant for part in parts for variant in part.variants()),
        contrasts=tuple(contrast for part in parts for contrast in part.contrasts()),
        notes=tuple(note for part in parts if (note := part.note())),
    )


class SharingMode:
    """One part of the study: the backbone frozen, fine-tuned, or trained from random weights."""

    def __init__(self, name: str, config: Config, tasks: tuple[str, ...], fit: Mapping[str, Any]):
        self.name, self.config, self.tasks, self.fit = name, config, tasks, fit
        self.rests = {task: tuple(t for t in tasks if t != task) for task in tasks}
        self.names = {tasks: f"all tasks, {name}"}
        self.names |= {(task,): f"{task} alone, {name}" for task in tasks}
        for task, rest in self.rests.items():
            self.names.setdefault(rest, f"all but {task}, {name}")
        heads = config.heads.values() if isinstance(config.heads, dict) else ()
        self.hidden = next((head.hidden for head in heads if head.hidden), (64,))
        self.frozen_epochs = max(FROZEN_EPOCHS, fit.get("epochs", 0))

    def variants(self) -> list[TrainingVariant]:
        """Returns all tasks, each alone, all but each; and what serves the conditions."""
        found = [
            TrainingVariant(name=name, tasks=tasks, changes=self.changes(tasks), mode=self.name)
            for tasks, name in self.names.items()
        ]
        return found + (self._supporting() if self.name != FROZEN else [])

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
        return found + (self._lent_contrasts() if self.name != FROZEN else [])

    def note(self) -> str:
        """Returns how the variants were made, for the reader; nothing if as usual."""
        if self.name != FROZEN:
            return SCRATCH_NOTE if self.name == SCRATCH else ""
        units = ", ".join(str(width) for width in self.hidden)
        return (
            "On a frozen backbone linear heads share nothing that learns, so one network and one "
            f"for each would be the same. The frozen variants share a hidden layer ({units} units) "
            f"instead, and weights of heads have no effect. They have up to {self.frozen_epochs} "
            "epochs, because an epoch on cached features costs next to nothing."
        )

    def changes(self, tasks: tuple[str, ...]) -> Mapping[str, Any]:
        """Returns the changes of a network that learns some tasks in this mode."""
        if self.name == FROZEN:
            return {
                "trainable": False,
                "augment": None,
                "heads": self.hidden_heads({"shared": tasks}),
                "fit.epochs": self.frozen_epochs,
            }
        if self.name == SCRATCH:
            return from_scratch(self.fit)
        return {"trainable": True} if self.config.trainable in (False, "auto") else {}

    def hidden_heads(self, groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Returns heads with a hidden layer for each group of tasks."""
        return {
            name: {"tasks": list(tasks), "hidden": list(self.hidden)}
            for name, tasks in groups.items()
        }

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
        """Returns linear heads on the initial backbone and on what the other tasks trained."""
        changes = {"trainable": False, "augment": None, "heads": "single"}
        if self.name == SCRATCH:
            changes["backbone.weights"] = None
        common: dict[str, Any] = {"changes": changes, "mode": self.name, "is_supporting": True}
        lent = [
            TrainingVariant(
                name=self._lent_name(task), tasks=(task,), backbone_of=self.names[rest], **common
            )
            for task, rest in self.rests.items()
        ]
        return [TrainingVariant(name=_ORIGINAL[self.name], tasks=self.tasks, **common), *lent]

    def _lent_contrasts(self) -> list[Contrast]:
        return [
            Contrast(
                first=(self._lent_name(task),),
                second=(_ORIGINAL[self.name],),
                tasks=(task,),
                text=f"for {task}, features that the other tasks trained",
                kind="lent",
                mode=self.name,
                about=task,
            )
            for task in self.tasks
        ]

    def _lent_name(self, task: str) -> str:
        name = f"{task} on what the others learned"
        return name if self.name == FINE_TUNED else f"{name} from scratch"
