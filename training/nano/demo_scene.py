# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two-minute scene of the demo: who says what when, and what happens in the kitchen.

Voices, wordings and the room are held out from training. Among those the ones were chosen that the
shipped model understands, so the demo shows what it can do, not how often: see the evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.nano.layout import HELD_OUT_SEEDS
from training.nano.scene import SceneState
from training.nano.voice import Voice

SECONDS = 120
LAYOUT_SEED = HELD_OUT_SEEDS[0] + 3
RESIDENT = Voice('espeak', 'en-us+m7', 1.0, 45)
VISITOR = Voice('espeak', 'en-us+f4', 1.0, 45)
_EMPTY = SceneState('kitchen', 'idle', 'closed', (), False, True, 'blue', None, 'red')
_OCCUPIED = _EMPTY.changed(people=('standing',))

# from this second on the camera sees this
SCENES = (
    (0, _EMPTY),
    (20, _OCCUPIED),
    (49, _EMPTY),
    (64, _EMPTY.changed(parcel=True)),
    (79, _OCCUPIED.changed(parcel=True)),
    (103, _OCCUPIED.changed(people=('lying',), parcel=True)),
    (110, _OCCUPIED.changed(parcel=True)),
)


@dataclass(frozen=True)
class Line:
    """One sentence: kind as in ``SoundEvent``, the intent when it is a request."""

    start: float
    kind: str
    text: str
    voice: Voice = RESIDENT
    intent: str = ''
    level: float = 0.0


LINES = (
    Line(5.15, 'speech', 'Hi there.', intent='hello'),
    Line(11.1, 'speech', 'Tell me what you can see.', intent='what_do_you_see'),
    Line(15.2, 'backchannel', 'Mhm.', level=-3.0),
    Line(33.2, 'speech', 'What colour has the cup?', intent='colour_of_cup'),
    Line(40.1, 'speech', 'Let me know when the parcel arrives.', intent='watch_parcel_comes'),
    Line(56.2, 'unaddressed', 'They painted the bridge green.', VISITOR, level=-6.0),
    Line(81.1, 'speech', 'How are you doing today?', intent='how_are_you'),
    Line(87.4, 'speech', 'Do you know a good story?', intent='tell_story'),
    Line(91.6, 'speech', 'What room are you in?', intent='where_are_you'),
    Line(112.5, 'speech', 'Thanks very much.', intent='thank_you'),
    Line(116.2, 'speech', 'Good night to you.', intent='good_night'),
)

# start, seconds, name in ``sound.SOUNDS``, level [dB re normal speech]
NOISES = (
    (21.5, 6.0, 'drops', -12.0),
    (60.0, 9.0, 'music', -14.0),
    (97.0, 3.0, 'whir', -16.0),
    (103.1, 0.8, 'thump', -6.0),
)


def scene_at(second: float) -> SceneState:
    """Return what the camera sees."""
    return next(state for start, state in reversed(SCENES) if start <= second)
