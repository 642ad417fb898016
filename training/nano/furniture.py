# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What stands in the rooms: walls, door, lamp, stove, sofa, coat rack and clutter."""

from __future__ import annotations

from training.nano.canvas import Canvas, mix, shade
from training.nano.layout import SceneLayout
from training.nano.scene import SceneState

_WHITE = (255, 255, 255)
_GLOW = (255, 236, 170)


def draw_room(canvas: Canvas, layout: SceneLayout, state: SceneState) -> None:
    """Draw walls, floor and everything that belongs to the kind of room."""
    canvas.span(-0.1, -0.1, 1.1, layout.horizon, layout.wall)
    canvas.span(-0.1, layout.horizon, 1.1, 1.1, layout.floor)
    _draw_pattern(canvas, layout, state.room)
    canvas.span(-0.1, layout.horizon - 0.015, 1.1, layout.horizon, shade(layout.wall, 0.7))
    for x, y, width, height, colour in layout.clutter:
        canvas.box(x, y - height / 2, width, y + height / 2, colour)
    {'kitchen': _draw_kitchen, 'hall': _draw_hall, 'living room': _draw_living_room}[state.room](
        canvas, layout
    )


def _draw_pattern(canvas: Canvas, layout: SceneLayout, room: str) -> None:
    if room == 'kitchen':  # tiles
        line = shade(layout.wall, 0.9)
        for step in range(12):
            canvas.line(0.0, [(0, step * 0.07), (2, step * 0.07)], line, 0.004)
            canvas.line(step * 0.09, [(0, 0), (0, layout.horizon)], line, 0.004)
    elif room == 'hall':  # panelled lower wall
        canvas.span(-0.1, layout.horizon - 0.2, 1.1, layout.horizon, shade(layout.wall, 0.82))
    for step in range(1, 5) if layout.pattern % 2 else ():  # floor boards
        y = layout.horizon + (1 - layout.horizon) * (step / 5) ** 1.5
        canvas.line(0.0, [(0, y), (2, y)], shade(layout.floor, 0.88), 0.004)


def draw_window(canvas: Canvas, layout: SceneLayout) -> None:
    """Draw a window above the furniture: sky by day, dark by night."""
    if not layout.window:
        return
    sky = (26, 30, 52) if layout.night else (178, 212, 240)
    canvas.box(layout.place_x, 0.06, 0.27, 0.27, shade(layout.wood, 1.2))
    canvas.box(layout.place_x, 0.075, 0.24, 0.255, sky)
    canvas.box(layout.place_x, 0.075, 0.012, 0.255, shade(layout.wood, 1.2))


def _draw_kitchen(canvas: Canvas, layout: SceneLayout) -> None:
    draw_window(canvas, layout)
    x, bottom = layout.place_x, layout.horizon + 0.09
    canvas.box(x, 0.46, 0.42, bottom, layout.wood)
    canvas.box(x, 0.445, 0.44, 0.475, shade(layout.metal, 1.15))
    canvas.box(x, 0.48, 0.26, bottom, layout.metal, 0.01)
    canvas.box(x, 0.55, 0.2, bottom - 0.03, shade(layout.metal, 0.45), 0.01)
    for side in (-0.16, -0.04, 0.08):
        canvas.ellipse(x, 0.505, 0.02, 0.02, shade(layout.metal, 0.5), side + 0.04)


def _draw_hall(canvas: Canvas, layout: SceneLayout) -> None:
    x = layout.place_x
    canvas.box(x, 0.16, 0.32, 0.19, layout.wood)
    for index in range(4):
        dx = -0.12 + 0.08 * index
        canvas.line(x, [(dx, 0.18), (dx, 0.22)], shade(layout.metal, 0.6), 0.012)
    if layout.pattern > 0:
        canvas.polygon(
            x, [(-0.13, 0.21), (-0.08, 0.2), (-0.04, 0.46), (-0.17, 0.46)], layout.fabric
        )
    if layout.pattern > 1:
        coat = shade(layout.fabric, 0.6)
        canvas.polygon(x, [(0.05, 0.21), (0.1, 0.21), (0.14, 0.42), (0.02, 0.42)], coat)
    canvas.box(x, layout.horizon - 0.02, 0.3, layout.horizon + 0.05, shade(layout.wood, 0.8))


def _draw_living_room(canvas: Canvas, layout: SceneLayout) -> None:
    draw_window(canvas, layout)
    x, bottom = layout.place_x, layout.horizon + 0.1
    canvas.box(x, 0.42, 0.4, bottom - 0.02, layout.fabric, 0.03)
    canvas.box(x, 0.53, 0.44, bottom, shade(layout.fabric, 0.85), 0.03)
    for dx in (-0.2, 0.2):
        canvas.polygon(
            x,
            [(dx - 0.035, 0.48), (dx + 0.035, 0.48), (dx + 0.035, bottom), (dx - 0.035, bottom)],
            shade(layout.fabric, 0.72),
        )
    canvas.ellipse(0.5, 0.9, 0.9, 0.16, mix(layout.floor, layout.fabric, 0.5))


def draw_door(canvas: Canvas, layout: SceneLayout, is_open: bool) -> None:
    """Draw the door: a closed panel with a knob, or a dark opening with the leaf swung inside."""
    x, top, bottom = layout.door_x, 0.13, layout.horizon + 0.03
    canvas.box(x, top - 0.02, 0.30, bottom, shade(layout.wood, 0.65))
    if not is_open:
        canvas.box(x, top, 0.26, bottom, layout.wood)
        for panel in (top + 0.04, top + 0.25):
            canvas.box(x, panel, 0.17, panel + 0.16, shade(layout.wood, 0.86))
        canvas.ellipse(x, (top + bottom) / 2 + 0.03, 0.026, 0.026, (225, 200, 120), 0.105)
        return
    canvas.box(x, top, 0.26, bottom, shade(layout.wall, 0.28))
    canvas.polygon(
        x, [(-0.1, bottom), (0.06, bottom - 0.12), (0.13, bottom - 0.12), (0.13, bottom)],
        shade(layout.floor, 0.45),
    )  # fmt: skip
    side = 1 if layout.pattern % 2 else -1
    canvas.polygon(
        x,
        [
            (side * 0.13, top),
            (side * 0.215, top - 0.05),
            (side * 0.215, bottom + 0.07),
            (side * 0.13, bottom),
        ],
        shade(layout.wood, 1.15),
    )
    canvas.ellipse(x, (top + bottom) / 2 + 0.05, 0.02, 0.026, (225, 200, 120), side * 0.2)


def draw_mat(canvas: Canvas, layout: SceneLayout, parcel: bool) -> None:
    """Draw the door mat and, when there is one, the parcel on it."""
    x, y = layout.mat_x, layout.horizon + 0.1
    mat = mix(layout.fabric, (60, 50, 45), 0.6)
    canvas.polygon(x, [(-0.13, y), (0.13, y), (0.16, y + 0.06), (-0.16, y + 0.06)], mat)
    if not parcel:
        return
    card = mix((196, 152, 98), layout.wood, 0.15)
    canvas.polygon(
        x, [(-0.07, y - 0.07), (-0.04, y - 0.1), (0.1, y - 0.1), (0.07, y - 0.07)],
        shade(card, 1.2),
    )  # fmt: skip
    canvas.polygon(
        x, [(0.07, y - 0.07), (0.1, y - 0.1), (0.1, y + 0.01), (0.07, y + 0.04)], shade(card, 0.75)
    )
    canvas.polygon(
        x, [(-0.07, y - 0.07), (0.07, y - 0.07), (0.07, y + 0.04), (-0.07, y + 0.04)], card
    )
    tape = (236, 222, 190)
    canvas.line(x, [(0.0, y - 0.07), (0.0, y + 0.04)], tape, 0.016)
    canvas.line(x, [(0.0, y - 0.07), (0.03, y - 0.1)], tape, 0.016)


def draw_lamp(canvas: Canvas, layout: SceneLayout, on: bool) -> None:
    """Draw a hanging or a standing lamp; when on, shade and surroundings glow."""
    x, y = layout.lamp_x, 0.1 if layout.pendant else 0.24
    metal = shade(layout.metal, 0.5)
    if on:
        for size, weight in ((0.42, 0.18), (0.3, 0.38)):
            canvas.ellipse(x, y + 0.03, size, size, mix(layout.wall, _GLOW, weight))
    if layout.pendant:
        canvas.line(x, [(0, -0.05), (0, y)], metal, 0.01)
    else:
        canvas.line(x, [(0, y), (0, layout.horizon + 0.08)], metal, 0.016)
        canvas.ellipse(x, layout.horizon + 0.08, 0.13, 0.03, metal)
    fabric = mix(_GLOW, _WHITE, 0.5) if on else shade(mix(layout.fabric, (90, 90, 90), 0.5), 0.6)
    canvas.polygon(
        x, [(-0.045, y - 0.05), (0.045, y - 0.05), (0.085, y + 0.06), (-0.085, y + 0.06)], fabric
    )
    if on:
        canvas.ellipse(x, y + 0.065, 0.12, 0.03, _WHITE)
