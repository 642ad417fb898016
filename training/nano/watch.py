# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What can be watched for, what is agreed so far, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.nano.scene import SceneState

CANCELLED = 'Okay, I stop watching.'
FALL_ALERT = 'Alert, someone has fallen!'
NO_REMINDER = 'I have no reminder.'


@dataclass(frozen=True)
class Watch:
    """Something that can be watched for.

    event: how it is named in the confirmation "I will tell you when ...".
    reminder: what is said unasked when it happens; this closes the watch.
    already: the answer when it is true at the time of the request; no watch is opened.
    happens: whether it is true in a scene.
    """

    name: str
    event: str
    reminder: str
    already: str
    happens: Callable[[SceneState], bool]

    @property
    def confirmation(self) -> str:
        """Return the sentence that opens the watch and keeps it alive as text."""
        return f'I will tell you when {self.event}.'


WATCHES = {
    watch.name: watch
    for watch in (
        Watch(
            'pot_boils',
            'the pot boils',
            'The pot is boiling now.',
            'The pot boils already.',
            lambda scene: scene.pot == 'boiling',
        ),
        Watch(
            'person_comes',
            'someone comes in',
            'Someone came in.',
            'Someone is here already.',
            lambda scene: len(scene.people) > 0,
        ),
        Watch(
            'door_opens',
            'the door opens',
            'The door opened.',
            'The door is open already.',
            lambda scene: scene.door == 'open',
        ),
        Watch(
            'door_closes',
            'the door closes',
            'The door closed.',
            'The door is closed already.',
            lambda scene: scene.door == 'closed',
        ),
        Watch(
            'parcel_comes',
            'a parcel comes',
            'A parcel came.',
            'A parcel is here already.',
            lambda scene: scene.parcel,
        ),
        Watch(
            'lamp_off',
            'the lamp goes off',
            'The lamp went off.',
            'The lamp is off already.',
            lambda scene: not scene.lamp,
        ),
    )
}


@dataclass
class Memory:
    """What has been agreed in the conversation so far.

    watches: names of open watches, oldest first.
    last_reminder: the last reminder spoken, '' when there was none.
    """

    watches: tuple[str, ...] = ()
    last_reminder: str = ''
