# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the audio device node."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.parameter import parameter
from minicpmo_ros.sound_device.audio_engine import AudioConfig
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation
from minicpmo_ros.sound_device.full_duplex_stream import NO_DEVICE, StreamConfig

SOUND_CARD = 'sound_card'


@dataclass(frozen=True)
class AudioDeviceParameters:
    """What users can set."""

    device: str = parameter(
        SOUND_CARD,
        'sound_card: one stream for microphone and loudspeaker; none: no sound card, speech is'
        ' played into nothing at real time and the microphone is the topic audio',
        choices=(SOUND_CARD, NO_DEVICE),
        read_only=True,
    )
    input_device: str = parameter(
        '',
        "microphone by name, part of it or number; '' for the default, 'none' for no microphone",
        read_only=True,
    )
    output_device: str = parameter(
        '',
        "loudspeaker by name, part of a name or number; '' for the default, 'none' to stay mute",
        read_only=True,
    )
    sample_rate: int = parameter(
        0, 'rate of the device; 0 for the one it prefers', 0, 192000, unit='Hz', read_only=True
    )
    latency: str = parameter(
        'low', 'buffering of the device', choices=('low', 'high'), read_only=True
    )
    retry_period: float = parameter(
        2.0, 'pause between two attempts to find a device', 0.2, 60.0, unit='s', read_only=True
    )
    volume: float = parameter(1.0, 'factor on the speech, before the loudspeaker', 0.0, 4.0)
    echo_cancellation: str = parameter(
        EchoCancellation.SOFTWARE.value,
        'who removes the robot voice from the microphone: this node (a linear filter and WebRTC'
        ' AEC3, or AEC3 alone), the microphone array or sound server, or nobody',
        choices=tuple(kind.value for kind in EchoCancellation),
        read_only=True,
    )
    noise_suppression: bool = parameter(
        False, 'suppress steady noise as well; delays speech by some milliseconds', read_only=True
    )
    speech_threshold: float = parameter(
        0.5, 'probability from which user_speech is active', 0.05, 0.95, read_only=True
    )
    speech_hold: float = parameter(
        0.25, 'silence that ends user speech', 0.05, 2.0, unit='s', read_only=True
    )
    frame_id: str = parameter('microphone', 'frame of the microphone', read_only=True)

    def __post_init__(self) -> None:
        if self.sample_rate and self.sample_rate < 8000:
            raise ParameterError(f'sample_rate must be 0 or at least 8000, got {self.sample_rate}')
        if self.input_device == self.output_device == NO_DEVICE and self.device == SOUND_CARD:
            raise ParameterError(
                "input_device and output_device are both 'none'; set device to 'none' instead"
            )

    def audio_config(self) -> AudioConfig:
        """Return the settings of the engine."""
        kind = EchoCancellation(self.echo_cancellation)
        if self.device == NO_DEVICE:
            kind = EchoCancellation.NONE  # no loudspeaker, no echo
        return AudioConfig(
            volume=self.volume,
            echo_cancellation=kind,
            noise_suppression=self.noise_suppression,
            speech_threshold=self.speech_threshold,
            speech_hold=self.speech_hold,
        )

    def stream_config(self) -> StreamConfig:
        """Return the settings of the sound card."""
        return StreamConfig(
            input_device=self.input_device,
            output_device=self.output_device,
            sample_rate=self.sample_rate,
            latency=self.latency,
            retry_seconds=self.retry_period,
        )
