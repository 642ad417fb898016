# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Removes the robot's own voice from the microphone signal."""

from __future__ import annotations

from dataclasses import dataclass
import enum
from typing import Optional, Protocol

import numpy as np

from minicpmo_ros.sound_device.echo_filter import FRAME_SAMPLES, SAMPLE_RATE, EchoFilter

# Sound of the robot after which the linear filter knows the room: 1.5 s in frames of 10 ms.
FRAMES_TO_LEARN = 150
AUDIBLE = 100  # of 32768


class EchoCancellation(enum.Enum):
    """Who cancels the echo.

    SOFTWARE: a linear filter and WebRTC AEC3 in this process.
    WEBRTC: AEC3 alone.
    HARDWARE: a microphone array or the sound server.
    NONE: nobody, e.g. because the robot has headphones or no loudspeaker.
    """

    SOFTWARE = 'software'
    WEBRTC = 'webrtc'
    HARDWARE = 'hardware'
    NONE = 'none'


@dataclass(frozen=True)
class LinearPart:
    """What a linear filter says about 10 ms.

    residual: int16 [160], the microphone less the estimated echo.
    expected: float32 [161], power of the echo to expect in it, in bins of 50 Hz.
    """

    residual: np.ndarray
    expected: np.ndarray


class EchoCanceller(Protocol):
    """Takes 10 ms of loudspeaker and microphone at a time.

    linear: what its linear filter says about the last frame; None without such a filter.
    restarts: how often that filter had to learn the way from loudspeaker to microphone anew.
    """

    linear: Optional[LinearPart]

    @property
    def restarts(self) -> int:
        """Return that number since the canceller was made."""

    def process(self, rendered: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        """Return the microphone signal without echo, int16 [160] at 16 kHz.

        :param rendered: int16 [160], what was handed to the loudspeaker in the same time, after
            the volume control.
        :param microphone: int16 [160].
        """

    def set_delay(self, seconds: float) -> None:
        """Tell how long a rendered sample takes to come back from the microphone [s]."""

    def reset(self) -> None:
        """Forget what was learned about the room."""


class NoEchoCanceller:
    """Passes the microphone on; for hardware cancellation and for none."""

    linear = None
    restarts = 0

    def process(self, rendered: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        """Return the microphone signal as it is."""
        return microphone

    def set_delay(self, seconds: float) -> None:
        """Have no use for it."""

    def reset(self) -> None:
        """Have nothing to forget."""


class WebRtcEchoCanceller:
    """WebRTC AEC3 from the wheel of livekit; nothing of it touches a network.

    The loudspeaker's frame must arrive before its echo does: a reference that is 30 ms late costs
    20 dB. That is why both sides come in one call.
    """

    linear = None
    restarts = 0

    def __init__(self, noise_suppression: bool = False) -> None:
        self._noise_suppression = noise_suppression
        self._delay_ms = 0
        self.reset()

    def process(self, rendered: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        """Return the microphone signal without echo, int16 [160]."""
        self._module.process_reverse_stream(self._frame(rendered))
        if self._told_delay_ms != self._delay_ms:  # a call takes as long as a third of the rest
            self._module.set_stream_delay_ms(self._delay_ms)
            self._told_delay_ms = self._delay_ms
        frame = self._frame(microphone)
        self._module.process_stream(frame)
        return np.frombuffer(frame.data, np.int16).copy()

    def set_delay(self, seconds: float) -> None:
        """Tell how long a rendered sample takes to come back [s]; AEC3 takes up to 0.5 s."""
        self._delay_ms = int(min(max(seconds, 0.0), 0.5) * 1000)

    def reset(self) -> None:
        """Begin with a new, unsettled filter."""
        from livekit import rtc

        self._told_delay_ms: Optional[int] = None
        self._frame_type = rtc.AudioFrame
        self._module = rtc.AudioProcessingModule(
            echo_cancellation=True,
            noise_suppression=self._noise_suppression,
            high_pass_filter=True,
            auto_gain_control=False,
        )

    def _frame(self, samples: np.ndarray) -> object:
        assert samples.dtype == np.int16 and samples.size == FRAME_SAMPLES
        return self._frame_type(bytearray(samples.tobytes()), SAMPLE_RATE, 1, FRAME_SAMPLES)


class CascadedEchoCanceller:
    """A linear filter first, AEC3 for what it leaves.

    Measured in the simulated room at an echo 6 dB louder than the user: AEC3 alone lets the
    detector find speech in a quarter of the user's frames, behind the filter in four fifths. Until
    the filter has heard enough of the robot to know the room, AEC3 alone leaves less of the echo.
    """

    def __init__(self, noise_suppression: bool = False) -> None:
        self._filter = EchoFilter()
        self._behind = WebRtcEchoCanceller(noise_suppression)
        self._alone = WebRtcEchoCanceller(noise_suppression)
        self._frames_heard = 0
        self.linear: Optional[LinearPart] = None

    def process(self, rendered: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        """Return the microphone signal without echo, int16 [160]."""
        known = self.restarts
        residual = self._filter.process(_to_float(rendered), _to_float(microphone))
        if self.restarts > known:
            self._frames_heard = 0
        limited = np.clip(residual * 32768.0, -32768.0, 32767.0).astype(np.int16)
        clean = self._behind.process(rendered, limited)
        self.linear = LinearPart(limited, self._filter.expected)
        if self._frames_heard >= FRAMES_TO_LEARN:
            return clean
        self._frames_heard += int(np.abs(rendered).max(initial=0)) > AUDIBLE
        return self._alone.process(rendered, microphone)

    @property
    def restarts(self) -> int:
        """Return how often the filter had to begin anew."""
        return self._filter.restarts

    def set_delay(self, seconds: float) -> None:
        """Tell AEC3; the filter finds it by itself."""
        self._behind.set_delay(seconds)
        self._alone.set_delay(seconds)

    def reset(self) -> None:
        """Forget the room."""
        self._filter.reset()
        self._behind.reset()
        self._alone.reset()
        self._frames_heard = 0
        self.linear = None


def _to_float(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / np.float32(32768.0)


def make_echo_canceller(kind: EchoCancellation, noise_suppression: bool = False) -> EchoCanceller:
    """Return the canceller of a kind."""
    if kind is EchoCancellation.SOFTWARE:
        return CascadedEchoCanceller(noise_suppression)
    if kind is EchoCancellation.WEBRTC:
        return WebRtcEchoCanceller(noise_suppression)
    return NoEchoCanceller()
