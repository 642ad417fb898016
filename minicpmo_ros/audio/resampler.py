# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming change of the sample rate by a polyphase FIR filter."""

from __future__ import annotations

from dataclasses import dataclass, field
import functools
import math

import numpy as np

LOWEST_RATE = 4000
HIGHEST_RATE = 384000

# Zero crossings of the windowed sinc on each side of its centre, at the lower of both rates.
# 16 of them give a transition band of about 12 % of the band and 80 dB of rejection.
ZERO_CROSSINGS = 16
KAISER_BETA = 8.0
PASS_BAND = 0.92

# Longer blocks are worked off in pieces, so that memory does not grow with a recording.
PIECE_SAMPLES = 8192
EMPTY = np.zeros(0, np.float32)


@functools.lru_cache(maxsize=8)
def filter_bank(up: int, down: int) -> np.ndarray:
    """Return the polyphase filters as float32 [up, taps]; row p belongs to phase p.

    Row p interpolates at the position p / up between the two centre samples of its window of
    ``taps`` input samples. Every row sums to one, so a constant stays exactly constant.
    """
    cutoff = PASS_BAND * min(1.0, up / down)
    half = math.ceil(ZERO_CROSSINGS * max(1.0, down / up))
    position = np.arange(-half + 1, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (position / half) ** 2, 0, None)))
    bank = np.sinc(cutoff * position) * window
    return (bank / bank.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass
class ResamplerState:
    """Position of one stream.

    history: float32 input that later outputs still need.
    origin: stream position of history[0], counted from the first zero before the stream.
    consumed: input samples taken so far.
    produced: output samples given so far.
    """

    history: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    origin: int = 0
    consumed: int = 0
    produced: int = 0


class Resampler:
    """Turns mono float32 blocks at one rate into blocks at another, without seams.

    Output sample k lies exactly at the time of input position k * input_rate / output_rate: the
    filter is symmetric, so nothing is shifted, and the stream only has to wait ``latency``
    seconds for the samples to the right of a position. Splitting the input differently never
    changes the output by a single bit.
    """

    def __init__(self, input_rate: int, output_rate: int):
        for rate in (input_rate, output_rate):
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise ValueError(
                    f'sample rate {rate} Hz is outside {LOWEST_RATE}..{HIGHEST_RATE} Hz'
                )
        divisor = math.gcd(input_rate, output_rate)
        self.input_rate = input_rate
        self.output_rate = output_rate
        self._up = output_rate // divisor
        self._down = input_rate // divisor
        # Equal rates need no filter: blocks pass unchanged and without latency.
        equal = input_rate == output_rate
        self._bank = np.ones((1, 1), np.float32) if equal else filter_bank(self._up, self._down)
        self._half = self._bank.shape[1] // 2
        self.reset()

    @property
    def latency(self) -> float:
        """Return how long a sample waits for the samples after it [s]."""
        return self._half / self.input_rate

    @property
    def next_output_offset(self) -> float:
        """Return the time of the next output sample minus that of the next input sample [s].

        Zero or negative: after the first block the next output still waits for its future.
        """
        position = self.state.produced * self._down / self._up
        return (position - self.state.consumed) / self.input_rate

    def reset(self) -> None:
        """Forget the stream; the next block begins a new one."""
        self.state = ResamplerState(history=np.zeros(max(self._half - 1, 0), np.float32))

    def process(self, block: np.ndarray) -> np.ndarray:
        """Return the output samples that become known with this block, float32 [m].

        :param block: float32 [n], mono, at ``input_rate``.
        """
        block = np.asarray(block, np.float32)
        self.state.consumed += block.size
        if self._half == 0:
            self.state.produced += block.size
            return block
        pieces = [
            self._advance(block[begin : begin + PIECE_SAMPLES])
            for begin in range(0, block.size, PIECE_SAMPLES)
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate([*pieces, EMPTY])

    def flush(self) -> np.ndarray:
        """Return the samples still waiting, as if silence followed, and begin a new stream."""
        total = -(-self.state.consumed * self._up // self._down)
        missing = total - self.state.produced
        tail = self._advance(np.zeros(self._half, np.float32)) if missing > 0 else EMPTY
        self.reset()
        return tail[:missing]

    def _advance(self, block: np.ndarray) -> np.ndarray:
        """Compute every output whose window is complete and keep the samples of later ones."""
        state, taps = self.state, self._bank.shape[1]
        samples = np.concatenate((state.history, block))
        # In ticks of 1 / up input samples, counted from samples[0].
        first = state.produced * self._down - state.origin * self._up
        end = (samples.size - taps + 1) * self._up
        count = max(-((first - end) // self._down), 0)
        starts, phases = np.divmod(first + self._down * np.arange(count), self._up)
        output = EMPTY
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(samples, taps)[starts]
            output = np.einsum('ij,ij->i', windows, self._bank[phases])
        state.produced += count
        done = min((first + self._down * count) // self._up, samples.size)
        state.origin += done
        state.history = samples[done:]
        return output


def resample(samples: np.ndarray, input_rate: int, output_rate: int) -> np.ndarray:
    """Return a whole recording, float32 [n], at another rate: float32 [ceil(n * ratio)]."""
    resampler = Resampler(input_rate, output_rate)
    return np.concatenate((resampler.process(samples), resampler.flush()))
