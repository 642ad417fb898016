# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.nano.layout import HELD_OUT_SEEDS, TRAINING_SEEDS, random_layout
from training.nano.renderer import ATTRIBUTES, attributes, render, render_frame
from training.nano.scene import SceneState, random_scene

SCENE = SceneState('kitchen', 'heating', 'closed', ('standing',), False, True, 'blue')
CHANGES = [
    {'pot': 'boiling'},
    {'pot': 'idle'},
    {'door': 'open'},
    {'people': ()},
    {'people': ('lying',)},
    {'people': ('standing', 'standing')},
    {'parcel': True},
    {'lamp': False},
    {'ball': 'red'},
    {'cup': 'green'},
    {'room': 'hall', 'pot': 'none'},
]


def test_the_same_seeds_give_the_same_picture():
    first, second = (render_frame(7, SCENE, 3) for _ in range(2))
    assert first.dtype == np.uint8 and first.shape == (196, 252, 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, render_frame(7, SCENE, 4))
    assert not np.array_equal(first, render_frame(8, SCENE, 3))


@pytest.mark.parametrize('size', [(640, 480), (224, 224), (64, 48)])
def test_any_size_can_be_drawn(size):
    assert render_frame(1, SCENE, 1, size).shape == (size[1], size[0], 3)


@pytest.mark.parametrize('changes', CHANGES, ids=str)
def test_every_change_of_the_scene_is_visible(changes):
    """Some region changes far more than camera shake and noise change it in any room."""
    for seed in range(4):
        still = _blocks(render_frame(seed, SCENE, 0)) - _blocks(render_frame(seed, SCENE, 1))
        after = _blocks(render_frame(seed, SCENE.changed(**changes), 1))
        moved = np.abs(_blocks(render_frame(seed, SCENE, 1)) - after)
        assert moved.max() > max(8.0, 1.5 * np.median(np.abs(still)))


def test_attributes_cover_all_classes():
    rng = np.random.default_rng(0)
    seen = {name: set() for name in ATTRIBUTES}
    for _ in range(400):
        state = random_scene(rng)
        if state.people and rng.random() < 0.5:
            state = state.changed(people=('lying',))
        if state.pot != 'none' and rng.random() < 0.3:
            state = state.changed(pot='boiling')
        for name, value in attributes(state).items():
            seen[name].add(value)
    assert seen == {name: set(range(count)) for name, count in ATTRIBUTES.items()}


def test_held_out_rooms_have_their_own_seeds():
    assert TRAINING_SEEDS[1] <= HELD_OUT_SEEDS[0]


def test_layouts_differ_and_stay_inside_the_picture():
    layouts = [random_layout(seed) for seed in range(50)]
    assert len({layout.door_x for layout in layouts}) == 50
    for layout in layouts:
        assert all(0 < x < 1 and 0 < y < 1 for x, y in layout.slots)


def test_people_are_drawn_in_front_of_the_wall():
    layout, rng = random_layout(5), np.random.default_rng(0)
    empty = render(layout, SCENE.changed(people=()), np.random.default_rng(0))
    full = render(layout, SCENE, rng)
    assert np.abs(full.astype(int) - empty).max() > 60


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Return means over blocks of 14 x 14 pixels."""
    rows, columns = picture.shape[0] // 14, picture.shape[1] // 14
    cut = picture[: rows * 14, : columns * 14].astype(np.float64)
    return cut.reshape(rows, 14, columns, 14, 3).mean(axis=(1, 3))
