# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What waits for the thread that owns the model, and which of it comes first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
import threading
from typing import Optional

from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue

MOST_NOTES = 16
MOST_QUESTIONS = 16


@dataclass(frozen=True)
class Job:
    """One thing to do: a command, a unit with what goes along with it, or a question.

    notes: lines for the context of the unit. announcement: a sentence to be said from it on.
    question: watch id and text.
    """

    command: Optional[Callable[[], None]] = None
    unit: Optional[PendingUnit] = None
    notes: tuple[str, ...] = ()
    announcement: str = ''
    question: Optional[tuple[str, str]] = None


@dataclass
class Inbox:
    """Commands before units before questions; every method may be called from any thread.

    A question is about the unit it was asked after: what was not answered when the next unit
    begins has lapsed.
    """

    queue: UnitQueue
    stopped: bool = False
    paused: bool = False
    _commands: deque[Callable[[], None]] = field(default_factory=deque)
    _notes: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_NOTES))
    _announcement: str = ''
    _questions: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _ready: threading.Condition = field(default_factory=threading.Condition)

    def put(self, unit: PendingUnit) -> None:
        """Queue a unit; while paused it is dropped, as the user asked."""
        with self._ready:
            if not self.paused:
                self.queue.put(unit)
                self._ready.notify()

    def pause(self, paused: bool) -> None:
        """Stop, or go on, taking units; what waits is forgotten."""
        with self._ready:
            self.paused = paused
            if paused:
                self._forget()

    def command(self, command: Callable[[], None]) -> None:
        """Queue something to be done before the next unit."""
        with self._ready:
            self._commands.append(command)
            self._ready.notify()

    def note(self, text: str) -> None:
        """Keep a line for the next unit; the oldest of many is dropped."""
        with self._ready:
            self._notes.append(text)

    def announce(self, text: str) -> None:
        """Keep a sentence for the next unit; a newer one replaces it, a pause drops it."""
        with self._ready:
            self._announcement = '' if self.paused else text

    def ask(self, watch_id: str, question: str) -> None:
        """Keep a question; a newer one with the same id replaces it, of many the last is left out.

        Questions come most urgent first, so those that came first are answered first.
        """
        with self._ready:
            if watch_id in self._questions or len(self._questions) < MOST_QUESTIONS:
                self._questions[watch_id] = question
                self._ready.notify()

    def drop_waiting(self) -> None:
        """Forget units, notes, questions and announcement; commands stay."""
        with self._ready:
            self._forget()

    def stop(self) -> None:
        """Let ``next`` return None from now on."""
        with self._ready:
            self.stopped = True
            self._ready.notify()

    def next(
        self, takes_units: Callable[[], bool], may_ask: Callable[[], bool], block: bool = True
    ) -> Optional[Job]:
        """Return what is to be done next; None when stopped, or without ``block`` when idle."""
        with self._ready:
            while not self.stopped:
                job = self._take(takes_units, may_ask)
                if job is not None or not block:
                    return job
                self._ready.wait()
            return None

    def following(self) -> Optional[PendingUnit]:
        """Return the unit that comes next, which stays; None while commands come before it."""
        with self._ready:
            return None if self.stopped or self._commands else self.queue.first()

    def _forget(self) -> None:
        self.queue.clear()
        self._notes.clear()
        self._questions.clear()
        self._announcement = ''

    def _take(self, takes_units: Callable[[], bool], may_ask: Callable[[], bool]) -> Optional[Job]:
        if self._commands:
            return Job(command=self._commands.popleft())
        if len(self.queue) and takes_units():
            notes, announcement = tuple(self._notes), self._announcement
            self._notes.clear()
            self._questions.clear()
            self._announcement = ''
            return Job(unit=self.queue.take(), notes=notes, announcement=announcement)
        if self._questions and may_ask():
            return Job(question=self._questions.popitem(last=False))
        return None
