# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a media source yields, in the order of its times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Picture:
    """A frame: time [s] since the begin of the media; uint8 [height, width, 3], RGB."""

    time: float
    pixels: np.ndarray


@dataclass(frozen=True)
class Sound:
    """A block of sound: time [s] of its first sample; int16 [n], mono at SAMPLE_RATE."""

    time: float
    samples: np.ndarray


@dataclass(frozen=True)
class Recorded:
    """A message of a recording: kind is 'image', 'compressed', 'audio' or 'audio_info'.

    data: the message as it was serialised. type_name: such as sensor_msgs/msg/Image.
    """

    time: float
    kind: str
    type_name: str
    data: bytes


Item = Picture | Sound | Recorded


class MediaSource(Protocol):
    """Something that can be played, any number of times."""

    duration: float
    """Length [s]; infinite for a live source."""

    def items(self, start: float = 0.0) -> Iterator[Item]:
        """Yield items from ``start`` [s] on, ordered by time."""
