# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who says it: three disjoint sets of voices, and all of it synthesized."""

from __future__ import annotations

from collections.abc import Callable
import enum

import numpy as np

from training.nano.voice import Voice, draw_voice, synthesize_many
from training.stop_phrase.phrase_text import LOOK_ALIKES, PHRASES, near_miss, requests, running

LANGUAGES = ('en', 'de', 'es', 'fr')
_TRAINING = (
    '', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'f1', 'f2', 'f3', 'Alex', 'Alicia', 'Andrea', 'Annie',
    'antonio', 'aunty', 'belinda', 'benjamin', 'boris', 'caleb', 'david', 'Denis', 'Gene', 'Lee',
    'Henrique', 'max', 'Michel', 'pablo', 'pedro', 'quincy', 'rob', 'shelby', 'steph', 'victor',
    'grandma', 'grandpa',
)  # fmt: skip
_DEVELOPMENT = (
    'm8', 'f5', 'Hugo', 'Jacky', 'linda', 'travis', 'Michael', 'norbert', 'klatt6', 'iven3',
    'Mario', 'sandro',
)  # fmt: skip
# Of another synthesizer, so that the thresholds suit more than espeak.
_DEVELOPMENT_FLITE = 'awb'
_HELD_OUT = ('m7', 'f4', 'anika', 'robert', 'Marco', 'edward', 'steph2')


class VoiceSet(enum.Enum):
    """Voices that train, choose the thresholds, and measure."""

    TRAINING = 'training'
    DEVELOPMENT = 'development'
    HELD_OUT = 'held out'


def draw(random: np.random.Generator, language: str, voices: VoiceSet) -> Voice:
    """Return a voice of a language from one of the disjoint sets."""
    if language == 'en' and voices is not VoiceSet.DEVELOPMENT:
        while True:
            voice = draw_voice(random, voices is VoiceSet.HELD_OUT)
            if voice.name.split('+')[-1] not in (*_DEVELOPMENT, _DEVELOPMENT_FLITE):
                return voice
    if language == 'en' and random.random() < 0.4:
        return _flite(random)
    names = {
        VoiceSet.TRAINING: _TRAINING,
        VoiceSet.DEVELOPMENT: _DEVELOPMENT,
        VoiceSet.HELD_OUT: _HELD_OUT,
    }
    variant = str(random.choice(names[voices]))
    if language == 'en':
        language = str(random.choice(['en', 'en-us', 'en-gb-x-rp', 'en-gb-x-gbcwmd']))
    return _espeak(random, f'{language}+{variant}' if variant else language)


def _flite(random: np.random.Generator) -> Voice:
    rate, resampling = np.exp(random.uniform(-0.16, 0.22)), np.exp(random.uniform(-0.13, 0.13))
    pitch = int(random.integers(85, 220))
    return Voice('flite', _DEVELOPMENT_FLITE, float(rate), pitch, float(resampling))


def _espeak(random: np.random.Generator, name: str) -> Voice:
    rate = float(np.exp(random.uniform(np.log(0.85), np.log(1.25))))
    pitch, resampling = int(random.integers(25, 76)), float(np.exp(random.uniform(-0.13, 0.13)))
    return Voice('espeak', name, rate, pitch, resampling)


def speak(jobs: list[tuple[Voice, str]]) -> list[np.ndarray]:
    """Return float32 [n] at 16 kHz in [-1, 1], one by one."""
    return [clip.astype(np.float32) / np.float32(32768.0) for clip in synthesize_many(jobs)]


def phrases(
    random: np.random.Generator, count: int, voices: VoiceSet
) -> list[tuple[int, np.ndarray]]:
    """Return (class, float32 samples) of every phrase by so many voices.

    Outside of training each phrase is said as its first and plainest text.
    """
    jobs, labels = [], []
    for number, ways in enumerate(PHRASES.values()):
        chosen = ways if voices is VoiceSet.TRAINING else ways[:1]
        # Short phrases that are said in several languages take more examples.
        for turn in range(count * len(chosen) // 2 if len(chosen) > 2 else count):
            language, text = chosen[turn % len(chosen)]
            jobs.append((draw(random, language, voices), text))
            labels.append(number + 1)
    return list(zip(labels, speak(jobs), strict=True))


def look_alikes(
    random: np.random.Generator,
    count: int,
    voices: VoiceSet,
    texts: dict[str, tuple[str, ...]] = LOOK_ALIKES,
) -> list[np.ndarray]:
    """Return every text by so many voices, float32."""
    jobs = [
        (draw(random, language, voices), line)
        for language, lines in texts.items()
        for line in lines
        for _ in range(count)
    ]
    return speak(jobs)


def near_misses(random: np.random.Generator, count: int, voices: VoiceSet) -> list[np.ndarray]:
    """Return nonsense words close to "stop", which only espeak can say, float32."""
    jobs = []
    while len(jobs) < count:
        voice = draw(random, 'en', voices)
        if voice.engine == 'espeak':
            jobs.append((voice, near_miss(random)))
    return speak(jobs)


def running_speech(
    random: np.random.Generator,
    count: int,
    voices: VoiceSet,
    say: Callable[[np.random.Generator, str], str] = running,
) -> list[np.ndarray]:
    """Return so many random sentences and requests to the robot, mostly English, float32.

    :param say: makes up the text of a language, by default one sentence.
    """
    orders, jobs = requests(), []
    for number in range(count):
        language = 'en' if number % 2 else str(random.choice(LANGUAGES))
        is_order = language == 'en' and random.random() < 0.25
        text = str(random.choice(orders)) if is_order else say(random, language)
        jobs.append((draw(random, language, voices), text))
    return speak(jobs)
