# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the barge-in policy."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.parameter import parameter

OPEN, PUSH_TO_TALK, NEVER = 'open', 'push_to_talk', 'never'

# Quietest frame that counts [dBFS] by the distance of the person: speech in front of a common
# USB microphone at 0.5, 1.5 and 3 m, less 14 dB.
MINIMUM_LEVEL = {'near': -38.0, 'normal': -46.0, 'far': -53.0}


@dataclass(frozen=True)
class BargeInConfig:
    """Thresholds of the policy; also the parameters ``barge_in.*`` of the bridge."""

    mode: str = parameter(
        OPEN,
        'who may interrupt by talking: anybody, the holder of the talk button, or nobody; stop'
        ' phrases, requests and the emergency stop always do',
        choices=(OPEN, PUSH_TO_TALK, NEVER),
    )
    threshold: float = parameter(
        0.5, 'probability from which a frame counts as speech', 0.05, 0.99
    )
    overlap_threshold: float = parameter(
        0.35,
        'the same while the robot is heard: cancellation weakens the user then',
        0.05,
        0.99,
    )
    onset: float = parameter(0.096, 'detected speech that pauses the robot', 0.032, 2.0, unit='s')
    onset_leak: float = parameter(
        0.5, 'part of its length that a frame without speech takes off the evidence', 0.01, 1.0
    )
    start_guard: float = parameter(
        0.5,
        'time after the robot begins to be heard in which guard_onset is required, since the'
        ' echo canceller may still be settling',
        0.0,
        5.0,
        unit='s',
    )
    guard_onset: float = parameter(
        0.16, 'detected speech that pauses the robot meanwhile', 0.032, 2.0, unit='s'
    )
    backchannel: float = parameter(
        0.8, 'speech that goes on longer than this is an interruption', 0.1, 5.0, unit='s'
    )
    fade: float = parameter(
        0.5,
        'silence after shorter speech that lets the robot go on; people pause as long after'
        ' "wait," or "hold on,"',
        0.1,
        5.0,
        unit='s',
    )
    density: float = parameter(
        0.4, 'part of the time since the onset that loud speech must fill', 0.05, 1.0
    )
    pause_limit: float = parameter(2.0, 'longest pause without a verdict', 0.2, 30.0, unit='s')
    distance: str = parameter(
        'normal',
        'distance of people from the microphone: 0.5, 1.5 or 3 m; sets the quietest level that'
        ' counts',
        choices=tuple(MINIMUM_LEVEL),
    )
    microphone_gain: float = parameter(
        0.0, 'how much louder than a common USB microphone ours is', -40.0, 40.0, unit='dB'
    )
    noise_margin: float = parameter(
        6.0, 'how far speech must rise above the noise floor', 0.0, 30.0, unit='dB'
    )
    speaker_margin: float = parameter(
        9.0,
        'how far below the people the robot has just answered somebody may be; farther ones talk'
        ' to each other or on television',
        0.0,
        60.0,
        unit='dB',
    )
    speaker_memory: float = parameter(
        60.0, 'time after which their level is forgotten', 0.0, 3600.0, unit='s'
    )
    overlap_allowance: float = parameter(
        12.0,
        'how much farther below they may be to pause the robot while it is heard: cancellation'
        ' weakens them then; going on takes the full level',
        0.0,
        60.0,
        unit='dB',
    )
    bystander_margin: float = parameter(
        3.0,
        'how far above a television or other people somebody must be, once those have paused the'
        ' robot in vain',
        0.0,
        30.0,
        unit='dB',
    )
    patience: float = parameter(
        0.032,
        'what every pause in vain adds to the next onset, three times at most',
        0.0,
        1.0,
        unit='s',
    )
    patience_memory: float = parameter(
        20.0, 'time after which pauses in vain are forgotten', 0.0, 600.0, unit='s'
    )

    def __post_init__(self) -> None:
        if self.backchannel < self.onset:
            raise ParameterError(
                f'backchannel {self.backchannel} s must not be shorter than onset {self.onset} s'
            )

    @property
    def minimum_level(self) -> float:
        """Return the quietest level that counts [dBFS]."""
        return MINIMUM_LEVEL[self.distance] + self.microphone_gain
