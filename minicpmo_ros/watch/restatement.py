# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps watches alive in the model's context by saying them again, for the model only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

from minicpmo_ros.watch.watch import Watch

MOST_CHARACTERS = 400  # of a ContextNote
# A cache that shrank to less than this share has lost its oldest units.
_SLID = 0.95


@dataclass
class Restatement:
    """Says in which unit which watches are stated again. Times are a steady clock [s].

    period: every watch is stated so often, and at once when it is new or the window has slid.
    """

    period: float = 60.0
    template: str = 'I will tell you when {text}.'
    _stated: dict[str, tuple[str, float]] = field(default_factory=dict)
    _tokens: int = 0

    def note_context(self, tokens: int) -> None:
        """Take the length of the model's context after a unit."""
        if tokens < self._tokens * _SLID:
            self.window_slid()
        self._tokens = tokens

    def window_slid(self) -> None:
        """State all watches again: the model may have lost them."""
        self._stated = {name: (text, -self.period) for name, (text, _) in self._stated.items()}

    def next_note(self, watches: Sequence[Watch], now: float) -> Optional[str]:
        """Return what the model shall read in its next unit, None when nothing is due."""
        present = {watch.id: self.sentence(watch) for watch in watches}
        gone = [text for name, (text, _) in self._stated.items() if name not in present]
        self._stated = {name: old for name, old in self._stated.items() if name in present}
        parts = [f'No longer: {text}' for text in gone]
        for name, text in present.items():
            old, last = self._stated.get(name, ('', now - self.period))
            if old == text and now - last < self.period:
                continue
            if sum(map(len, parts)) + len(parts) + len(text) > MOST_CHARACTERS:
                break
            parts.append(text)
            self._stated[name] = (text, now)
        return ' '.join(parts)[:MOST_CHARACTERS] or None

    def sentence(self, watch: Watch) -> str:
        """Return the sentence that states a watch."""
        return self.template.replace('{text}', watch.text)

    def reset(self) -> None:
        """Forget what was stated: a new conversation has begun."""
        self._stated.clear()
        self._tokens = 0
