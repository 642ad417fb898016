# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Moments of running speech that a half-trained network takes for a phrase."""

from __future__ import annotations

import numpy as np

from training.stop_phrase.phrase_data import Sounds
from training.stop_phrase.stream import Looks, Probabilities, running_stream

STREAM_MINUTES = 10.0
# A look is hard when a phrase is that probable in it; where the gate would refuse it anyhow, it
# must be more so. A few of the others are kept, so that the easy ones are not forgotten.
HARD, HARD_REFUSED, EASY_SHARE = 0.05, 0.3, 0.01


def talk_streams(random: np.random.Generator, sounds: Sounds, count: int) -> list[Looks]:
    """Return so many streams of everything that is no phrase."""
    clips = sounds.running + sounds.short + sounds.look_alikes
    return [Looks.of(running_stream(random, sounds, clips, STREAM_MINUTES)) for _ in range(count)]


def hard_windows(
    random: np.random.Generator, streams: list[Looks], network: Probabilities
) -> np.ndarray:
    """Return normalised windows that hold no phrase, float16 [n, 130, 40]."""
    found = []
    for looks in streams:
        likely = looks.probabilities(network).max(axis=1)
        hard = likely >= np.where(looks.admitted, HARD, HARD_REFUSED)
        chosen = hard | (random.random(len(likely)) < EASY_SHARE)
        found.append(looks.windows(chosen).astype(np.float16))
        print(f'{hard.sum()} hard of {len(hard)} looks', flush=True)
    return np.concatenate(found)
