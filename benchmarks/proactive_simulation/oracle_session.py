# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that knows the truth and errs at a given rate: what the logic alone can reach."""

from __future__ import annotations

import numpy as np

from benchmarks.proactive_simulation.recording import Truth
from minicpmo.protocol import Capabilities, Decision, Heard, Unit, UnitResult

CAPABILITIES = Capabilities(
    'oracle', True, True, True, True, True, True, 'oracle', says_given_words=True
)
_CHARACTERS_PER_UNIT = 24


class OracleSession:
    """Implements ``minicpmo.protocol.Session``; says nothing of its own accord.

    miss, false_yes: share of its answers that are wrong when the truth is yes, and no.
    """

    flow_steps = 0

    def __init__(self, truth: Truth, miss: float = 0.0, false_yes: float = 0.0, seed: int = 0):
        self._truth, self._miss, self._false_yes = truth, miss, false_yes
        self._by_question = {watch.question: watch.id for watch in truth.watches}
        self._rng = np.random.default_rng(seed)
        self._time = 0.0
        self._words: list[str] = []

    def step(self, unit: Unit) -> UnitResult:
        """Listen, or say the next of the given words."""
        self._time = unit.index + 1.0
        if unit.force_listen or not self._words:
            return UnitResult(unit.index, Decision.LISTEN)
        text = self._words.pop(0)
        is_last = not self._words
        return UnitResult(
            unit.index,
            Decision.SPEAK,
            text,
            end_of_turn=is_last,
            turn_open=not is_last,
            given_words=True,
        )

    def say(self, text: str) -> None:
        """Say a text in pieces."""
        step = _CHARACTERS_PER_UNIT
        self._words = [text[i : i + step] for i in range(0, len(text), step)]

    def interrupt(self, heard: Heard) -> None:
        """Say nothing more."""
        self._words = []

    def take_back(self) -> None:
        """Say nothing of it."""
        self._words = []

    def ask_yes_no(self, question: str) -> float:
        """Return the truth at the end of the newest unit, sometimes its contrary."""
        truth = self._truth.happens(self._by_question[question], self._time)
        wrong = self._rng.random() < (self._miss if truth else self._false_yes)
        return 0.95 if truth != wrong else 0.05

    def reset(self) -> None:
        """Forget what is to be said."""
        self._words = []

    def close(self) -> None:
        """Do nothing."""
