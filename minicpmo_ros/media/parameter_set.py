# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the media node."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import parameter


@dataclass(frozen=True)
class MediaParameters:
    """What can be set in the media node."""

    source: str = parameter(
        '',
        'video, sound file, folder of pictures, rosbag2 or mcap recording, or camera:0',
        read_only=True,
    )
    rate: float = parameter(
        1.0,
        'speed; 0 is as fast as the model processes units. Other speeds than 1 publish /clock: '
        'start the other nodes with use_sim_time',
        0.0,
        100.0,
    )
    loop: bool = parameter(False, 'begin again at the end')
    paused: bool = parameter(False, 'hold')
    position: float = parameter(0.0, 'begin, or jump when set later', 0.0, 1e7, unit='s')
    end: float = parameter(0.0, 'stop here; 0 plays all', 0.0, 1e7, unit='s', read_only=True)
    image_transport: str = parameter(
        'raw',
        'publish pictures on image (raw) or image/compressed (JPEG)',
        choices=('raw', 'compressed'),
        read_only=True,
    )
    jpeg_quality: int = parameter(90, 'of compressed pictures', 10, 100)
    picture_period: float = parameter(
        1.0, 'how long each picture of a folder is shown', 0.01, 3600.0, unit='s', read_only=True
    )
    topics: tuple[str, ...] = parameter(
        (), 'topics of a recording to play; empty: the first of each kind', read_only=True
    )
    wait_for_assistant: bool = parameter(
        True, 'begin when the inference node listens', read_only=True
    )
    frame_id: str = parameter('camera_optical_frame', 'of the pictures', read_only=True)
