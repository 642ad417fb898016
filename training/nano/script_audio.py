# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the microphone hears of a scripted conversation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.nano.audio_window import SoundBank, fade, mix
from training.nano.sound import convolve, residual_echo, room_response, scale_to_level
from training.nano.timeline import Script, SoundEvent
from training.nano.utterance import UtterancePool
from training.nano.voice import SAMPLE_RATE, Voice, draw_voice, synthesize_many

ROBOT_VOICE = Voice('espeak', 'en', 175 / 165, 50)
_NOISES = ('hum', 'fan', 'white', 'pink', 'brown', 'band')
_MUSIC = ('music',)


@dataclass
class Room:
    """What stays the same during one script: echo, microphone noise, the robot's voice."""

    responses: list[np.ndarray]
    noise_level: float
    robot_voice: Voice

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Room:
        """Return a random room."""
        responses = [room_response(rng) for _ in range(3)] if rng.random() < 0.8 else []
        voice = ROBOT_VOICE if rng.random() < 0.7 else draw_voice(rng, held_out=False)
        return cls(responses, float(rng.uniform(-60, -32)), voice)


@dataclass
class ScriptAudio:
    """Renders scripts; keeps the pool, the noises and the robot's sentences."""

    pool: UtterancePool
    bank: SoundBank
    _robot: dict[tuple[Voice, str], np.ndarray] = field(default_factory=dict)

    def render(self, rng: np.random.Generator, script: Script) -> np.ndarray:
        """Return float32 [units * 16000] at 16 kHz."""
        room = Room.draw(rng)
        self._prepare(room.robot_voice, [e.text for e in script.sounds if e.kind == 'own_voice'])
        samples = len(script.units) * SAMPLE_RATE
        audio = scale_to_level(rng.standard_normal(samples), room.noise_level)
        for event in script.sounds:
            sound = self.sound(rng, room, event) * np.float32(10 ** (event.level / 20))
            mix(audio, sound, round(event.start * SAMPLE_RATE))
        return np.clip(audio, -1, 1)

    def sound(self, rng: np.random.Generator, room: Room, event: SoundEvent) -> np.ndarray:
        """Return the sound of an event at level 0."""
        if event.kind == 'own_voice':
            return residual_echo(rng, self._robot_speech(room.robot_voice, event.text))
        if event.utterance < 0:
            return self._made_by_code(rng, event)
        sound = self.pool.audio(event.utterance).astype(np.float32) / 32768
        if event.kind == 'television':
            return residual_echo(rng, sound)
        if room.responses:
            return convolve(sound, room.responses[int(rng.integers(len(room.responses)))])
        return sound

    def _made_by_code(self, rng: np.random.Generator, event: SoundEvent) -> np.ndarray:
        kinds = {'noise': _NOISES, 'music': _MUSIC}
        others = tuple(n for n in self.bank.names if n not in _NOISES + _MUSIC)
        name = str(rng.choice(kinds.get(event.kind, others)))
        sound = self.bank.cut(rng, name, max(1, round(event.seconds * SAMPLE_RATE)))
        return fade(scale_to_level(sound, 0.0))

    def _robot_speech(self, voice: Voice, text: str) -> np.ndarray:
        self._prepare(voice, [text])
        return self._robot[voice, text]

    def _prepare(self, voice: Voice, texts: list[str]) -> None:
        """Speak what the robot has not said yet, all of it in one process."""
        jobs = [(voice, text) for text in dict.fromkeys(texts) if (voice, text) not in self._robot]
        if jobs:
            spoken = synthesize_many([(voice, text.strip()) for voice, text in jobs])
            self._robot.update(
                (job, sound.astype(np.float32) / 32768)
                for job, sound in zip(jobs, spoken, strict=True)
            )
