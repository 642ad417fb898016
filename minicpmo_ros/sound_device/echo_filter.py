# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A linear echo canceller that leaves the user's voice whole, to run before AEC3.

AEC3 is made for people who listen: what might be echo is suppressed, and with it most of what a
user says under a loud echo. With 12 dB of the echo taken off linearly before, it hardly needs to.
The filter is a partitioned block Kalman filter in the frequency domain: its step size falls by
itself while the user speaks, so it needs no double-talk detector. What it still does not know
about the room says how much echo to expect in the rest (``expected``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

SAMPLE_RATE = 16000
FRAME_SAMPLES = 160  # 10 ms
BINS = FRAME_SAMPLES + 1
FLOOR = 1e-9
CONSTRAINT_TURNS = 4
# Frames over which the powers are averaged that tell whether the filter fits the room.
WATCHED_FRAMES = 8
# A filter fits that has left less than this share of the power in so many audible frames in a row.
FITTING_SHARE = 0.25
FITTING_FRAMES = 20
# Another room's estimate doubles the power of the echo; the noise of learning adds far less.
LOST_FACTOR = 1.2
# Audible frames in a row in which a filter that did fit adds power before it starts anew.
LOST_FRAMES = 20
AUDIBLE_POWER = 1e-5  # -50 dBFS


@dataclass(frozen=True)
class EchoFilterConfig:
    """Settings of the filter.

    tail: longest delay plus reverberation [s].
    forgetting: how fast the room may change, per 10 ms; 1 means never.
    smoothing: of the power of what is no echo, per 10 ms.
    """

    tail: float = 0.4
    forgetting: float = 0.9998
    smoothing: float = 0.8


class EchoFilter:
    """Takes 10 ms of loudspeaker and microphone at a time and returns what is no echo.

    restarts: how often the way from loudspeaker to microphone had to be learned anew.
    """

    def __init__(self, config: Optional[EchoFilterConfig] = None) -> None:
        self.config = config or EchoFilterConfig()
        self._partitions = max(int(self.config.tail * SAMPLE_RATE) // FRAME_SAMPLES, 1)
        self.restarts = 0
        self.reset()

    def reset(self) -> None:
        """Forget the room."""
        shape = (self._partitions, BINS)
        self._spectra = np.zeros(shape, np.complex64)  # of the loudspeaker, newest first
        self._weights = np.zeros(shape, np.complex64)
        # Early partitions may hold much echo, late ones little.
        decay = 10 ** (-np.arange(self._partitions) / self._partitions * 2)
        self._variance = np.repeat(decay[:, None], BINS, axis=1).astype(np.float32)
        self._other = np.full(BINS, 1e-3, np.float32)  # power of what is no echo
        self._turn = 0
        self.expected = np.zeros(BINS, np.float32)  # power of the echo in the last rest
        self._previous = np.zeros(FRAME_SAMPLES, np.float32)
        self._microphone_power = self._residual_power = 0.0
        self._fitting = self._worse = 0  # audible frames in a row

    def process(self, rendered: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        """Return the microphone without echo, float32 [160].

        :param rendered, microphone: float32 [160] in [-1, 1] at 16 kHz.
        """
        frame = np.concatenate([self._previous, rendered])
        self._previous = rendered
        self._spectra = np.roll(self._spectra, 1, axis=0)
        self._spectra[0] = np.fft.rfft(frame)
        estimate = np.fft.irfft((self._spectra * self._weights).sum(axis=0))[FRAME_SAMPLES:]
        residual = (microphone - estimate).astype(np.float32)
        self._follow_power(microphone, residual)
        if _power(rendered) > AUDIBLE_POWER and self._is_lost():
            spectra, previous = self._spectra, self._previous
            self.reset()
            self._spectra, self._previous = spectra, previous
            self.restarts += 1
            residual = microphone
        self._adapt(residual)
        return residual

    def _follow_power(self, microphone: np.ndarray, residual: np.ndarray) -> None:
        share = 1.0 / WATCHED_FRAMES
        self._microphone_power += share * (_power(microphone) - self._microphone_power)
        self._residual_power += share * (_power(residual) - self._residual_power)

    def _is_lost(self) -> bool:
        """Return whether the estimate has become another room's: the device skipped samples.

        Whatever a person says beside the echo is in both signals, so a filter that fits never
        makes the microphone louder for long. One that never fitted, because there is no echo or
        it still learns, has nothing to lose.
        """
        if self._fitting < FITTING_FRAMES:
            fits = self._residual_power < FITTING_SHARE * self._microphone_power
            self._fitting = self._fitting + 1 if fits else 0
            return False
        louder = self._residual_power > LOST_FACTOR * self._microphone_power + FLOOR
        self._worse = self._worse + 1 if louder else 0
        return self._worse >= LOST_FRAMES

    def _adapt(self, residual: np.ndarray) -> None:
        """Move the weights by the Kalman gain."""
        config = self.config
        padded = np.concatenate([np.zeros(FRAME_SAMPLES, np.float32), residual])
        error = np.fft.rfft(padded).astype(np.complex64)
        power = np.square(np.abs(error))
        self._other += (1.0 - config.smoothing) * (power - self._other)
        input_power = np.square(np.abs(self._spectra))
        uncertain = (input_power * self._variance).sum(axis=0)
        self.expected = uncertain
        gain = self._variance / (0.5 * uncertain + self._other + FLOOR)
        self._weights += gain * np.conj(self._spectra) * error
        self._variance *= 1.0 - np.clip(0.5 * gain * input_power, 0.0, 1.0)
        self._variance *= config.forgetting**2
        self._variance += (1.0 - config.forgetting**2) * np.square(np.abs(self._weights))
        self._variance += 1e-9
        self._constrain()

    def _constrain(self) -> None:
        """Keep the responses of some partitions half as long as the transform; all take turns."""
        turn = slice(self._turn, None, CONSTRAINT_TURNS)
        self._turn = (self._turn + 1) % CONSTRAINT_TURNS
        response = np.fft.irfft(self._weights[turn], axis=1)
        response[:, FRAME_SAMPLES:] = 0.0
        self._weights[turn] = np.fft.rfft(response, axis=1)


def _power(samples: np.ndarray) -> float:
    return float(np.dot(samples, samples)) / samples.size
