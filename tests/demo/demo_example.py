# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small observation for tests of what is made from it."""

import io

import numpy as np
from PIL import Image

from minicpmo_ros.demo.observation import (
    Caption,
    EventSeen,
    InterruptionSeen,
    Observation,
    PlaybackSeen,
    SpeechSeen,
    Stage,
    UnitSeen,
)

RATE = 24000


def spoken(turn_id, time, seconds, text, proactive=False, offset=0.0):
    tone = (8000 * np.sin(np.arange(int(RATE * seconds)) / 10)).astype(np.int16)
    return SpeechSeen(time, turn_id, 1, offset, RATE, tone, text, proactive, True)


def played(turn_id, begin, seconds, paused_at=None):
    """Reports every 0.1 s from ``begin``; held for one second at ``paused_at``."""
    reports = []
    for step in range(round(seconds * 10) + 1):
        position = step / 10
        late = 1.0 if paused_at is not None and position > paused_at else 0.0
        playing = step < round(seconds * 10)
        reports.append(PlaybackSeen(begin + position + late, turn_id, 1, playing, False, position))
        if position == paused_at:
            reports.append(PlaybackSeen(begin + position + 0.02, turn_id, 1, True, True, position))
    return reports


def jpeg(colour):
    buffer = io.BytesIO()
    Image.new('RGB', (64, 48), colour).save(buffer, 'jpeg')
    return buffer.getvalue()


def example() -> Observation:
    seen = Observation(title='example', model='scripted')
    for index in range(40):
        speaks = index in (6, 7, 33)
        stages = {'prefill': 0.05, 'decode': 0.01}
        seen.units.append(
            UnitSeen(index, index, index + 1.0, speaks, False, False, 0, stages, 0.06, 1, 0)
        )
        noise = np.full(16000, 2000 if index == 4 else 0, np.int16)
        seen.microphone.append((float(index), noise))
        seen.pictures.append((index + 0.5, jpeg((200, index, 0))))
    seen.captions = [Caption(4.0, 5.0, 'Hello & welcome.'), Caption(20.0, 25.0, '', 'music')]
    seen.user_speech = [(4.0, 5.0)]
    seen.speech = [spoken(1, 7.0, 2.0, 'Hello.'), spoken(2, 34.0, 1.0, 'It boils!', True)]
    seen.playback = [*played(1, 7.1, 2.0, paused_at=1.0), *played(2, 34.1, 1.0)]
    seen.interruptions = [
        InterruptionSeen(8.1, Stage.PAUSE, 'somebody speaks', 1, 1.0, ''),
        InterruptionSeen(9.1, Stage.RESUME, 'somebody speaks', 1, 1.0, ''),
        InterruptionSeen(34.9, Stage.CONFIRM, 'somebody speaks', 2, 0.8, ''),
    ]
    seen.events = [EventSeen(34.0, 'a', 'opened', 'spoke_unasked', 1, 'model', 'It boils!', 2)]
    return seen
