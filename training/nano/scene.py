# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""State of the little world that nano sees: one room of a home, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

ROOMS = ('kitchen', 'hall', 'living room')
POT_STATES = ('none', 'idle', 'heating', 'boiling')
DOOR_STATES = ('open', 'closed')
POSTURES = ('standing', 'lying')
SHAPES = ('ball', 'cube', 'cup')
COLOURS = ('red', 'green', 'blue', 'yellow')
MAX_PEOPLE = 2
_ROOM_SHARES = (0.46, 0.27, 0.27)


@dataclass(frozen=True)
class SceneState:
    """What is true in the room during one unit.

    people: posture of everybody in view, at most ``MAX_PEOPLE``.
    ball, cube, cup: colour of the object, None when there is none.
    """

    room: str = 'kitchen'
    pot: str = 'none'
    door: str = 'closed'
    people: tuple[str, ...] = ()
    parcel: bool = False
    lamp: bool = False
    ball: Optional[str] = None
    cube: Optional[str] = None
    cup: Optional[str] = None

    @property
    def fallen(self) -> bool:
        """Return whether somebody lies on the floor."""
        return 'lying' in self.people

    def colour_of(self, shape: str) -> Optional[str]:
        """Return the colour of the ball, cube or cup, None when it is absent."""
        return getattr(self, shape)

    def changed(self, **changes: object) -> SceneState:
        """Return a copy with some values replaced."""
        return replace(self, **changes)


def random_scene(rng: np.random.Generator, room: Optional[str] = None) -> SceneState:
    """Return a random quiet scene: nobody has fallen and nothing boils over."""
    room = room or str(rng.choice(ROOMS, p=_ROOM_SHARES))
    people = ('standing',) * int(rng.choice(MAX_PEOPLE + 1, p=(0.5, 0.35, 0.15)))
    objects = {
        shape: str(rng.choice(COLOURS)) if rng.random() < 0.55 else None for shape in SHAPES
    }
    return SceneState(
        room=room,
        pot=str(rng.choice(('idle', 'heating'))) if room == 'kitchen' else 'none',
        door=str(rng.choice(DOOR_STATES, p=(0.35, 0.65))),
        people=people,
        parcel=bool(rng.random() < 0.3),
        lamp=bool(rng.random() < 0.5),
        **objects,
    )
