# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What others ship: flush the loudspeaker after some speech, never give anything back."""

from __future__ import annotations

import math

from minicpmo_ros.barge_in.controller import Command, PlaybackReport, Reason
from minicpmo_ros.barge_in.policy import Output
from minicpmo_ros.barge_in.speech_evidence import FRAME_SECONDS, SpeechFrame

HOLD_SECONDS = 0.25


class FlushAfter:
    """Cuts the robot once the detector was active for long enough; has the controller's methods.

    :param seconds: of uninterrupted activity; gaps up to 0.25 s do not end it.
    """

    def __init__(self, seconds: float, threshold: float = 0.5) -> None:
        self._needed = seconds
        self._threshold = threshold
        self._begin = math.inf
        self._last = -math.inf
        self._live = False
        self._turn_id = self._epoch = 0
        self._void = 0

    def user_speech(self, frame: SpeechFrame) -> list[Command]:
        """Take in one frame of the detector."""
        if frame.probability >= self._threshold:
            self._begin = min(self._begin, frame.time - FRAME_SECONDS)
            self._last = frame.time
        elif frame.time - self._last > HOLD_SECONDS:
            self._begin = math.inf
        long_enough = frame.time - self._begin >= self._needed - 1e-6
        if not (long_enough and self._live and self._epoch > self._void):
            return []
        self._void = self._epoch
        return [
            Command(
                Output.CONFIRM,
                Reason.USER_SPEECH,
                self._turn_id,
                self._epoch,
                math.nan,
                '',
                frame.probability,
            )
        ]

    def playback(self, report: PlaybackReport) -> list[Command]:
        """Take in what the loudspeaker does."""
        self._live = report.playing or report.queued > 0.0
        if self._live:
            self._turn_id, self._epoch = report.turn_id, report.epoch
        return []

    def model(self, speaking: bool, turn_id: int, epoch: int, time: float) -> list[Command]:
        """Take in what the model does."""
        if speaking:
            self._live, self._turn_id, self._epoch = True, turn_id, epoch
        return []

    def tick(self, time: float) -> list[Command]:
        """Let time pass."""
        return []
