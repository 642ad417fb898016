# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From detector frames to "a person began to speak", "goes on" and "fell silent"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from minicpmo_ros.barge_in.configuration import BargeInConfig
from minicpmo_ros.barge_in.policy import Input

FRAME_SECONDS = 0.032


@dataclass(frozen=True)
class SpeechFrame:
    """One frame of the speech detector.

    time: end of the frame [s], on the clock of everything else.
    probability: that it holds speech [0-1].
    level: [dBFS] after echo cancellation.
    """

    time: float
    probability: float
    level: float


@dataclass(frozen=True)
class FrameVerdict:
    """What one frame is good for.

    counts: towards an onset; quieter speech does as well while the robot is heard.
    holds: somebody is still heard, so that a pause goes on.
    loud: speech as loud as that of somebody who talks to the robot.
    """

    counts: bool
    holds: bool
    loud: bool


@dataclass
class _Episode:
    """Speech of a person as counted so far; times in seconds."""

    evidence: float = 0.0  # leaky
    begin: float = 0.0  # of the first counted frame
    last: float = 0.0  # end of the last frame that holds
    loud: float = 0.0  # sum of the loud frames since the onset
    opened: Optional[float] = None  # when ONSET was reported
    decided: bool = False  # SUSTAINED was reported
    levels: list[float] = field(default_factory=list)  # of what holds since the onset [dBFS]


class SpeechEvidence:
    """Counts speech frames with a leak, so that gaps torn by the canceller do not reset it."""

    def __init__(self, config: BargeInConfig) -> None:
        self.config = config
        # Levels [dBFS] of the last speech that faded, if it was as long as an interruption but
        # too quiet to be one.
        self.bystander: list[float] = []
        self._episode = _Episode()

    @property
    def opened(self) -> bool:
        """Return whether an onset was reported that has not faded yet."""
        return self._episode.opened is not None

    def update(self, frame: SpeechFrame, verdict: FrameVerdict, onset: float) -> Optional[Input]:
        """Take a frame in and return what it proves, if anything.

        :param onset: evidence that an onset takes now [s].
        """
        episode = self._episode
        if episode.opened is not None:
            return self._go_on(frame, verdict)
        if not verdict.counts:
            episode.evidence -= FRAME_SECONDS * self.config.onset_leak
            if episode.evidence <= 0.0:
                self.reset()
            return None
        if episode.evidence <= 0.0:
            episode.begin = frame.time - FRAME_SECONDS
        episode.evidence += FRAME_SECONDS
        episode.last = frame.time
        if episode.evidence < onset - 1e-6:
            return None
        episode.opened = frame.time
        return Input.ONSET

    def tick(self, time: float) -> Optional[Input]:
        """Return FADED when the frames stopped coming long enough ago."""
        return self._verdict(time) if self.opened else None

    def _go_on(self, frame: SpeechFrame, verdict: FrameVerdict) -> Optional[Input]:
        episode = self._episode
        if verdict.holds:
            episode.last = frame.time
            episode.levels.append(frame.level)
        if verdict.loud:
            episode.loud += FRAME_SECONDS
        return self._verdict(frame.time)

    def _verdict(self, time: float) -> Optional[Input]:
        episode, config = self._episode, self.config
        undecided = not episode.decided and time - episode.opened >= config.pause_limit
        if undecided or time - episode.last >= config.fade - 1e-6:
            long = episode.last - episode.begin >= config.backchannel
            self.bystander = episode.levels if long and not episode.decided else []
            self.reset()
            return Input.FADED
        # The robot has been silent since the onset: what is said to it arrives at its full level.
        dense = episode.loud >= config.density * (episode.last - episode.opened)
        span = episode.last - episode.begin
        if not episode.decided and dense and span >= config.backchannel - 1e-6:
            episode.decided = True
            episode.levels.clear()
            return Input.SUSTAINED
        return None

    def reset(self) -> None:
        """Forget the current speech."""
        self._episode = _Episode()
