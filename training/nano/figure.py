# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What changes in the rooms: people, the pot and the small coloured objects."""

from __future__ import annotations

import numpy as np

from training.nano.canvas import Canvas, Colour, mix, shade
from training.nano.layout import PersonLook, SceneLayout

_FOAM = (250, 250, 246)
_EMBERS = (255, 106, 20)


def draw_person(canvas: Canvas, look: PersonLook, posture: str, rng: np.random.Generator) -> None:
    """Draw a person standing or lying on the floor; arms and place vary a little per frame."""
    x = look.x + float(rng.uniform(-0.012, 0.012))
    if posture == 'lying':
        _draw_lying(canvas, look, x, float(rng.uniform(-0.02, 0.02)))
    else:
        _draw_standing(canvas, look, x, float(rng.uniform(-0.04, 0.04)))


def _draw_standing(canvas: Canvas, look: PersonLook, x: float, swing: float) -> None:
    foot, tall = look.floor_y, look.height
    hip, neck = foot - 0.47 * tall, foot - 0.84 * tall
    limb = 0.13 * tall
    for side in (-1, 1):
        leg = [(side * 0.07 * tall, hip), (side * (0.09 * tall + swing / 2), foot)]
        canvas.line(x, leg, look.trousers, limb)
        hand = (side * 0.21 * tall + swing, hip)
        canvas.line(x, [(side * 0.14 * tall, neck + 0.05 * tall), hand], look.shirt, limb * 0.72)
        canvas.ellipse(x, hip, limb * 0.7, limb * 0.7, look.skin, hand[0])
    if look.long_hair:
        canvas.ellipse(x, neck - 0.02 * tall, 0.2 * tall, 0.24 * tall, look.hair)
    canvas.polygon(
        x,
        [(-0.16 * tall, neck), (0.16 * tall, neck), (0.12 * tall, hip), (-0.12 * tall, hip)],
        look.shirt,
    )
    canvas.ellipse(x, neck - 0.1 * tall, 0.17 * tall, 0.19 * tall, look.hair)
    canvas.ellipse(x, neck - 0.065 * tall, 0.15 * tall, 0.15 * tall, look.skin)


def _draw_lying(canvas: Canvas, look: PersonLook, x: float, bend: float) -> None:
    way = 1 if look.lying_right else -1
    y, tall = max(look.floor_y - 0.01, 0.78), look.height
    limb = 0.13 * tall
    hip, neck = -0.05 * tall * way, 0.32 * tall * way
    for offset in (-0.02, 0.035):
        foot = (-0.5 * tall * way, y + offset + bend)
        canvas.line(x, [(hip, y + offset / 2), foot], look.trousers, limb)
    canvas.line(x, [(neck, y + 0.02), (neck - 0.08 * way, y + 0.1 + bend)], look.shirt, limb * 0.7)
    canvas.ellipse(x, y + 0.1 + bend, limb * 0.7, limb * 0.7, look.skin, neck - 0.08 * way)
    canvas.polygon(
        x, [(hip, y - 0.06), (neck, y - 0.07), (neck, y + 0.07), (hip, y + 0.06)], look.shirt
    )
    canvas.ellipse(x, y, 0.19 * tall, 0.18 * tall, look.hair, neck + 0.1 * tall * way)
    canvas.ellipse(x, y + 0.015, 0.14 * tall, 0.14 * tall, look.skin, neck + 0.08 * tall * way)


def draw_pot(canvas: Canvas, layout: SceneLayout, pot: str, rng: np.random.Generator) -> None:
    """Draw the pot on the stove: idle, heating (glowing plate, thin steam) or boiling over."""
    x, bottom = layout.place_x, 0.447
    body = mix(layout.metal, layout.fabric, 0.35)
    plate = _EMBERS if pot != 'idle' else shade(layout.metal, 0.35)
    canvas.box(x, bottom - 0.004, 0.22, bottom + 0.026, plate, 0.006)
    if pot == 'boiling':
        _draw_steam(canvas, x, bottom - 0.15, rng, 16, 0.085)
    elif pot == 'heating':
        _draw_steam(canvas, x, bottom - 0.13, rng, 3, 0.025)
    canvas.box(x, bottom - 0.12, 0.17, bottom, body, 0.015)
    canvas.box(x, bottom - 0.09, 0.22, bottom - 0.07, shade(body, 0.6))
    canvas.box(x, bottom - 0.13, 0.185, bottom - 0.112, shade(body, 0.75))
    if pot == 'boiling':
        _draw_foam(canvas, x, bottom, rng)


def _draw_steam(
    canvas: Canvas, x: float, y: float, rng: np.random.Generator, count: int, size: float
) -> None:
    for height, drift, grow in zip(
        np.linspace(0, 0.28, count),
        rng.uniform(-0.08, 0.08, count),
        rng.random(count),
        strict=True,
    ):
        diameter = size * (0.6 + float(grow))
        grey = round(200 + 45 * float(grow))
        canvas.ellipse(x, y - float(height), diameter, diameter, (grey, grey, grey), float(drift))


def _draw_foam(canvas: Canvas, x: float, bottom: float, rng: np.random.Generator) -> None:
    for dx, rise in zip(np.linspace(-0.09, 0.09, 7), rng.uniform(0, 0.02, 7), strict=True):
        canvas.ellipse(x, bottom - 0.13 - float(rise), 0.055, 0.05, _FOAM, float(dx))
    for dx in rng.uniform(-0.085, 0.085, 4):
        end = bottom - float(rng.uniform(0.0, 0.07))
        canvas.line(x, [(float(dx), bottom - 0.13), (float(dx), end)], _FOAM, 0.024)


def draw_object(canvas: Canvas, layout: SceneLayout, index: int, shape: str, colour: str) -> None:
    """Draw a ball, cube or cup in its colour at its place on the floor."""
    x, y = layout.slots[index]
    size, tint = layout.object_scale, layout.tints[colour]
    canvas.ellipse(x, y + size * 0.48, size * 1.1, size * 0.25, shade(layout.floor, 0.6))
    {'ball': _draw_ball, 'cube': _draw_cube, 'cup': _draw_cup}[shape](canvas, x, y, size, tint)


def _draw_ball(canvas: Canvas, x: float, y: float, size: float, tint: Colour) -> None:
    canvas.ellipse(x, y, size * 1.05, size * 1.05, shade(tint, 0.8))
    canvas.ellipse(x, y - size * 0.05, size * 0.85, size * 0.85, tint, -size * 0.05)
    canvas.ellipse(
        x, y - size * 0.2, size * 0.25, size * 0.2, mix(tint, (255, 255, 255), 0.6), -size * 0.2
    )


def _draw_cube(canvas: Canvas, x: float, y: float, size: float, tint: Colour) -> None:
    half, lift = size * 0.45, size * 0.28
    canvas.polygon(
        x,
        [(-half, y - half), (half, y - half), (half + lift, y - half - lift),
         (-half + lift, y - half - lift)],
        shade(tint, 1.25),
    )  # fmt: skip
    canvas.polygon(
        x,
        [(half, y - half), (half + lift, y - half - lift), (half + lift, y + half - lift),
         (half, y + half)],
        shade(tint, 0.65),
    )  # fmt: skip
    canvas.polygon(
        x, [(-half, y - half), (half, y - half), (half, y + half), (-half, y + half)], tint
    )


def _draw_cup(canvas: Canvas, x: float, y: float, size: float, tint: Colour) -> None:
    half = size * 0.42
    canvas.ellipse(x, y, size * 0.5, size * 0.55, shade(tint, 0.8), half)
    canvas.ellipse(x, y, size * 0.26, size * 0.3, shade(tint, 0.3), half)
    canvas.polygon(
        x,
        [(-half, y - half), (half, y - half), (half * 0.75, y + half), (-half * 0.75, y + half)],
        tint,
    )  # fmt: skip
    canvas.ellipse(x, y - half, half * 2, size * 0.26, shade(tint, 1.15))
    canvas.ellipse(x, y - half, half * 1.6, size * 0.17, shade(tint, 0.35))
