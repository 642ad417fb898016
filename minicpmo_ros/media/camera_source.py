# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera of this machine, for trying things out where no camera driver is installed."""

from __future__ import annotations

from collections.abc import Iterator
import time

import cv2

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import Item, Picture


class CameraSource:
    """Frames of the camera with number ``device``; endless.

    :raises MediaError: when there is no such camera.
    """

    duration = float('inf')

    def __init__(self, device: int, frame_rate: float = 10.0) -> None:
        self._device = device
        self._frame_rate = frame_rate
        self._open().release()

    def items(self, start: float = 0.0) -> Iterator[Item]:
        """Yield frames as they come; ``start`` is ignored."""
        camera = self._open()
        begin = time.monotonic()
        try:
            while True:
                received, frame = camera.read()
                if not received:
                    raise MediaError(f'camera {self._device} stopped delivering pictures')
                yield Picture(time.monotonic() - begin, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        finally:
            camera.release()

    def _open(self) -> cv2.VideoCapture:
        camera = cv2.VideoCapture(self._device)
        if not camera.isOpened():
            raise MediaError(f'camera {self._device} cannot be opened; is it used elsewhere?')
        camera.set(cv2.CAP_PROP_FPS, self._frame_rate)
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return camera
