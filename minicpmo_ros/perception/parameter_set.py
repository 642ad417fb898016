# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the perception node."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import parameter

from .aligner_configuration import AlignerConfiguration


@dataclass(frozen=True)
class PerceptionParameters:
    """What becomes a unit, and how."""

    use_image: bool = parameter(True, 'subscribe to the camera', read_only=True)
    use_audio: bool = parameter(
        True,
        'subscribe to the microphone; without it the stamps of the camera drive the units',
        read_only=True,
    )
    frame_id: str = parameter('microphone', 'frame of units while the microphone names none')
    image_transport: str = parameter(
        'raw',
        'raw: sensor_msgs/Image on image; compressed: sensor_msgs/CompressedImage on '
        'image/compressed',
        choices=('raw', 'compressed'),
        read_only=True,
    )
    audio_type: str = parameter(
        'auto',
        'package audio_common_msgs in use: that of ros-drivers (with audio_info) or of mgonzs13',
        choices=('auto', 'ros_drivers', 'mgonzs13'),
        read_only=True,
    )
    stamp_source: str = parameter(
        'header',
        'time of messages: that of their header, or of their arrival where drivers stamp wrongly',
        choices=('header', 'arrival'),
    )
    images_per_unit: int = parameter(1, 'most pictures in a unit; 0: none', 0, 8)
    large_frame_rate: float = parameter(
        10.0,
        'raw frames of more than 2 MB are looked at so often, the rest is passed over unread; 0: '
        'all, as media faster than real time need',
        0.0,
        240.0,
        unit='Hz',
        read_only=True,
    )
    picture_lead: float = parameter(
        0.1,
        'the pictures of a unit are chosen and prepared so long before its end, so that it can be '
        'published at once',
        0.0,
        0.9,
        unit='s',
    )
    image_max_side: int = parameter(
        640, 'longer side of published pictures; 0: as the camera sends them', 0, 8192, unit='px'
    )
    jpeg_quality: int = parameter(90, 'quality of published pictures', 1, 100)
    audio_timeout: float = parameter(
        1.0,
        'units go on with silence when no sound came for so long; 0: they wait for sound, as a '
        'source that is slower than real time needs',
        0.0,
        60.0,
        unit='s',
    )
    idle_timeout: float = parameter(
        30.0, 'units stop when nothing came for so long; 0: never', 0.0, 86400.0, unit='s'
    )
    max_gap: float = parameter(
        5.0,
        'longest silence put in for lost sound; a larger step of the stamps is a jump of time',
        0.1,
        60.0,
        unit='s',
    )
    late_tolerance: float = parameter(
        0.5, 'a frame may join a unit that began so much after it', 0.0, 5.0, unit='s'
    )
    close_on_speech_end: bool = parameter(
        False, 'end a unit when the user stops speaking, filled up with silence'
    )
    min_early_fill: float = parameter(
        0.2, 'least sound in a unit that ends early', 0.0, 1.0, unit='s'
    )

    def aligner_configuration(self) -> AlignerConfiguration:
        """Return the part that decides how units are made."""
        return AlignerConfiguration(
            images_per_unit=self.images_per_unit if self.use_image else 0,
            use_audio=self.use_audio,
            audio_timeout=self.audio_timeout,
            idle_timeout=self.idle_timeout,
            max_gap=self.max_gap,
            late_tolerance=self.late_tolerance,
            close_on_speech_end=self.close_on_speech_end,
            min_early_fill=self.min_early_fill,
            frame_lead=self.picture_lead,
        )
