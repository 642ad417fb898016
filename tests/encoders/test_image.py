# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Slices of pictures of any size, and pictures that are refused."""

from hypothesis import given, settings, strategies
import numpy as np
import pytest

from minicpmo.config import SlicingConfig
from minicpmo.errors import InputError
from minicpmo.image import batch_patches, choose_grid, count_slices, slice_image, to_strip

SLICING = SlicingConfig()


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    width=strategies.integers(1, 1500),
    height=strategies.integers(1, 1500),
    max_slices=strategies.integers(1, 9),
)
def test_slices_are_whole_patches_and_no_more_than_allowed(width, height, max_slices):
    if max(width / height, height / width) > 100:
        return
    image = np.zeros((height, width, 3), np.uint8)
    slices = slice_image(image, SLICING, max_slices)
    assert len(slices) == count_slices(image, SLICING, max_slices) <= 1 + max_slices
    assert all(side % 14 == 0 and side > 0 for part in slices for side in part.shape[:2])
    assert len({part.shape for part in slices[1:]}) <= 1


def test_square_frame_of_the_model_is_not_scaled():
    frame = picture(448, 448)
    (only,) = slice_image(frame, SLICING)
    assert np.array_equal(only, frame)


def test_other_resolutions_scale_with_the_configuration():
    slicing = SlicingConfig(scale_resolution=224)
    assert slice_image(picture(640, 480), slicing)[0].shape == (196, 252, 3)
    assert choose_grid(448, 448, 9, 224) == (2, 2)
    assert count_slices(picture(448, 448), slicing, 9) == 5


def test_detail_slices_are_cut_row_by_row():
    image = np.zeros((896, 896, 3), np.uint8)
    image[:448, :448, 0] = image[:448, 448:, 1] = image[448:, :448, 2] = 200
    _, red, green, blue, black = slice_image(image, SLICING, 4)
    assert [part[224, 224].tolist() for part in (red, green, blue, black)] == [
        [200, 0, 0],
        [0, 200, 0],
        [0, 0, 200],
        [0, 0, 0],
    ]


def test_strip_holds_patches_side_by_side():
    image = picture(42, 28)
    strip = to_strip(image, 14)
    assert strip.shape == (3, 14, 6 * 14)
    second_row_first = strip[:, :, 3 * 14 : 4 * 14]
    assert np.array_equal(second_row_first, image[14:28, :14].transpose(2, 0, 1))


def test_batch_is_padded_to_the_longest_slice():
    batch = batch_patches([picture(28, 28), picture(42, 28)], 14)
    assert batch.sizes == ((2, 2), (2, 3)) and batch.strips.shape == (2, 3, 14, 84)
    assert not batch.strips[0, :, :, 56:].any()
    assert [part.sizes for part in batch.split(1)] == [((2, 2),), ((2, 3),)]


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((0, 10, 3), np.uint8), '10x0; both sides need at least one pixel'),
        (np.zeros((10, 0, 3), np.uint8), '0x10'),
        (np.zeros((10, 10), np.uint8), 'pass RGB'),
        (np.zeros((10, 10, 4), np.uint8), 'pass RGB'),
        (np.zeros((1, 10, 10, 3), np.uint8), 'pass RGB'),
        (np.zeros((10, 10, 3), np.float32), 'float32; convert it to uint8'),
        (np.zeros((1, 101, 3), np.uint8), '101x1; crop it'),
        (np.zeros((101, 1, 3), np.uint8), '1x101; crop it'),
        ('photo.png', 'str; pass a numpy array'),
    ],
)
def test_bad_picture_is_named(image, message):
    for use in (slice_image, count_slices):
        with pytest.raises(InputError, match=message):
            use(image, SLICING)


@pytest.mark.parametrize('max_slices', [0, -1, 1.5, True, 'all'])
def test_bad_slice_limit_is_named(max_slices):
    with pytest.raises(InputError, match='max_slices'):
        slice_image(picture(30, 30), SLICING, max_slices)


def test_read_only_and_strided_arrays_are_taken():
    whole = picture(60, 40)
    view = whole[::2, ::2]
    view.flags.writeable = False
    assert np.array_equal(slice_image(view, SLICING)[0], slice_image(view.copy(), SLICING)[0])
