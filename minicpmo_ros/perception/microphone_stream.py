# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From sound of any rate to int16 blocks at the rate of the units, with stamps that fit them."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Optional

import numpy as np

from minicpmo_ros.audio.resampler import Resampler
from minicpmo_ros.message_bytes import to_float32, to_int16

from .audio_message import Sound

SAMPLE_RATE = 16000
# A step of the stamps beyond this is no jitter: samples from before must not be filtered into
# those after it [s].
RESTART_STEP = 0.5


@dataclass
class MicrophoneStreamState:
    """Resampler of the rate in use, the stamp expected next, and the level since it was read."""

    resampler: Optional[Resampler] = None
    next_stamp: float = math.nan
    square_sum: float = 0.0
    samples: int = 0


class MicrophoneStream:
    """Resamples one microphone; follows changes of its rate."""

    def __init__(self) -> None:
        self.state = MicrophoneStreamState()

    def reset(self) -> None:
        """Forget the stream."""
        self.state = MicrophoneStreamState()

    def convert(self, stamp: float, sound: Sound) -> tuple[float, np.ndarray]:
        """Return stamp [s] and int16 [m] at 16 kHz of a block; m may be 0 for tiny blocks."""
        state = self.state
        known = state.resampler is not None and state.resampler.input_rate == sound.rate
        if not known or abs(stamp - state.next_stamp) > RESTART_STEP:
            state.resampler = Resampler(sound.rate, SAMPLE_RATE)
        state.next_stamp = stamp + sound.samples.size / sound.rate
        offset = state.resampler.next_output_offset
        if sound.rate == SAMPLE_RATE and sound.samples.dtype == np.int16:
            samples = sound.samples
        else:
            floats = sound.samples
            floats = to_float32(floats) if floats.dtype == np.int16 else floats
            samples = to_int16(state.resampler.process(floats))
        self._measure(samples)
        return stamp + offset, samples

    def take_level(self) -> float:
        """Return the mean level since the last call [dBFS], NaN when nothing was heard."""
        state = self.state
        level = math.nan
        if state.samples:
            mean_square = state.square_sum / state.samples / 32768.0**2
            level = 10 * math.log10(max(mean_square, 1e-10))
        state.square_sum, state.samples = 0.0, 0
        return level

    def _measure(self, samples: np.ndarray) -> None:
        if samples.size:
            values = samples.astype(np.float32)
            self.state.square_sum += float(values @ values)
            self.state.samples += samples.size
