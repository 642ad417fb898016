# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who talks in the room, out of what several topics say."""

from __future__ import annotations

from dataclasses import dataclass
import math

from minicpmo_ros.watch.announcement import Room

# Without a state for so long the model counts as away [s].
STATE_SECONDS = 3.0


@dataclass
class RoomTracker:
    """Times are a steady clock [s].

    playing: speech comes out of the loudspeaker. model_speaking: the model has an open turn.
    """

    playing: bool = False
    model_speaking: bool = False
    _ready: bool = False
    _state_seen: float = -math.inf
    _user_speaking: bool = False
    _user_heard: float = -math.inf

    def note_state(self, ready: bool, speaking: bool, now: float) -> None:
        """Take the state of the model."""
        self._ready, self.model_speaking, self._state_seen = ready, speaking, now

    def note_user(self, speaking: bool, now: float) -> None:
        """Take whether a person speaks."""
        self._user_speaking = speaking
        if speaking:
            self._user_heard = now

    def is_ready(self, now: float) -> bool:
        """Return whether the model is there."""
        return self._ready and now - self._state_seen <= STATE_SECONDS

    def room(self, now: float, quiet_hours: bool) -> Room:
        """Return the room as it is now."""
        return Room(
            engine_ready=self.is_ready(now),
            user_speaking=self._user_speaking and now - self._user_heard <= STATE_SECONDS,
            user_silence=now - self._user_heard,
            robot_speaking=self.playing or self.model_speaking,
            quiet_hours=quiet_hours,
        )
