# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the network is given in a scene: made by the audio engine itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from minicpmo_ros.sound_device.audio_engine import AudioEngine
from minicpmo_ros.sound_device.near_end_detector import (
    FRAME_SAMPLES,
    INPUTS,
    LEVEL_UNIT,
    EchoFrame,
    NearEnd,
    NearEndDetector,
)
from minicpmo_ros.sound_device.speech_detector import SpeechDetector, level_dbfs, silero
from training.near_end.scene import FRAMES, Scene

BLOCK = 160
ONSET_FRAMES, ONSET_WEIGHT = 8, 2.0
# The canceller does not know the room yet when the robot begins.
START_FRAMES, START_WEIGHT = 50, 2.0


@dataclass(frozen=True)
class Example:
    """A stretch in which the robot is heard.

    inputs: float16 [frames, INPUTS]. speech, weight, level: float32 [frames]; the level is that
    of everything but the echo in units of ``LEVEL_UNIT``.
    """

    inputs: np.ndarray
    speech: np.ndarray
    weight: np.ndarray
    level: np.ndarray


class _Recorder(NearEndDetector):
    """Keeps what the network would be given."""

    def __init__(self) -> None:
        self.seen: list[Optional[np.ndarray]] = []
        super().__init__(_NoNetwork(), silero())

    def process(
        self, frame: EchoFrame, clean: np.ndarray, probability: float
    ) -> Optional[NearEnd]:
        self.seen.append(self.inputs(frame, clean, probability))
        return None


class _NoNetwork:
    def reset(self) -> None:
        """Have nothing to forget."""


def examples(scene: Scene) -> list[Example]:
    """Return the stretches of a scene."""
    recorder = _Recorder()
    engine = AudioEngine(detector=SpeechDetector(near_end=recorder))
    for at in range(0, scene.microphone.size, BLOCK):
        engine.analyse(scene.microphone[at : at + BLOCK], scene.rendered[at : at + BLOCK])
    room = scene.room.reshape(FRAMES, FRAME_SAMPLES)
    level = np.array([level_dbfs(frame) for frame in room], np.float32) / LEVEL_UNIT
    weight = scene.certain * _emphasis(scene.speech)
    result, first = [], 0
    heard = [inputs is not None for inputs in recorder.seen]
    for index in range(1, len(heard) + 1):
        if index == len(heard) or heard[index] != heard[first]:
            span = slice(first, index)
            if heard[first]:
                weight[first : min(first + START_FRAMES, index)] *= START_WEIGHT
                inputs = np.array(recorder.seen[span], np.float16)
                result.append(Example(inputs, scene.speech[span], weight[span], level[span]))
            first = index
    assert all(example.inputs.shape[1] == INPUTS for example in result)
    return result


def _emphasis(speech: np.ndarray) -> np.ndarray:
    """Return weights that make the first quarter of a second of speech matter more."""
    weight = np.ones(speech.size, np.float32)
    for begin in np.flatnonzero(np.diff(speech, prepend=0.0) > 0):
        weight[begin : begin + ONSET_FRAMES] = ONSET_WEIGHT
    return weight
