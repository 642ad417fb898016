# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts how often speech came too late for the loudspeaker."""

from __future__ import annotations

from dataclasses import dataclass

UNDERRUN_SECONDS = 0.02
"""A shorter silence inside a turn is no underrun."""


@dataclass
class UnderrunCounter:
    """A silence is an underrun once the same turn goes on after it.

    Speech that runs out may as well be over: the end of a turn is often known only later.

    count: underruns so far.
    """

    count: int = 0
    _silence: float = 0.0  # [s] since the speech of an open turn ran out

    def restart(self) -> None:
        """Forget a silence that has begun; the count stays."""
        self._silence = 0.0

    def note(
        self, speech: float, silence: float, same_turn: bool, turn_open: bool, sounded: bool
    ) -> None:
        """Take in one block of the loudspeaker.

        :param speech, silence: how much of either the block holds, speech first [s].
        :param same_turn: the speech belongs to the turn of the block before.
        :param turn_open: speech of the turn is still to come.
        :param sounded: the block before ended with speech.
        """
        if speech > 0.0:
            self.count += same_turn and self._silence > UNDERRUN_SECONDS
            self._silence = 0.0
        if not turn_open:
            self._silence = 0.0
        elif silence > 0.0 and (speech > 0.0 or sounded or self._silence > 0.0):
            self._silence += silence
