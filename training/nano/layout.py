# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Look of one room: what stays the same from frame to frame while the state changes."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from training.nano.scene import MAX_PEOPLE, SHAPES

Colour = tuple[int, int, int]

TRAINING_SEEDS = (0, 10**9)
HELD_OUT_SEEDS = (10**9, 2 * 10**9)  # rooms that training never draws

_HUES = {'red': (0.97, 1.02), 'green': (0.30, 0.40), 'blue': (0.58, 0.66), 'yellow': (0.13, 0.165)}
_SKIN = ((241, 205, 177), (224, 172, 138), (186, 130, 95), (141, 90, 62), (92, 58, 40))
_HAIR = ((30, 24, 20), (72, 48, 30), (150, 105, 55), (200, 195, 190), (110, 50, 30))


@dataclass(frozen=True)
class PersonLook:
    """Appearance and place of one person: x of the feet, depth and height in picture heights."""

    x: float
    floor_y: float
    height: float
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    long_hair: bool
    lying_right: bool


@dataclass(frozen=True)
class SceneLayout:
    """Geometry and colours of a room; coordinates in 0..1 of the picture, y down.

    door_x, lamp_x, place_x: centre of door, lamp and main furniture (stove, sofa, coat rack).
    slots: x, y of ball, cube and cup.
    clutter: x, y, width, height, colour of things without meaning.
    light: gain per colour channel; noise: standard deviation of the sensor noise in grey levels.
    """

    seed: int
    horizon: float
    wall: Colour
    floor: Colour
    wood: Colour
    metal: Colour
    fabric: Colour
    door_x: float
    lamp_x: float
    place_x: float
    mat_x: float
    window: bool
    night: bool
    pendant: bool
    pattern: int
    slots: tuple[tuple[float, float], ...]
    object_scale: float
    tints: dict[str, Colour]
    people: tuple[PersonLook, ...]
    clutter: tuple[tuple[float, float, float, float, Colour], ...]
    light: tuple[float, float, float]
    noise: float
    blur: bool
    shake: float

    def __hash__(self) -> int:
        return hash(self.seed)


def random_layout(seed: int) -> SceneLayout:
    """Return the layout that belongs to a seed, see ``TRAINING_SEEDS`` and ``HELD_OUT_SEEDS``."""
    rng = np.random.default_rng([seed, 20451])
    door_x, place_x, lamp_x = _columns(rng)
    horizon = float(rng.uniform(0.56, 0.66))
    night = bool(rng.random() < 0.35)
    warm = rng.uniform(-0.08, 0.08)
    gain = rng.uniform(0.72, 0.88) if night else rng.uniform(0.88, 1.12)
    return SceneLayout(
        seed=seed,
        horizon=horizon,
        wall=_muted(rng, 0.25, (0.6, 0.92)),
        floor=_muted(rng, 0.4, (0.35, 0.7)),
        wood=_tone(rng, (0.04, 0.1), (0.25, 0.6), (0.4, 0.8)),
        metal=_muted(rng, 0.1, (0.35, 0.75)),
        fabric=_muted(rng, 0.5, (0.3, 0.7)),
        door_x=door_x,
        lamp_x=lamp_x,
        place_x=place_x,
        mat_x=float(np.clip(door_x + rng.uniform(-0.03, 0.03), 0.14, 0.86)),
        window=bool(rng.random() < 0.6),
        night=night,
        pendant=bool(rng.random() < 0.4),
        pattern=int(rng.integers(4)),
        slots=_slots(rng),
        object_scale=float(rng.uniform(0.12, 0.16)),
        tints={name: _tone(rng, hue, (0.72, 0.95), (0.7, 0.95)) for name, hue in _HUES.items()},
        people=_people(rng, horizon),
        clutter=_clutter(rng, horizon),
        light=(gain * (1 + warm), gain, gain * (1 - warm)),
        noise=float(rng.uniform(1.0, 8.0)),
        blur=bool(rng.random() < 0.3),
        shake=float(rng.uniform(0.0, 0.012)),
    )


def _columns(rng: np.random.Generator) -> tuple[float, float, float]:
    """Return x of door, furniture and lamp: each in its own third of the wall."""
    centres = rng.permutation([0.17, 0.5, 0.83]) + rng.uniform(-0.03, 0.03, 3)
    return float(centres[0]), float(centres[1]), float(centres[2])


def _slots(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    places = rng.permutation([0.14, 0.38, 0.62, 0.86])[: len(SHAPES)]
    return tuple(
        (float(x + rng.uniform(-0.06, 0.06)), float(rng.uniform(0.84, 0.91))) for x in places
    )


def _people(rng: np.random.Generator, horizon: float) -> tuple[PersonLook, ...]:
    xs = rng.permutation([0.335, 0.665])[:MAX_PEOPLE] + rng.uniform(-0.05, 0.05, MAX_PEOPLE)
    return tuple(
        PersonLook(
            x=float(x),
            floor_y=float(rng.uniform(horizon + 0.1, 0.82)),
            height=float(rng.uniform(0.46, 0.62)),
            skin=_SKIN[rng.integers(len(_SKIN))],
            hair=_HAIR[rng.integers(len(_HAIR))],
            shirt=_muted(rng, 0.8, (0.25, 0.85)),
            trousers=_muted(rng, 0.5, (0.15, 0.5)),
            long_hair=bool(rng.random() < 0.5),
            lying_right=bool(rng.random() < 0.5),
        )
        for x in xs
    )


def _clutter(
    rng: np.random.Generator, horizon: float
) -> tuple[tuple[float, float, float, float, Colour], ...]:
    things = []
    for _ in range(int(rng.integers(2, 9))):
        on_wall = rng.random() < 0.6
        y = rng.uniform(0.08, 0.3) if on_wall else rng.uniform(horizon + 0.02, 0.98)
        width, height = rng.uniform(0.02, 0.08, 2)
        colour = _muted(rng, 0.45, (0.2, 0.8))
        things.append((float(rng.uniform(0, 1)), float(y), float(width), float(height), colour))
    return tuple(things)


def _tone(
    rng: np.random.Generator,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> Colour:
    rgb = colorsys.hsv_to_rgb(
        rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value)
    )
    return tuple(round(255 * channel) for channel in rgb)


def _muted(rng: np.random.Generator, saturation: float, value: tuple[float, float]) -> Colour:
    return _tone(rng, (0.0, 1.0), (0.0, saturation), value)
