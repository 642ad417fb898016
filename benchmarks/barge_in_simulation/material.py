# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said and heard in the simulated room: voices of three engines, noises by code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.nano import sound
from training.nano.voice import NORMAL_RMS, SAMPLE_RATE, Voice, synthesize_many

# Nobody speaks with the voice of the robot, so that a detector cannot learn the difference.
ROBOT_VOICES = (
    Voice('espeak', 'en+f2', 1.0, 50),
    Voice('espeak', 'en-us+m3', 1.05, 45),
    Voice('espeak', 'en-gb-x-rp+Annie', 1.0, 50),
    Voice('flite', 'slt'),
    Voice('flite', 'awb', 1.0, 0, 1.05),
    Voice('flite', 'kal16', 1.0, 140),
    Voice('festival', 'voice_cmu_us_slt_arctic_hts', 1.0, 0, 0.95),
    Voice('festival', 'voice_kal_diphone', 1.05),
)
USER_VOICES = (
    Voice('espeak', 'en+m7', 1.0, 40),
    Voice('espeak', 'en-us+f4', 1.1, 60),
    Voice('espeak', 'en-gb-scotland+anika', 1.0, 55),
    Voice('espeak', 'en+robert', 0.95, 35),
    Voice('espeak', 'en-us+Marco', 1.1, 50),
    Voice('espeak', 'en+edward', 1.0, 45),
    Voice('flite', 'rms'),
    Voice('flite', 'rms', 1.1, 180, 1.12),
    Voice('flite', 'kal', 1.0, 110),
    Voice('festival', 'voice_ked_diphone'),
    Voice('festival', 'voice_ked_diphone', 1.1, 0, 1.15),
)
CHINESE_VOICE = Voice('espeak', 'cmn', 1.0, 50)

ANSWERS = (
    'The kitchen is on the left, behind the second door. You will find the coffee in the upper'
    ' cupboard, beside the sink, and the cups are drying on the rack next to the window.',
    'Your appointment with the dentist is on Thursday at half past ten. I can remind you in the'
    ' morning, and I can also ask your neighbour whether she would drive you to the practice.',
    'It will rain in the afternoon, and the wind comes from the west. I would close the windows in'
    ' the bedroom before you leave, and take the umbrella that stands near the front door.',
    'There are three letters on the table. One of them is from the bank, one is an invitation to a'
    ' birthday, and the last one seems to be an advertisement for garden furniture.',
    'The medicine should be taken with a full glass of water after the meal. The next one is due'
    ' at six, and the bottle in the bathroom contains enough of it for about two more weeks.',
    'A small parcel came while you were asleep. The man put it on the bench beside the entrance,'
    ' and he asked me to tell you that he will bring the second one tomorrow before noon.',
)
INTERRUPTIONS = (
    'Wait a moment, that is not what I asked for.',
    'No, I mean the other kitchen, the one upstairs.',
    'Excuse me, can you tell me the time instead?',
    'Hold on, somebody is at the door right now.',
    'Actually I would rather hear about the weather.',
    'Please say that again, but a little slower.',
    'That is enough, thank you very much for the help.',
    'Hang on, what did you just say about Thursday?',
    'Sorry, could you turn on the light over there?',
    'Listen, I need to call my daughter first.',
)
QUESTIONS = (
    'Where do I find the coffee?',
    'What is new today?',
    'What did I forget?',
    'How does it look outside?',
)
BACKCHANNELS = ('Mm-hm.', 'Yes.', 'Uh-huh.', 'Okay.', 'Right.', 'Yeah.', 'I see.', 'Sure.')
CHINESE_BACKCHANNELS = ('嗯', '对')
BROADCAST = (
    'Good evening and welcome to the news. The government has announced today that the new railway'
    ' line between both cities will be finished two years later than planned. The minister said'
    ' that the reasons are rising prices and a lack of workers, and that there was no choice.',
    'In sports, the home team has won the final after a dramatic second half. More than forty'
    ' thousand people watched the match in the stadium, and the trainer praised above all the'
    ' young goalkeeper, who had to replace the injured captain at very short notice.',
)
CONVERSATION = (
    'Did you see my keys anywhere?',
    'I will be home around seven, do not wait for me.',
    'Have you already fed the cat this morning?',
    'Let us go shopping when the rain has stopped.',
)


@dataclass(frozen=True)
class Cast:
    """Who speaks in the trials and what they say; each trial takes one of each."""

    users: tuple[Voice, ...] = USER_VOICES
    robots: tuple[Voice, ...] = ROBOT_VOICES
    answers: tuple[str, ...] = ANSWERS
    interruptions: tuple[str, ...] = INTERRUPTIONS
    questions: tuple[str, ...] = QUESTIONS
    backchannels: tuple[str, ...] = BACKCHANNELS
    broadcast: tuple[str, ...] = BROADCAST
    conversation: tuple[str, ...] = CONVERSATION


BENCHMARK_CAST = Cast()


class Material:
    """Synthesises everything once; all sounds are float32 at 16 kHz with speech at -26 dBFS."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._speech: dict[tuple[Voice, str], np.ndarray] = {}

    def prepare(self, jobs: list[tuple[Voice, str]]) -> None:
        """Synthesise sentences in one go."""
        missing = sorted(set(jobs) - set(self._speech), key=repr)
        for job, samples in zip(missing, synthesize_many(missing), strict=True):
            self._speech[job] = samples.astype(np.float32) / 32768.0

    def speech(self, voice: Voice, text: str) -> np.ndarray:
        """Return a sentence; it begins at its first sample."""
        if (voice, text) not in self._speech:
            self.prepare([(voice, text)])
        return self._speech[voice, text]

    def noise(self, kind: str, seconds: float, random: np.random.Generator) -> np.ndarray:
        """Return a noise as loud as speech: cough, door, music, dishes."""
        count = int(seconds * SAMPLE_RATE)
        if kind == 'cough':
            return cough(random)
        make = {'door': door, 'music': sound.music, 'dishes': sound.clatter}[kind]
        return (make(random, count) * NORMAL_RMS).astype(np.float32)


def cough(random: np.random.Generator) -> np.ndarray:
    """Return one to three bursts of noise through the resonances of a throat, float32."""
    bursts = []
    for _ in range(random.integers(1, 4)):
        count = int(random.uniform(0.18, 0.35) * SAMPLE_RATE)
        time = np.arange(count) / SAMPLE_RATE
        burst = sound.band_noise(random, count, 300, 4500)
        for _ in range(2):
            tone = np.sin(2 * np.pi * random.uniform(400, 1800) * time)
            burst = burst + 0.5 * tone * sound.band_noise(random, count, 20, 200)
        bursts.append(burst * np.exp(-time * 12) * np.minimum(time * 200, 1.0))
        bursts.append(np.zeros(int(random.uniform(0.05, 0.2) * SAMPLE_RATE)))
    joined = np.concatenate(bursts)
    return (joined / np.abs(joined).max() * 0.3).astype(np.float32)


def door(random: np.random.Generator, count: int) -> np.ndarray:
    """Return one slam: a hard knock and a short rumble, RMS 1 over its first 0.3 s."""
    time = np.arange(count) / SAMPLE_RATE
    knock = sound.colored_noise(random, count, 0.5) * np.exp(-time * 60)
    rumble = sound.colored_noise(random, count, 2.0) * np.exp(-time * 12)
    slam = knock * 2.0 + rumble
    return (slam / np.sqrt(np.mean(slam[: int(0.3 * SAMPLE_RATE)] ** 2))).astype(np.float32)
