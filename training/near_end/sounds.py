# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is heard in the rooms of the training; all voices are those that may train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.barge_in_simulation.material import USER_VOICES, cough, door
from training.nano import sound
from training.nano.voice import NORMAL_RMS, SAMPLE_RATE, Voice
from training.stop_phrase.phrase_text import requests, running
from training.stop_phrase.phrase_voice import LANGUAGES, VoiceSet, draw, speak

SHORT_TEXTS = (
    'Hm.', 'Aha.', 'Oh.', 'Well.', 'Ja.', 'Si.', 'Oui.', 'No.', 'Good.', 'Nice.', 'Really?',
    'Wow.', 'True.', 'Genau.', 'So?', 'Hey.', 'Hello?', 'What?', 'Please.', 'Thanks.',
)  # fmt: skip
STRETCH = (0.2, 6.0)  # length of a noise [s]
_TESTED = {voice.name for voice in USER_VOICES}


@dataclass(frozen=True)
class Sounds:
    """Float32 at 16 kHz, speech at -26 dBFS: people, short answers, robots that talk for long."""

    people: list[np.ndarray]
    short: list[np.ndarray]
    robots: list[np.ndarray]

    @staticmethod
    def make(random: np.random.Generator, scale: float = 1.0) -> Sounds:
        """Synthesize; ``scale`` multiplies the number of clips."""
        count = max(round(60 * scale), 2)
        orders = requests()
        people = [_spoken(random, orders) for _ in range(3 * count)]
        short = [(_voice(random, 'en'), str(random.choice(SHORT_TEXTS))) for _ in range(count)]
        robots = [
            (draw(random, 'en', VoiceSet.TRAINING), ' '.join(running(random, 'en') for _ in '123'))
            for _ in range(count)
        ]
        return Sounds(speak(people), speak(short), speak(robots))


def _voice(random: np.random.Generator, language: str) -> Voice:
    """Return a training voice that the benchmark does not know as a user either."""
    while True:
        voice = draw(random, language, VoiceSet.TRAINING)
        if voice.name not in _TESTED:
            return voice


def _spoken(random: np.random.Generator, orders: list[str]) -> tuple[Voice, str]:
    language = 'en' if random.random() < 0.6 else str(random.choice(LANGUAGES))
    is_order = language == 'en' and random.random() < 0.5
    text = str(random.choice(orders)) if is_order else running(random, language)
    return _voice(random, language), text


def noise(random: np.random.Generator) -> np.ndarray:
    """Return any sound that is no speech, about as loud as speech, float32."""
    kind = str(random.choice(['cough', 'door', *sound.SOUNDS]))
    if kind == 'cough':
        return cough(random)
    samples = int(random.uniform(*STRETCH) * SAMPLE_RATE)
    make = door if kind == 'door' else sound.SOUNDS[kind]
    return (make(random, max(samples, SAMPLE_RATE)) * NORMAL_RMS).astype(np.float32)
