# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the rooms as a cheap camera would see them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import ImageFilter

from training.nano.canvas import Canvas
from training.nano.figure import draw_object, draw_person, draw_pot
from training.nano.furniture import draw_door, draw_lamp, draw_mat, draw_room
from training.nano.layout import SceneLayout, random_layout
from training.nano.scene import COLOURS, MAX_PEOPLE, POT_STATES, ROOMS, SHAPES, SceneState

NATIVE_SIZE = (252, 196)  # a 4:3 camera picture as the model's image processor sees it
_OVERSAMPLING = 2
_ABSENT = 0

# classes of every visible attribute, for auxiliary losses and measurements
ATTRIBUTES = {
    'room': len(ROOMS),
    'pot': len(POT_STATES),
    'door': 2,
    'people': MAX_PEOPLE + 1,
    'fallen': 2,
    'parcel': 2,
    'lamp': 2,
    **{shape: len(COLOURS) + 1 for shape in SHAPES},
}


def attributes(state: SceneState) -> dict[str, int]:
    """Return the class of every attribute in ``ATTRIBUTES``; 0 is "none" for pot and objects."""
    objects = {
        shape: COLOURS.index(state.colour_of(shape)) + 1 if state.colour_of(shape) else _ABSENT
        for shape in SHAPES
    }
    return {
        'room': ROOMS.index(state.room),
        'pot': POT_STATES.index(state.pot),
        'door': int(state.door == 'open'),
        'people': len(state.people),
        'fallen': int(state.fallen),
        'parcel': int(state.parcel),
        'lamp': int(state.lamp),
        **objects,
    }


def render(
    layout: SceneLayout,
    state: SceneState,
    rng: np.random.Generator,
    size: tuple[int, int] = NATIVE_SIZE,
) -> np.ndarray:
    """Draw one frame.

    Args:
        layout: the room, the same for all frames of a scene.
        state: what is true now.
        rng: camera shake, movement, steam and noise of this frame.
        size: width and height in pixels.

    Returns:
        uint8 [height, width, 3] RGB.
    """
    shift = tuple(float(v) for v in rng.normal(0, layout.shake, 2))
    large = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    canvas = Canvas(large, shift, 1.03 + float(rng.uniform(-1, 1)) * layout.shake)
    _draw(canvas, layout, state, rng)
    image = canvas.image.reduce(_OVERSAMPLING)
    if layout.blur:
        image = image.filter(ImageFilter.BoxBlur(size[1] / 300))
    return _expose(np.asarray(image), layout, state, rng)


def render_frame(
    room_seed: int, state: SceneState, frame_seed: int, size: tuple[int, int] = NATIVE_SIZE
) -> np.ndarray:
    """Return ``render`` of the layout of ``room_seed`` with the randomness of ``frame_seed``."""
    return render(random_layout(room_seed), state, np.random.default_rng(frame_seed), size)


def _draw(
    canvas: Canvas, layout: SceneLayout, state: SceneState, rng: np.random.Generator
) -> None:
    draw_room(canvas, layout, state)
    draw_door(canvas, layout, state.door == 'open')
    draw_lamp(canvas, layout, state.lamp)
    if state.pot != 'none':
        draw_pot(canvas, layout, state.pot, rng)
    draw_mat(canvas, layout, state.parcel)
    for look, posture in sorted(
        zip(layout.people, state.people, strict=False), key=lambda person: person[0].floor_y
    ):
        draw_person(canvas, look, posture, rng)
    for index, shape in enumerate(SHAPES):
        colour = state.colour_of(shape)
        if colour:
            draw_object(canvas, layout, index, shape, colour)


def _expose(
    image: np.ndarray, layout: SceneLayout, state: SceneState, rng: np.random.Generator
) -> np.ndarray:
    """Return the picture with light, exposure flicker and sensor noise applied."""
    lamp = 1.12 if state.lamp and layout.night else 1.0
    gain = np.asarray(layout.light, dtype=np.float32) * (lamp * float(rng.uniform(0.96, 1.04)))
    noise = _noise_bank(image.shape[0], image.shape[1])
    row, column = int(rng.integers(64)), int(rng.integers(64))
    noise = noise[row : row + image.shape[0], column : column + image.shape[1]]
    exposed = image * gain + layout.noise * noise
    return np.clip(exposed, 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _noise_bank(height: int, width: int) -> np.ndarray:
    """Return unit normal noise, larger than a picture, cut at a random place per frame."""
    shape = (height + 64, width + 64, 3)
    return np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
