# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stop phrase is said by somebody, on its own: noises and parts of sentences do not count."""

from __future__ import annotations

from dataclasses import dataclass
import math

VOICE_PROBABILITY = 0.3
"""Of the speech detector; lower than what makes speech active, so that no phrase is lost."""
VOICE_SECONDS = 1.5
"""A phrase and the time until it is recognised."""
PAUSE_SECONDS = 0.25
"""Without a voice for so long, what comes next is an utterance of its own."""
UTTERANCE_SECONDS = 1.2
"""Longest utterance that is a phrase."""
DETECTOR_SECONDS = 2.0
"""Without any word of the detector for so long nobody can tell, and every phrase counts."""


@dataclass
class VoiceGate:
    """Remembers when the utterance heard last began and ended, and when the detector spoke."""

    _voice_from: float = -math.inf
    _voice_at: float = -math.inf
    _detector_at: float = -math.inf

    def update(self, probability: float, time: float) -> None:
        """Take in a frame of the detector: the probability [0-1] of speech at ``time`` [s]."""
        self._detector_at = time
        if probability >= VOICE_PROBABILITY:
            if time - self._voice_at > PAUSE_SECONDS:
                self._voice_from = time
            self._voice_at = time

    def admits(self, time: float) -> bool:
        """Return whether a phrase recognised at ``time`` [s] may have been spoken on its own."""
        if time - self._detector_at > DETECTOR_SECONDS:
            return True
        if time - self._voice_at > VOICE_SECONDS:
            return False
        return self._voice_at - self._voice_from <= UTTERANCE_SECONDS
