# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rooms with a talking robot, people and noises, drawn at random, with what is true in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.barge_in_simulation.acoustic_path import EchoPath, PathConfig, room_response
from minicpmo_ros.sound_device.near_end_detector import FRAME_SAMPLES
from training.nano.sound import colored_noise, convolve
from training.nano.voice import NORMAL_RMS, SAMPLE_RATE
from training.near_end.sounds import Sounds, noise

SECONDS = 12.0
SAMPLES = int(SECONDS * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES
FRAMES = SAMPLES // FRAME_SAMPLES
BLOCK = 160
RAMP_SAMPLES = 64
# Speech re its normal level [dB]: what is surely speech, and what may pass for either.
SURE_LEVEL, UNSURE_LEVEL = -20.0, -32.0
LONGEST_GAP = 6  # frames inside speech that count as speech
RINGING = 3  # frames after speech that may pass for either
DISTANT_BOUND = -8.0  # quieter people than that may pass for either [dB]


@dataclass(frozen=True)
class Scene:
    """Twelve seconds.

    microphone, rendered, room: float32 [SAMPLES]; the room is the microphone without the echo.
    speech: float32 [FRAMES], 1 where a person near the robot speaks.
    certain: float32 [FRAMES], 0 where it may pass for either.
    """

    microphone: np.ndarray
    rendered: np.ndarray
    room: np.ndarray
    speech: np.ndarray
    certain: np.ndarray


@dataclass
class _Drawing:
    """A scene while it is drawn; ``near`` and ``far`` are dry speech by distance."""

    random: np.random.Generator
    decay: float
    room: np.ndarray
    near: np.ndarray
    far: np.ndarray

    def place(self, dry: np.ndarray, begin: float, level: float, direct: float) -> None:
        """Let a sound be heard from a time on [s]."""
        wet = convolve(dry, room_response(self.random, self.decay, direct))
        _add(self.room, wet * np.float32(10 ** (level / 20)), begin)

    def say(self, dry: np.ndarray, begin: float, level: float, direct: float) -> None:
        """Let a person speak from a time on [s]."""
        self.place(dry, begin, level, direct)
        _add(self.near if level > DISTANT_BOUND else self.far, dry, begin)


def _add(track: np.ndarray, clip: np.ndarray, begin: float) -> None:
    space = track[int(begin * SAMPLE_RATE) :][: clip.size]
    space += clip[: space.size]


def _one_of(random: np.random.Generator, clips: list[np.ndarray]) -> np.ndarray:
    return clips[int(random.integers(len(clips)))]


def draw_scene(random: np.random.Generator, sounds: Sounds) -> Scene:
    """Return a random scene; the robot talks most of the time, people now and then."""
    tracks = np.zeros((3, SAMPLES), np.float32)
    drawing = _Drawing(random, random.uniform(0.15, 0.6), *tracks)
    drawing.room += colored_noise(random, SAMPLES, random.uniform(0.0, 2.0)) * np.float32(
        10 ** (random.uniform(-76.0, -52.0) / 20)
    )
    robot_begin = random.uniform(0.2, 3.0)
    if robot_begin > 1.5 and random.random() < 0.6:
        drawing.say(
            _one_of(random, sounds.people)[: int((robot_begin - 0.5) * 16000)], 0.0, 0.0, 9
        )
    spoken = _people(drawing, sounds, robot_begin)
    for _ in range(random.integers(0, 3)):
        level = random.uniform(-16.0, 6.0)
        drawing.place(noise(random), random.uniform(0.0, SECONDS), level, 3.0)
    rendered = _robot(random, sounds, robot_begin, spoken)
    microphone = np.clip(drawing.room + _echo(random, rendered, drawing.decay), -1.0, 1.0)
    speech, certain = _truth(drawing.near, drawing.far)
    return Scene(microphone, rendered, drawing.room, speech, certain)


def _people(drawing: _Drawing, sounds: Sounds, robot_begin: float) -> list[float]:
    """Let people speak; return when those near the robot begin [s]."""
    random, begins = drawing.random, []
    if random.random() < 0.15:  # television, or people farther away
        level, direct = random.uniform(-20.0, -10.0), random.uniform(-3.0, 2.0)
        for begin in np.arange(random.uniform(0.0, 6.0), random.uniform(6.0, SECONDS), 3.0):
            drawing.say(_one_of(random, sounds.people), begin, level, direct)
    begin = robot_begin + random.uniform(-0.3, 6.0)
    while random.random() < 0.8 and begin < SECONDS - 0.5:
        clips = sounds.short if random.random() < 0.2 else sounds.people
        clip, level = _one_of(random, clips), random.uniform(-6.0, 6.0)
        drawing.say(clip, max(begin, 0.0), level, random.uniform(3.0, 12.0))
        begins.append(begin)
        begin += clip.size / SAMPLE_RATE + random.uniform(0.5, 4.0)
    return begins


def _robot(
    random: np.random.Generator, sounds: Sounds, begin: float, spoken: list[float]
) -> np.ndarray:
    """Return what is handed to the loudspeaker: an answer with changes of volume and pauses."""
    rendered = np.zeros(SAMPLES, np.float32)
    clip = _one_of(random, sounds.robots)
    _add(rendered, np.concatenate([clip, np.zeros(4000, np.float32), clip]), begin)
    rendered *= np.float32(10 ** (random.uniform(-8.0, 4.0) / 20))
    if random.random() < 0.25:
        at = int((begin + random.uniform(0.5, 5.0)) * SAMPLE_RATE)
        rendered[at:] *= np.float32(10 ** (random.uniform(-6.0, 6.0) / 20))
    for time in spoken:
        if random.random() < 0.6:
            length = random.uniform(0.5, 2.5) if random.random() < 0.6 else SECONDS
            _pause(rendered, time + random.uniform(0.1, 1.2), length)
    if random.random() < 0.2:
        _pause(rendered, begin + random.uniform(0.5, 8.0), random.uniform(0.1, 1.5))
    return np.clip(rendered, -1.0, 1.0)


def _pause(rendered: np.ndarray, begin: float, length: float) -> None:
    """Silence the loudspeaker for some time [s], with ramps."""
    first = max(int(begin * SAMPLE_RATE), 0)
    span = rendered[first : first + int(length * SAMPLE_RATE)]
    ramp = np.ones(span.size, np.float32)
    fall = np.linspace(0.0, 1.0, RAMP_SAMPLES, dtype=np.float32)[: span.size]
    ramp[: fall.size] = fall
    span *= 1.0 - np.minimum(ramp, ramp[::-1])


def _echo(random: np.random.Generator, rendered: np.ndarray, decay: float) -> np.ndarray:
    """Return the echo of the loudspeaker, float32 [SAMPLES]."""
    silent = random.random() < 0.08
    delay = random.uniform(0.01, 0.12) if random.random() < 0.7 else random.uniform(0.01, 0.27)
    config = PathConfig(
        level=-90.0 if silent else random.uniform(-16.0, 14.0),
        delay=delay,
        drift=random.uniform(-120.0, 120.0),
        clipping=float(random.choice([0.0, random.uniform(0.0, 1.0), random.uniform(1.0, 2.5)])),
    )
    path = EchoPath(config, room_response(random, decay, random.uniform(1.0, 10.0)), BLOCK)
    blocks = [path.process(rendered[at : at + BLOCK]) for at in range(0, SAMPLES, BLOCK)]
    return np.concatenate([np.zeros(BLOCK, np.float32), *blocks])[:SAMPLES]


def _levels(track: np.ndarray) -> np.ndarray:
    """Return the level of each frame re normal speech [dB], [FRAMES]."""
    power = np.square(track.reshape(FRAMES, FRAME_SAMPLES)).mean(axis=1)
    return 10.0 * np.log10(power / NORMAL_RMS**2 + 1e-9)


def _truth(near: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``speech`` and ``certain`` of the scene."""
    level = _levels(near)
    speech = level > SURE_LEVEL
    edges = np.flatnonzero(speech)
    for first, second in zip(edges, edges[1:], strict=False):
        if second - first <= LONGEST_GAP:
            speech[first:second] = True
    unsure = (level > UNSURE_LEVEL) & ~speech
    for lag in range(1, RINGING + 1):
        unsure[lag:] |= speech[:-lag] & ~speech[lag:]
    unsure |= (_levels(far) > UNSURE_LEVEL) & ~speech
    return speech.astype(np.float32), 1.0 - unsure.astype(np.float32)
