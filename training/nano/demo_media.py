# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the demo recording and its description to media/; the same bytes of sound every time.

Run as ``python -m training.nano.demo_media``. Voices, wordings and the room are held out from
training; the robot itself is not in the recording.
"""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
import json
from pathlib import Path

import av
import numpy as np

from training.nano.audio_window import fade, mix
from training.nano.demo_scene import LAYOUT_SEED, LINES, NOISES, SCENES, SECONDS, scene_at
from training.nano.layout import random_layout
from training.nano.oracle import Oracle
from training.nano.renderer import render
from training.nano.request import INTENTS
from training.nano.scene import SceneState
from training.nano.sound import SOUNDS, convolve, room_response, scale_to_level
from training.nano.speaker import hear
from training.nano.timeline import SoundEvent
from training.nano.voice import SAMPLE_RATE, synthesize
from training.nano.watch import FALL_ALERT, WATCHES, Memory

FRAMES_PER_SECOND = 5
SIZE = (640, 480)
NAME = 'home_monitor'
_FLOOR_LEVEL = -42.0
_LATEST_UNITS = 3  # the robot should have begun to speak so many units after it could


def record_sound() -> tuple[np.ndarray, list[SoundEvent]]:
    """Return float32 [samples] at 16 kHz and what is audible in it."""
    rng = np.random.default_rng(8)
    sound = scale_to_level(rng.standard_normal(SECONDS * SAMPLE_RATE), _FLOOR_LEVEL)
    echo = room_response(np.random.default_rng(5))
    events = []
    for line in LINES:
        voice = synthesize(line.voice, line.text).astype(np.float32) / 32768
        events.append(
            SoundEvent(
                line.kind,
                line.start,
                len(voice) / SAMPLE_RATE,
                level=line.level,
                text=line.text,
                intent=line.intent,
            )
        )
        gain = 10 ** (line.level / 20)
        mix(sound, convolve(voice, echo) * gain, round(line.start * SAMPLE_RATE))
    for start, seconds, name, level in NOISES:
        noise = fade(scale_to_level(SOUNDS[name](rng, round(seconds * SAMPLE_RATE)), level))
        mix(sound, noise, round(start * SAMPLE_RATE))
        events.append(SoundEvent('music' if name == 'music' else 'noise', start, seconds))
    return np.clip(sound, -1, 1), sorted(events, key=lambda event: event.start)


def expected_turns(events: list[SoundEvent]) -> list[dict[str, object]]:
    """Return what a robot should say: reason, earliest and latest begin [s], text."""
    oracle, since, turns = Oracle(), None, []
    for unit in range(SECONDS):
        scene, memory = scene_at(unit), oracle.memory
        was_open = oracle.turn_open
        action = oracle.step(scene, hear(events, unit, since if was_open else None))
        if action.yielded:
            turns[-1]['interrupted_at'] = unit + 1
        if action.text and not was_open:
            turns.append(_turn(unit, action.reason, scene, memory))
            since = unit + 1.0
        since = since if oracle.turn_open else None
    return turns


def _turn(unit: int, reason: str, scene: SceneState, memory: Memory) -> dict[str, object]:
    if reason in INTENTS:
        text = INTENTS[reason].answer(scene, memory)
    else:
        text = WATCHES[reason].reminder if reason in WATCHES else FALL_ALERT
    return {'reason': reason, 'from': unit + 1, 'to': unit + 1 + _LATEST_UNITS, 'text': text}


def write_video(path: Path, sound: np.ndarray) -> None:
    """Write MP4 with H.264 pictures and mono AAC sound."""
    with av.open(str(path), 'w') as container:
        video = container.add_stream('libx264', rate=FRAMES_PER_SECOND)
        video.width, video.height = SIZE
        video.pix_fmt = 'yuv420p'
        video.options = {'crf': '27', 'preset': 'medium', 'threads': '1'}
        audio = container.add_stream('aac', rate=SAMPLE_RATE, layout='mono')
        audio.bit_rate = 64000
        _encode_pictures(container, video)
        frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), 'fltp', 'mono')
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
        for packet in (*audio.encode(frame), *audio.encode(None)):
            container.mux(packet)


def _encode_pictures(container: av.container.OutputContainer, stream: av.VideoStream) -> None:
    layout = random_layout(LAYOUT_SEED)
    for index in range(SECONDS * FRAMES_PER_SECOND):
        state = scene_at(index / FRAMES_PER_SECOND)
        picture = render(layout, state, np.random.default_rng(index), SIZE)
        frame = av.VideoFrame.from_ndarray(picture, 'rgb24')
        frame.pts = index
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode(None):
        container.mux(packet)


def write_description(path: Path, events: list[SoundEvent]) -> None:
    """Write what is in the recording as JSON: sounds, scenes, and what a robot should say."""
    sounds = [
        {'kind': e.kind, 'start': round(e.start, 3), 'end': round(e.end, 3), 'text': e.text,
         'request': e.intent}
        for e in events
    ]  # fmt: skip
    scenes = [{'from': start, **asdict(state)} for start, state in SCENES]
    description = {
        'recording': f'{NAME}.mp4',
        'seconds': SECONDS,
        'sounds': sounds,
        'scenes': scenes,
        'robot': expected_turns(events),
    }
    path.write_text(json.dumps(description, indent=1) + '\n')


def write_media(folder: Path) -> None:
    """Write the recording and its description."""
    folder.mkdir(parents=True, exist_ok=True)
    sound, events = record_sound()
    write_description(folder / f'{NAME}.json', events)
    write_video(folder / f'{NAME}.mp4', sound)


if __name__ == '__main__':
    write_media(Path(__file__).parents[2] / 'media')
