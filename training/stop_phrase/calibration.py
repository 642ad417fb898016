# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the threshold of every stop phrase on voices that neither train nor measure."""

from __future__ import annotations

import numpy as np

from minicpmo_ros.stop_phrase.log_mel import HOP, SAMPLE_RATE, log_mel
from minicpmo_ros.stop_phrase.network import FRAMES, StopPhraseNetwork
from minicpmo_ros.stop_phrase.spotter import LOOK_FRAMES
from training.stop_phrase.phrase_data import Sounds, background, in_a_room
from training.stop_phrase.phrase_text import PHRASES
from training.stop_phrase.phrase_voice import VoiceSet

THRESHOLDS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97)
# What a false alarm an hour costs, in missed phrases: in running speech, and in look-alikes.
RUNNING_COST, LOOK_ALIKE_COST = 0.02, 0.0005


def posteriors(network: StopPhraseNetwork, samples: np.ndarray) -> np.ndarray:
    """Return what two looks of three agree on, float32 [looks, phrases], for float32 samples."""
    frames = log_mel(samples)
    looks = np.array(
        [
            network.probabilities(frames[end - FRAMES : end])[1:]
            for end in range(FRAMES, len(frames) + 1, LOOK_FRAMES)
        ]
    )
    stacked = np.stack([looks[2:], looks[1:-1], looks[:-2]])
    return np.sort(stacked, axis=0)[1]


def _scene(random: np.random.Generator, sounds: Sounds, clip: np.ndarray) -> np.ndarray:
    """Return a clip in a room with noise, long enough for a look before and after it."""
    wet = in_a_room(random, clip)
    lead = (FRAMES * HOP) + SAMPLE_RATE // 4
    scene = np.zeros(lead + wet.size + SAMPLE_RATE // 2, np.float32)
    scene[lead : lead + wet.size] = wet
    noises = [
        background(random, sounds, SAMPLE_RATE) for _ in range(scene.size // SAMPLE_RATE + 1)
    ]
    return scene + np.concatenate(noises)[: scene.size]


def _highest(
    network: StopPhraseNetwork, random: np.random.Generator, sounds: Sounds, clips: list
) -> tuple[np.ndarray, float]:
    """Return the highest agreement in every clip, [clips, phrases], and their hours."""
    scenes = [_scene(random, sounds, clip) for clip in clips]
    hours = sum(scene.size for scene in scenes) / SAMPLE_RATE / 3600.0
    return np.array([posteriors(network, scene).max(axis=0) for scene in scenes]), hours


def calibrate(seed: int, tensors: dict, scale: float = 1.0) -> dict[str, dict[str, float]]:
    """Move the output biases so that 0.5 is the right threshold of every phrase.

    :param tensors: the weights as tensors of torch; ``output.bias`` is changed in place.
    :return: what the development voices gave at the chosen thresholds, by phrase.
    """
    random = np.random.default_rng([seed, 1])
    names = tuple(PHRASES)
    arrays = {name: value.numpy().astype(np.float32) for name, value in tensors.items()}
    network = StopPhraseNetwork(arrays, names)
    sounds = Sounds.make(random, VoiceSet.DEVELOPMENT, scale * 0.4)
    spoken, _ = _highest(network, random, sounds, [clip for _, clip in sounds.phrases])
    labels = np.array([label for label, _ in sounds.phrases])
    running, running_hours = _highest(network, random, sounds, sounds.running)
    alike, alike_hours = _highest(network, random, sounds, sounds.look_alikes)
    record = {}
    for index, name in enumerate(names):
        best = None
        for threshold in THRESHOLDS:
            missed = float((spoken[labels == index + 1, index] < threshold).mean())
            in_running = float((running[:, index] >= threshold).sum() / running_hours)
            in_alike = float((alike[:, index] >= threshold).sum() / alike_hours)
            cost = missed + RUNNING_COST * in_running + LOOK_ALIKE_COST * in_alike
            if best is None or cost < best[0]:
                row = {'threshold': threshold, 'hits': round(1.0 - missed, 3)}
                row['alarms per hour of speech'] = round(in_running, 2)
                row['alarms per hour of look-alikes'] = round(in_alike, 1)
                best = (cost, row)
        record[name] = best[1]
        threshold = best[1]['threshold']
        tensors['output.bias'][index + 1] -= float(np.log(threshold / (1.0 - threshold)))
    return record
