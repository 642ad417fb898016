# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rare encodings through cv_bridge, where an installation has one that works.

Its builds for other versions of numpy or OpenCV import well and then fail or return wrong colours,
so it is tried once with a known picture before it is trusted.
"""

from __future__ import annotations

from array import array
import functools

import numpy as np
from sensor_msgs.msg import Image

from minicpmo_ros.errors import MessageError


@functools.cache
def works() -> bool:
    """Return whether cv_bridge is installed and converts a known picture rightly."""
    known = Image(height=1, width=2, encoding='bgr8', step=6)
    known.data = array('B', [1, 2, 3, 40, 50, 60])
    try:
        return to_rgb(known).tolist() == [[[3, 2, 1], [60, 50, 40]]]
    except (ImportError, MessageError):
        return False


def to_rgb(message: Image) -> np.ndarray:
    """Return a picture as uint8 RGB [height, width, 3].

    :raises ImportError: without cv_bridge.
    :raises MessageError: when cv_bridge cannot convert it.
    """
    from cv_bridge import CvBridge

    try:
        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, 'rgb8'))
    except Exception as error:  # binary mismatches show up as any kind of exception
        raise MessageError(
            f'cv_bridge cannot convert {message.encoding[:40]!r}: {error}'
        ) from error
