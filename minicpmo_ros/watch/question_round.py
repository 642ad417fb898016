# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which watches the model is asked about next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from minicpmo_ros.watch.watch import Watch


@dataclass
class QuestionRound:
    """Orders the questions of a unit: suspicion first, then who was answered longest ago.

    More is asked than the model may have time for; it answers from the front as far as its time
    for questions lasts, and what was not answered stands further in front the next time. So the
    pace follows the machine. A watch in doubt leaves that state with its next answer or two, so
    watches in doubt delay the others by a factor of two at most.

    per_unit: most questions for one unit.
    """

    per_unit: int = 8
    _answered: dict[str, int] = field(default_factory=dict)
    _answers: int = 0

    def next(
        self, watches: Sequence[Watch], in_doubt: Callable[[str], bool] = lambda watch_id: False
    ) -> list[Watch]:
        """Return the watches to ask about, most urgent first.

        in_doubt: tells of a watch id whether its last answer wants to be confirmed.
        """
        present = {watch.id for watch in watches}
        self._answered = {i: number for i, number in self._answered.items() if i in present}
        ordered = sorted(
            watches, key=lambda watch: (not in_doubt(watch.id), self._answered.get(watch.id, -1))
        )
        return ordered[: self.per_unit]

    def note_answer(self, watch_id: str) -> None:
        """Note that the model answered about a watch."""
        self._answers += 1
        self._answered[watch_id] = self._answers

    def reset(self) -> None:
        """Forget who was answered."""
        self._answered.clear()
        self._answers = 0
