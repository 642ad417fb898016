# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The numbers at the head of a timeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicpmo_ros.demo.observation import Observation, cuts_of, turns_of


@dataclass(frozen=True)
class Figure:
    """One number with its label."""

    value: str
    label: str


def figures(observation: Observation) -> list[Figure]:
    """Return what a person wants to know first."""
    turns = turns_of(observation)
    times = np.array([unit.total for unit in observation.units])
    unasked = sum(turn.proactive for turn in turns)
    result = [
        Figure(_clock(observation.seconds), 'length'),
        Figure(str(len(observation.units)), 'units'),
        Figure(str(len(turns)), 'turns of the robot'),
        Figure(str(unasked), 'of them unasked'),
        Figure(str(len(cuts_of(observation))), 'interruptions'),
    ]
    if len(times):
        half, most = np.percentile(times, [50, 95]) * 1000
        result.append(Figure(f'{half:.0f} / {most:.0f} ms', 'compute per unit, p50 / p95'))
    delays = answer_delays(observation)
    if delays:
        result.append(Figure(f'{np.median(delays):.1f} s', 'end of request to first word, p50'))
    return result


def answer_delays(observation: Observation) -> list[float]:
    """Return the times [s] from the end of user speech to the robot's first word after it.

    Only answers are counted: turns that the robot did not begin by itself.
    """
    delays = []
    for turn in turns_of(observation):
        ends = [end for _, end in observation.user_speech if end <= turn.begin]
        if ends and not turn.proactive:
            delays.append(turn.begin - ends[-1])
    return delays


def _clock(seconds: float) -> str:
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'
