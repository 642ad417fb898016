# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which watch the model is asked about next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minicpmo_ros.watch.watch import Watch


@dataclass
class QuestionRound:
    """Goes through the watches in turn, a few for each unit, so that each one is asked.

    per_unit: most questions for one unit.
    """

    per_unit: int = 1
    _last: str = ''

    def next(self, watches: Sequence[Watch]) -> list[Watch]:
        """Return the watches that follow those asked about last."""
        names = [watch.id for watch in watches]
        start = names.index(self._last) + 1 if self._last in names else 0
        chosen = [*watches[start:], *watches[:start]][: self.per_unit]
        if chosen:
            self._last = chosen[-1].id
        return chosen

    def reset(self) -> None:
        """Begin with the first watch again."""
        self._last = ''
