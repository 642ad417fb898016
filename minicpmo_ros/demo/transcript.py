# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The live transcript: one readable line for everything that happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minicpmo_ros.demo.observation import Caption, EventSeen, InterruptionSeen, Stage, UnitSeen

ORIGINS = {'model': 'by itself', 'rule': 'by a rule', 'reminder': 'reminder', 'watch': 'watch'}
COLOURS = {'person': 36, 'robot': 34, 'event': 33, 'cut': 31, 'quiet': 90}


@dataclass
class Transcript:
    """Writes lines of time, who and what as soon as they are known.

    write: takes a finished line. colour: use the colours of a terminal.
    """

    write: Callable[[str], None]
    colour: bool = False
    captions: list[Caption] = field(default_factory=list)
    _begun_turns: set[int] = field(default_factory=set)

    def person(self, caption: Caption) -> None:
        """Write what somebody says, known from the script of the recording."""
        if caption.text:
            self._line(caption.begin, 'person', 'person', f'“{caption.text}”')
        else:
            self._line(caption.begin, 'quiet', 'room', f'({caption.kind})')

    def speech_detected(self, time: float) -> None:
        """Write that somebody speaks whose words are not known."""
        self._line(time, 'person', 'person', '(speaks)')

    def robot(self, time: float, turn_id: int, text: str, proactive: bool) -> None:
        """Write newly decoded words."""
        if not text.strip():
            return
        first = turn_id not in self._begun_turns
        self._begun_turns.add(turn_id)
        mark = ('★' if proactive else '▶') if first else '…'
        self._line(time, 'event' if proactive else 'robot', 'robot', f'{mark} {text.strip()}')

    def unit(self, unit: UnitSeen) -> None:
        """Write when the model changes from listening to speaking or back."""
        if unit.units_behind:
            text = f'{unit.units_behind} unit(s) behind, {1000 * unit.total:.0f} ms for the last'
            self._line(unit.end, 'quiet', 'model', text)

    def turn_end(self, time: float, turn_id: int) -> None:
        """Write that the model ended a turn in which it said something."""
        if turn_id in self._begun_turns:
            self._line(time, 'quiet', 'robot', '· listens')

    def interruption(self, seen: InterruptionSeen) -> None:
        """Write that the robot's voice was held, cut or given back."""
        what = {
            Stage.PAUSE: f'‖ holds its voice ({seen.reason})',
            Stage.CONFIRM: f'■ interrupted after {seen.played:.1f} s ({seen.reason})',
            Stage.RESUME: '▶ goes on where it stopped',
        }[seen.stage]
        self._line(seen.time, 'cut' if seen.stage is Stage.CONFIRM else 'quiet', 'robot', what)

    def event(self, event: EventSeen) -> None:
        """Write a proactive event."""
        origin = ORIGINS.get(event.origin, event.origin)
        if event.type == 'opened':
            self._line(event.time, 'event', 'event', f'{event.kind} ({origin}): {event.text}')

    def problem(self, text: str) -> None:
        """Write what keeps the assistant from working, before or during the conversation."""
        self.write(f'{"":>7}  {"problem":<7} {text}')

    def _line(self, time: float, colour: str, who: str, what: str) -> None:
        clock = f'{int(time) // 60}:{time % 60:04.1f}'
        line = f'{clock:>7}  {who:<7} {what}'
        self.write(f'\033[{COLOURS[colour]}m{line}\033[0m' if self.colour else line)
