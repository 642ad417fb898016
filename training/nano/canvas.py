# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drawing in coordinates 0..1 with a camera that may be shifted and zoomed a little."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (factor < 1) or lighter (> 1), clipped."""
    return tuple(min(255, max(0, round(channel * factor))) for channel in colour)


def mix(first: Colour, second: Colour, weight: float) -> Colour:
    """Return ``first`` with ``weight`` (0..1) of ``second`` mixed in."""
    return tuple(round(a + (b - a) * weight) for a, b in zip(first, second, strict=True))


class Canvas:
    """A picture of ``size`` (width, height); lengths along y are in picture heights.

    x positions are scaled with the width, widths of things with the height, so that a circle stays
    a circle in every aspect ratio.
    """

    def __init__(
        self, size: tuple[int, int], shift: Point = (0.0, 0.0), zoom: float = 1.0
    ) -> None:
        self.image = Image.new('RGB', size)
        self._draw = ImageDraw.Draw(self.image)
        self._width, self._height = size
        self._shift = shift
        self._zoom = zoom

    def _point(self, x: float, y: float, dx: float = 0.0) -> Point:
        u = (x - 0.5 + self._shift[0]) * self._zoom + 0.5
        v = (y - 0.5 + self._shift[1]) * self._zoom + 0.5
        return u * self._width + dx * self._zoom * self._height, v * self._height

    def box(
        self,
        x: float,
        top: float,
        width: float,
        bottom: float,
        colour: Colour,
        radius: float = 0.0,
    ) -> None:
        """Fill an upright box centred at x."""
        corners = [*self._point(x, top, -width / 2), *self._point(x, bottom, width / 2)]
        if radius:
            self._draw.rounded_rectangle(corners, radius * self._height, fill=colour)
        else:
            self._draw.rectangle(corners, fill=colour)

    def span(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill from ``left`` to ``right``, both in picture widths."""
        self._draw.rectangle([*self._point(left, top), *self._point(right, bottom)], fill=colour)

    def ellipse(
        self, x: float, y: float, width: float, height: float, colour: Colour, dx: float = 0.0
    ) -> None:
        """Fill an ellipse centred at x (+ dx picture heights), y."""
        corners = [
            *self._point(x, y - height / 2, dx - width / 2),
            *self._point(x, y + height / 2, dx + width / 2),
        ]
        self._draw.ellipse(corners, fill=colour)

    def polygon(self, x: float, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon; points are (picture heights from x, y)."""
        self._draw.polygon([self._point(x, y, dx) for dx, y in points], fill=colour)

    def line(self, x: float, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a thick line; points are (picture heights from x, y)."""
        pixels = max(1, round(width * self._zoom * self._height))
        self._draw.line([self._point(x, y, dx) for dx, y in points], colour, pixels, joint='curve')
