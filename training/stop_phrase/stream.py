# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Running speech as a microphone hears it, and what the robot makes of it moment by moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minicpmo_ros.sound_device.speech_detector import FRAME_SAMPLES, SpeechDetector
from minicpmo_ros.stop_phrase.log_mel import HOP, SAMPLE_RATE, WINDOW, log_mel
from minicpmo_ros.stop_phrase.network import FRAMES, normalized
from minicpmo_ros.stop_phrase.spotter import LOOK_FRAMES, LOOKS, NEEDED
from minicpmo_ros.stop_phrase.voice_gate import VoiceGate
from training.stop_phrase.phrase_data import Sounds, background, in_a_room

# Silence between one utterance and the next [s]: a breath, or somebody else takes the turn.
PAUSES = (0.15, 1.0)
NOISE_SECONDS = (4.0, 10.0)
# Silence before and after a phrase that stands alone [s].
LEAD, TAIL = 1.5, 1.0
CHUNK = 256

Probabilities = Callable[[np.ndarray], np.ndarray]
"""Of the phrases, float32 [n, phrases], for normalised windows, float32 [n, 130, 40]."""


def running_stream(
    random: np.random.Generator, sounds: Sounds, clips: list[np.ndarray], minutes: float
) -> np.ndarray:
    """Return utterances by changing voices and places, with pauses and noise, float32 [n]."""
    parts: list[np.ndarray] = []
    order: list[int] = []
    samples = 0
    while samples < minutes * 60.0 * SAMPLE_RATE:
        order = order or list(random.permutation(len(clips)))
        parts.append(in_a_room(random, clips[order.pop()]).astype(np.float32))
        parts.append(np.zeros(int(random.uniform(*PAUSES) * SAMPLE_RATE), np.float32))
        samples += parts[-2].size + parts[-1].size
    stream = np.concatenate(parts)
    return stream + noise(random, sounds, stream.size)


def phrase_stream(random: np.random.Generator, sounds: Sounds, clip: np.ndarray) -> np.ndarray:
    """Return a phrase that stands alone, with noise, float32 [n]."""
    wet = in_a_room(random, clip)
    stream = np.zeros(int((LEAD + TAIL) * SAMPLE_RATE) + wet.size, np.float32)
    stream[int(LEAD * SAMPLE_RATE) :][: wet.size] = wet
    return stream + noise(random, sounds, stream.size)


def noise(random: np.random.Generator, sounds: Sounds, samples: int) -> np.ndarray:
    """Return noise whose kind and level change now and then, float32 [samples]."""
    parts: list[np.ndarray] = []
    while samples > 0:
        size = min(int(random.uniform(*NOISE_SECONDS) * SAMPLE_RATE), samples)
        parts.append(background(random, sounds, size))
        samples -= size
    return np.concatenate(parts)


@dataclass(frozen=True)
class Looks:
    """What the spotter sees in a stream, look by look.

    frames: log-mel of the stream, float32 [frames, 40]. ends: frame behind the window of each
    look, int [looks]. admitted: whether the gate takes a phrase for spoken, bool [looks].
    """

    frames: np.ndarray
    ends: np.ndarray
    admitted: np.ndarray

    @staticmethod
    def of(stream: np.ndarray) -> Looks:
        """Look at float32 samples [n]."""
        frames = log_mel(stream)
        ends = np.arange(FRAMES, len(frames) + 1, LOOK_FRAMES)
        times = ((ends - 1) * HOP + WINDOW) / SAMPLE_RATE
        return Looks(frames, ends, _admitted(stream, times))

    @property
    def hours(self) -> float:
        """Return the length of the stream [h]."""
        return len(self.frames) * HOP / SAMPLE_RATE / 3600.0

    def windows(self, which: np.ndarray) -> np.ndarray:
        """Return the normalised windows of some looks, float32 [n, 130, 40]."""
        return np.stack([normalized(self.frames[end - FRAMES : end]) for end in self.ends[which]])

    def probabilities(self, network: Probabilities) -> np.ndarray:
        """Return what the network says in every look, float32 [looks, phrases]."""
        places = np.arange(len(self.ends))
        parts = [places[begin : begin + CHUNK] for begin in range(0, len(places), CHUNK)]
        return np.concatenate([network(self.windows(part)) for part in parts])

    def agreed(self, network: Probabilities) -> np.ndarray:
        """Return what enough of the last looks reach where the gate admits it, else 0."""
        values = self.probabilities(network)
        padded = np.concatenate([np.zeros((LOOKS - 1, values.shape[1]), np.float32), values])
        recent = np.stack([padded[at : at + len(values)] for at in range(LOOKS)])
        return np.sort(recent, axis=0)[-NEEDED] * self.admitted[:, None]


def _admitted(stream: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return what the gate says at ascending times [s], bool [n]."""
    detector, gate = SpeechDetector(), VoiceGate()
    audio = (np.clip(stream, -1.0, 1.0) * 32767).astype(np.int16)
    result = np.zeros(len(times), bool)
    place = 0
    for begin in range(0, audio.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        end = (begin + FRAME_SAMPLES) / SAMPLE_RATE
        detection = detector.process(begin, audio[begin : begin + FRAME_SAMPLES])
        gate.update(detection.probability, end)
        while place < len(times) and times[place] <= end:
            result[place] = gate.admits(end)
            place += 1
    return result
