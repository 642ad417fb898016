# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the threshold of every stop phrase on voices that neither train nor measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicpmo_ros.stop_phrase.log_mel import HOP, SAMPLE_RATE
from minicpmo_ros.stop_phrase.spotter import LOOK_FRAMES, REFRACTORY_SECONDS
from training.stop_phrase.phrase_data import Sounds
from training.stop_phrase.phrase_text import PHRASES
from training.stop_phrase.phrase_voice import VoiceSet
from training.stop_phrase.stream import Looks, Probabilities, phrase_stream, running_stream

THRESHOLDS = (
    *(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97),
    *(0.975, 0.98, 0.985, 0.99),
)
# What a false alarm an hour costs, in missed phrases: in running speech, of which four utterances
# in ten are as short as a phrase, far more than people say, and in look-alikes.
RUNNING_COST, LOOK_ALIKE_COST = 0.01, 0.0005
STREAM_MINUTES, RUNNING_STREAMS, LOOK_ALIKE_STREAMS = 10.0, 4, 2


@dataclass(frozen=True)
class Scenes:
    """Development voices: a phrase each with its class, running speech, and look-alikes."""

    phrases: list[tuple[int, Looks]]
    running: list[Looks]
    look_alikes: list[Looks]

    @staticmethod
    def make(seed: int) -> Scenes:
        """Synthesize them and let the speech detector listen."""
        sounds = Sounds.make(np.random.default_rng([seed, 1]), VoiceSet.DEVELOPMENT)
        return Scenes.of(np.random.default_rng([seed, 3]), sounds)

    @staticmethod
    def of(random: np.random.Generator, sounds: Sounds) -> Scenes:
        """Put the sounds into rooms and streams."""

        def streams(clips: list[np.ndarray], count: int) -> list[Looks]:
            return [
                Looks.of(running_stream(random, sounds, clips, STREAM_MINUTES))
                for _ in range(count)
            ]

        return Scenes(
            [(label, Looks.of(phrase_stream(random, sounds, c))) for label, c in sounds.phrases],
            streams(sounds.running + sounds.short, RUNNING_STREAMS),
            streams(sounds.look_alikes + sounds.short, LOOK_ALIKE_STREAMS),
        )


def alarms(agreed: np.ndarray, threshold: float) -> int:
    """Return how often a phrase is heard in a stream, its looks float32 [looks]."""
    count, free_at = 0, 0
    refractory = REFRACTORY_SECONDS * SAMPLE_RATE / HOP / LOOK_FRAMES
    for place in np.flatnonzero(agreed >= threshold):
        if place >= free_at:
            count += 1
            free_at = place + refractory
    return count


def alarms_per_hour(streams: list[Looks], agreed: list[np.ndarray], threshold: float) -> float:
    """Return false alarms of one phrase in an hour; ``agreed`` are its looks in each stream."""
    return sum(alarms(a, threshold) for a in agreed) / sum(stream.hours for stream in streams)


def calibrate(
    seed: int, tensors: dict, network: Probabilities, scenes: Scenes | None = None
) -> dict[str, dict[str, float]]:
    """Move the output biases so that 0.5 is the right threshold of every phrase.

    :param tensors: the weights as tensors of torch; ``output.bias`` is changed in place.
    :return: what the development voices gave at the chosen thresholds, by phrase.
    """
    scenes = scenes or Scenes.make(seed)
    spoken = np.array([looks.agreed(network).max(axis=0) for _, looks in scenes.phrases])
    labels = np.array([label for label, _ in scenes.phrases])
    running = [looks.agreed(network) for looks in scenes.running]
    alike = [looks.agreed(network) for looks in scenes.look_alikes]
    record = {}
    for index, name in enumerate(PHRASES):
        best = None
        for threshold in THRESHOLDS:
            missed = float((spoken[labels == index + 1, index] < threshold).mean())
            in_running, in_alike = (
                alarms_per_hour(streams, [values[:, index] for values in agreed], threshold)
                for streams, agreed in ((scenes.running, running), (scenes.look_alikes, alike))
            )
            cost = missed + RUNNING_COST * in_running + LOOK_ALIKE_COST * in_alike
            if best is None or cost < best[0]:
                row = {'threshold': threshold, 'hits': round(1.0 - missed, 3)}
                row['alarms per hour of speech'] = round(in_running, 2)
                row['alarms per hour of look-alikes'] = round(in_alike, 1)
                best = (cost, row)
        record[name] = best[1]
        threshold = best[1]['threshold']
        tensors['output.bias'][index + 1] -= float(np.log(threshold / (1.0 - threshold)))
        print(f'{name}: {best[1]}', flush=True)
    return record
