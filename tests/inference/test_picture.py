# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures inside units."""

import io

import numpy as np
from PIL import Image
import pytest

from minicpmo_ros.errors import MessageError
from minicpmo_ros.inference.picture import decode_picture


def encoded(mode, kind):
    buffer = io.BytesIO()
    Image.new(mode, (8, 6), 200 if mode == 'L' else (200, 0, 0)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(('mode', 'kind'), [('RGB', 'jpeg'), ('RGB', 'png'), ('L', 'png')])
def test_files_become_rgb(mode, kind):
    pixels = decode_picture(encoded(mode, kind))
    assert pixels.shape == (6, 8, 3) and pixels.dtype == np.uint8
    assert pixels[0, 0, 0] > 190


@pytest.mark.parametrize('data', [b'', b'no picture', encoded('RGB', 'jpeg')[:200]])
def test_damaged_files_are_refused(data):
    with pytest.raises(MessageError, match='cannot be decoded'):
        decode_picture(data)
