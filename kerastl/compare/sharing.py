"""The axis `sharing`: one network for all tasks compared with one for each and with all but one.

Convention: two variants that would be the same are one (with two tasks, one alone is all but the
other).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerastl.compare.study import Contrast, Study, TrainingVariant
from kerastl.config import Config
from kerastl.errors import ConfigError

FROZEN = "frozen"
FINE_TUNED = "fine-tuned"
MODES = (FROZEN, FINE_TUNED)
SHARED_UNITS = (64,)
FROZEN_EPOCHS = 50
_HEAD = "shared"


def sharing_study(config: Config, tasks: Sequence[str], *, modes: Sequence[str]) -> Study:
    """Returns the study of sharing.

    Args:
        config: The config that is compared.
        tasks: All tasks.
        modes: `"frozen"`, `"fine-tuned"` or both.

    Raises:
        ConfigError: There is only one task.
    """
    if len(tasks) < 2:
        raise ConfigError(
            "Sharing needs at least two tasks.",
            where="data.tasks",
            received=", ".join(tasks) or "none",
        )
    parts = [_Mode(mode, config, tuple(tasks)) for mode in modes]
    return Study(
        axis="sharing",
        variants=tuple(variant for part in parts for variant in part.variants()),
        contrasts=tuple(contrast for part in parts for contrast in part.contrasts()),
        notes=tuple(note for part in parts for note in part.notes()),
    )


def hidden_units(config: Config) -> tuple[int, ...]:
    """Returns the hidden layers of frozen variants: the config's own, or one of 64 units."""
    heads = config.heads.values() if isinstance(config.heads, dict) else ()
    return next((head.hidden for head in heads if head.hidden), SHARED_UNITS)


@dataclass(frozen=True)
class _Mode:
    """One part of the study: the backbone frozen, or fine-tuned."""

    name: str
    config: Config
    tasks: tuple[str, ...]

    def variants(self) -> list[TrainingVariant]:
        """All tasks, each alone, all but each; and what serves the conditions."""
        subsets = [self.tasks, *self._singles(), *self._rests()]
        found = {tasks: self._variant(tasks) for tasks in subsets}
        return [*found.values(), *(self._supporting() if self.name == FINE_TUNED else [])]

    def contrasts(self) -> list[Contrast]:
        """Is sharing better, task by task; what does each task do to the others."""
        together = self._name(self.tasks)
        alone = tuple(self._name(tasks) for tasks in self._singles())
        found = [
            Contrast(
                first=(together,),
                second=alone,
                tasks=self.tasks,
                text=f"{self.name}: one network for all tasks instead of one for each",
                mode=self.name,
            )
        ]
        for task, rest in zip(self.tasks, self._rests(), strict=True):
            found.append(
                Contrast(
                    first=(together,),
                    second=(self._name(rest),),
                    tasks=rest,
                    text=f"{self.name}: learning {task} too",
                    kind="left out",
                    mode=self.name,
                    about=task,
                )
            )
        return found + (self._lent_contrasts() if self.name == FINE_TUNED else [])

    def notes(self) -> list[str]:
        """How the variants were made, for the reader."""
        if self.name == FINE_TUNED:
            return []
        units = ", ".join(str(width) for width in hidden_units(self.config))
        return [
            "On a frozen backbone linear heads share nothing that learns, so one network and one "
            f"for each would be the same. The frozen variants share a hidden layer ({units} units) "
            f"instead, and weights of heads have no effect. They have up to {self._epochs()} "
            "epochs, because an epoch on cached features costs next to nothing."
        ]

    def _epochs(self) -> int:
        return max(FROZEN_EPOCHS, getattr(self.config.fit, "epochs", 0))

    def _singles(self) -> list[tuple[str, ...]]:
        return [(task,) for task in self.tasks]

    def _rests(self) -> list[tuple[str, ...]]:
        return [tuple(t for t in self.tasks if t != task) for task in self.tasks]

    def _name(self, tasks: tuple[str, ...]) -> str:
        if tasks == self.tasks:
            what = "all tasks"
        elif len(tasks) == 1:
            what = f"{tasks[0]} alone"
        else:
            what = f"all but {next(t for t in self.tasks if t not in tasks)}"
        return f"{what}, {self.name}"

    def _variant(self, tasks: tuple[str, ...]) -> TrainingVariant:
        return TrainingVariant(
            name=self._name(tasks), tasks=tasks, changes=self._changes(tasks), mode=self.name
        )

    def _changes(self, tasks: tuple[str, ...]) -> Mapping[str, Any]:
        if self.name == FROZEN:
            head = {"tasks": list(tasks), "hidden": list(hidden_units(self.config))}
            return {
                "trainable": False,
                "augment": None,
                "heads": {_HEAD: head},
                "fit.epochs": self._epochs(),
            }
        policy = self.config.trainable
        return {"trainable": True} if policy in (False, "auto") else {}

    def _supporting(self) -> list[TrainingVariant]:
        """A linear head for each task: on the backbone the others trained, and on the original."""
        linear = {"trainable": False, "augment": None, "heads": "single"}
        lent = [
            TrainingVariant(
                name=self._lent_name(task),
                tasks=(task,),
                changes=linear,
                mode=self.name,
                backbone_of=self._name(rest),
                is_supporting=True,
            )
            for task, rest in zip(self.tasks, self._rests(), strict=True)
        ]
        own = TrainingVariant(
            name=_ORIGINAL, tasks=self.tasks, changes=linear, mode=self.name, is_supporting=True
        )
        return [own, *lent]

    def _lent_contrasts(self) -> list[Contrast]:
        return [
            Contrast(
                first=(self._lent_name(task),),
                second=(_ORIGINAL,),
                tasks=(task,),
                text=f"for {task}, features that the other tasks trained",
                kind="lent",
                mode=self.name,
                about=task,
            )
            for task in self.tasks
        ]

    def _lent_name(self, task: str) -> str:
        return f"{task} on what the others learned"


_ORIGINAL = "linear heads on the original features"
