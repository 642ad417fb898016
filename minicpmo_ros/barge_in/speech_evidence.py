# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From detector frames to "a person began to speak", "goes on" and "fell silent"."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass
class _Episode:
    """Speech of a person as counted so far."""

    evidence: float = 0.0  # [s], leaky
    begin: Optional[float] = None  # of the first counted frame
    last: float = 0.0  # end of the last counted frame
    counted: float = 0.0  # sum of the counted frames [s]
    opened: Optional[float] = None  # when ONSET was reported
    decided: bool = False  # SUSTAINED was reported


class SpeechEvidence:
    """Counts speech frames with a leak, so that gaps torn by the canceller do not reset it."""

    def __init__(self, config: BargeInConfig) -> None:
        self.config = config
        self._episode = _Episode()

    @property
    def begin(self) -> Optional[float]:
        """Return when the current speech began [s], None without any."""
        return self._episode.begin

    @property
    def opened(self) -> bool:
        """Return whether an onset was reported that has not faded yet."""
        return self._episode.opened is not None

    def update(self, frame: SpeechFrame, counts: bool, onset: float) -> Optional[Input]:
        """Take a frame in and return what it proves, if anything.

        :param counts: the frame is speech and loud enough.
        :param onset: evidence that an onset takes now [s].
        """
        episode = self._episode
        if counts:
            if episode.begin is None:
                episode.begin = frame.time - FRAME_SECONDS
            episode.evidence += FRAME_SECONDS
            episode.counted += FRAME_SECONDS
            episode.last = frame.time
        else:
            episode.evidence -= FRAME_SECONDS * self.config.onset_leak
        if episode.opened is not None:
            return self._verdict(frame.time)
        if episode.evidence <= 0.0:
            self.reset()
        elif counts and episode.evidence >= onset - 1e-6:
            episode.opened = frame.time
            return Input.ONSET
        return None

    def tick(self, time: float) -> Optional[Input]:
        """Return FADED when the frames stopped coming long enough ago."""
        return self._verdict(time) if self.opened else None

    def _verdict(self, time: float) -> Optional[Input]:
        episode, config = self._episode, self.config
        undecided = not episode.decided and time - episode.opened >= config.pause_limit
        span = episode.last - episode.begin
        fade = config.long_fade if span > 0.5 * config.backchannel else config.fade
        if undecided or time - episode.last >= fade - 1e-6:
            self.reset()
            return Input.FADED
        dense = episode.counted >= config.density * span
        if not episode.decided and dense and span >= config.backchannel - 1e-6:
            episode.decided = True
            return Input.SUSTAINED
        return None

    def reset(self) -> None:
        """Forget the current speech."""
        self._episode = _Episode()
