# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Draw the timeline of a conversation: pictures, both voices, units, events, in rows."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np

from minicpmo_ros.demo.audio_track import TRACK_RATE, microphone_track, robot_track
from minicpmo_ros.demo.canvas import Canvas, shortened, text_width, wrap
from minicpmo_ros.demo.observation import Observation, Turn, UnitSeen, cuts_of, turns_of

WIDTH = 1500
LEFT = 86
RIGHT = 20
ROW_SECONDS = 30  # about; all rows of a timeline are equally long
PICTURE_WIDTH = 84
PICTURE_HEIGHT = 63

INK = '#1f2937'
QUIET = '#8b95a5'
GRID = '#e8ebf0'
PAPER = '#ffffff'
PERSON = '#0f8a7e'
PERSON_PALE = '#d5efec'
ROBOT = '#4f46e5'
ROBOT_PALE = '#e4e3fb'
LISTEN = '#e9edf3'
LOAD = '#aab4c3'
CUT = '#dc2626'
HELD = '#f59e0b'
EVENT = '#b45309'
EVENT_PALE = '#fdf0d5'


@dataclass(frozen=True)
class Lane:
    """A horizontal band of a row; ``top`` counts from the top of the row."""

    name: str
    top: int
    height: int


RULER = Lane('', 0, 18)
PICTURES = Lane('sees', 22, PICTURE_HEIGHT)
PERSON_WORDS = Lane('', 96, 16)
PERSON_VOICE = Lane('hears', 112, 50)
ROBOT_VOICE = Lane('says', 166, 50)
ROBOT_WORDS = Lane('', 218, 34)
UNITS = Lane('decides', 256, 26)
MARKS = Lane('events', 288, 20)
ROW_HEIGHT = 330
LANES = (PICTURES, PERSON_VOICE, ROBOT_VOICE, UNITS, MARKS)


class Timeline:
    """The drawing of one observation; the same on a picture and in a page."""

    def __init__(self, observation: Observation) -> None:
        self._seen = observation
        self._turns = turns_of(observation)
        self.cuts = cuts_of(observation)
        self._microphone = microphone_track(observation)
        self._robot = robot_track(observation)
        self.rows = max(1, round(observation.seconds / ROW_SECONDS))
        even = math.ceil(observation.seconds / self.rows)
        self.row_seconds = even if self.rows > 1 else max(even, ROW_SECONDS)
        self.scale = (WIDTH - LEFT - RIGHT) / self.row_seconds  # pixels per second
        self.height = self.rows * ROW_HEIGHT

    def draw(self, canvas: Canvas, top: float = 0.0) -> None:
        """Draw all rows, the first one at ``top``."""
        for row in range(self.rows):
            _Row(canvas, top + row * ROW_HEIGHT, row * self.row_seconds, self).draw()

    @property
    def seen(self) -> Observation:
        """Return what is drawn."""
        return self._seen

    @property
    def turns(self) -> list[Turn]:
        """Return the robot's turns."""
        return self._turns

    def voice(self, robot: bool) -> np.ndarray:
        """Return the track of one side, float32 at TRACK_RATE."""
        return self._robot if robot else self._microphone


class _Row:
    """Draws one row from ``begin`` [s] on."""

    def __init__(self, canvas: Canvas, top: float, begin: float, timeline: Timeline) -> None:
        self._canvas = canvas
        self._top = top
        self._begin = begin
        self._end = begin + timeline.row_seconds
        self._scale = timeline.scale
        self._timeline = timeline
        self._seen = timeline.seen

    def draw(self) -> None:
        self._draw_frame()
        self._draw_pictures()
        self._draw_person()
        self._draw_robot()
        self._draw_units()
        self._draw_interruptions()
        self._draw_events()

    def _x(self, time: float) -> float:
        inside = min(max(time, self._begin), self._end)
        return LEFT + (inside - self._begin) * self._scale

    def _y(self, lane: Lane, part: float = 0.0) -> float:
        return self._top + lane.top + part * lane.height

    def _overlaps(self, begin: float, end: float) -> bool:
        return end > self._begin and begin < self._end

    def _draw_frame(self) -> None:
        for lane in LANES:
            middle = self._y(lane, 0.5) - 7
            self._canvas.text((14, middle), lane.name, QUIET, 12)
        for second in range(5 * math.ceil(self._begin / 5), math.ceil(self._end), 5):
            x = self._x(second)
            if x + 30 < WIDTH - RIGHT:
                label = f'{second // 60}:{second % 60:02d}'
                self._canvas.text((x + 3, self._y(RULER) + 2), label, QUIET, 11)
            bottom = self._y(MARKS, 1.0)
            self._canvas.line([(x, self._y(RULER)), (x, bottom)], GRID, 1.0)

    def _draw_pictures(self) -> None:
        free_from = -1.0
        for time, jpeg in self._seen.pictures:
            x = self._x(time)
            if not self._overlaps(time, time) or x < free_from or x + PICTURE_WIDTH > WIDTH:
                continue
            top = self._y(PICTURES)
            self._canvas.picture((x, top, x + PICTURE_WIDTH, top + PICTURE_HEIGHT), jpeg)
            free_from = x + PICTURE_WIDTH + 4

    def _draw_person(self) -> None:
        for begin, end in self._seen.user_speech:
            if self._overlaps(begin, end):
                box = (self._x(begin), self._y(PERSON_VOICE), self._x(end))
                self._canvas.rectangle(
                    (*box, self._y(PERSON_VOICE, 1.0)), PERSON_PALE, 4, 'speech detected'
                )
        self._draw_voice(PERSON_VOICE, self._timeline.voice(robot=False), PERSON)
        free_from = 0.0
        for caption in self._seen.captions:
            if not self._begin <= caption.begin < min(self._end, self._seen.seconds):
                continue
            words = f'“{caption.text}”' if caption.text else caption.kind
            spoken = caption.kind == 'speech'
            x = min(self._x(caption.begin), WIDTH - RIGHT - text_width(words, 12))
            x = max(x, free_from)
            words = shortened(words, 12, WIDTH - RIGHT - x)
            colour = PERSON if spoken else QUIET
            self._canvas.text((x, self._y(PERSON_WORDS)), words, colour, 12)
            free_from = x + text_width(words, 12) + 10

    def _draw_robot(self) -> None:
        for turn in self._timeline.turns:
            if self._overlaps(turn.begin, turn.end):
                box = (self._x(turn.begin), self._y(ROBOT_VOICE), self._x(turn.end))
                hint = f'turn {turn.turn_id}: {turn.text}'
                fill = EVENT_PALE if turn.proactive else ROBOT_PALE
                self._canvas.rectangle((*box, self._y(ROBOT_VOICE, 1.0)), fill, 4, hint)
        self._draw_voice(ROBOT_VOICE, self._timeline.voice(robot=True), ROBOT)
        here = [t for t in self._timeline.turns if self._begin <= t.begin < self._end]
        for turn, following in zip(here, [*here, None][1:], strict=True):
            self._draw_words(turn, following)

    def _draw_words(self, turn: Turn, following: Turn | None) -> None:
        x = self._x(turn.begin)
        limit = self._x(following.begin) - 8 if following else WIDTH - RIGHT
        if following is None and limit - x < 180:
            x = max(LEFT, limit - 180)
        ending = ' ...' if turn.interrupted else ''
        lines = wrap(f'{turn.text}{ending}', 12, max(60.0, limit - x))
        if len(lines) > 2:
            lines = [lines[0], lines[1] + ' ...']
        for number, line in enumerate(lines):
            y = self._y(ROBOT_WORDS) + 2 + 16 * number
            self._canvas.text((x, y), line, EVENT if turn.proactive else ROBOT, 12)

    def _draw_voice(self, lane: Lane, track: np.ndarray, colour: str) -> None:
        middle = self._y(lane, 0.5)
        right = self._x(min(self._end, self._seen.seconds))
        self._canvas.line([(LEFT, middle), (right, middle)], colour, 0.5)
        first, last = round(self._begin * TRACK_RATE), round(self._end * TRACK_RATE)
        for begin, heights in envelope_pieces(track[first:last], self._scale):
            x = LEFT + begin
            upper = [(x + i, middle - h * lane.height / 2) for i, h in enumerate(heights)]
            lower = [(x + i, middle + h * lane.height / 2) for i, h in enumerate(heights)]
            self._canvas.polygon(upper + lower[::-1], colour)

    def _draw_units(self) -> None:
        top, bottom = self._y(UNITS), self._y(UNITS, 1.0)
        for unit in self._seen.units:
            if not self._overlaps(unit.begin, unit.end):
                continue
            left, right = self._x(unit.begin) + 1, self._x(unit.end) - 1
            if right - left < 4:  # the end of a unit that belongs to the row before
                continue
            fill = ROBOT if unit.speaks else LISTEN
            self._canvas.rectangle((left, top, right, bottom), fill, 3, unit_hint(unit))
            load = min(unit.total, 1.0) * (right - left)
            bar = CUT if unit.total > 1.0 else ('#a5b4fc' if unit.speaks else LOAD)
            self._canvas.rectangle((left, bottom - 5, left + load, bottom), bar, 2)
            label = f'{unit.total * 1000:.0f} ms'
            x = left + (right - left - text_width(label, 10)) / 2
            self._canvas.text((x, top + 5), label, PAPER if unit.speaks else QUIET, 10)

    def _draw_interruptions(self) -> None:
        for mark in self._seen.interruptions:
            if not self._overlaps(mark.time, mark.time):
                continue
            x = self._x(mark.time)
            cut = mark in self._timeline.cuts
            colour = CUT if cut else HELD
            ends = [(x, self._y(PERSON_VOICE)), (x, self._y(ROBOT_VOICE, 1.0))]
            self._canvas.line(ends, colour, 2.0 if cut else 1.2, dashed=not cut)
            if cut:
                words = 'interrupted'
                left = min(x - 4, WIDTH - RIGHT - text_width(words, 11) - 8)
                top = self._y(MARKS) + 2
                right = left + text_width(words, 11) + 8
                self._canvas.rectangle((left, top, right, top + 17), CUT, 4, mark.reason)
                self._canvas.text((left + 4, top + 2), words, PAPER, 11)

    def _draw_events(self) -> None:
        free_from = 0.0
        for event in self._seen.events:
            if event.type != 'opened' or not self._overlaps(event.time, event.time):
                continue
            words = event.kind.replace('_', ' ')
            left = max(self._x(event.time), free_from)
            left = min(left, WIDTH - RIGHT - text_width(words, 11) - 10)
            right = left + text_width(words, 11) + 10
            top = self._y(MARKS) + 2
            self._canvas.rectangle((left, top, right, top + 17), EVENT_PALE, 4, event.text)
            self._canvas.text((left + 5, top + 2), words, EVENT, 11)
            free_from = right + 4


def unit_hint(unit: UnitSeen) -> str:
    """Return what is shown when the mouse is over a unit."""
    stages = ', '.join(f'{name} {1000 * time:.0f} ms' for name, time in unit.stages.items())
    decision = 'speak' if unit.speaks else 'listen'
    forced = ' (imposed)' if unit.forced else ''
    return f'unit {unit.index}: {decision}{forced}; {stages}; {unit.pictures} picture(s)'


def envelope_pieces(track: np.ndarray, scale: float) -> list[tuple[int, np.ndarray]]:
    """Return (first pixel, heights in [0, 1]) of the stretches that are not silent.

    A cubic root of the power makes quiet speech visible beside loud speech.
    """
    step = TRACK_RATE / scale
    count = int(len(track) / step)
    edges = (np.arange(count + 1) * step).astype(int)
    power = np.array([np.mean(track[a:b] ** 2) for a, b in zip(edges, edges[1:], strict=False)])
    heights = np.clip(1.6 * np.cbrt(power), 0.0, 1.0) if count else np.zeros(0)
    loud = np.flatnonzero(heights > 0.02)
    if len(loud) == 0:
        return []
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 1) + 1)
    return [(int(g[0]), heights[g[0] : g[-1] + 1]) for g in groups if len(g) > 1]
