# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The one thread that owns the model: takes units and commands, hands results on."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
import threading
import traceback
from typing import Optional

from minicpmo.errors import MiniCPMOError
from minicpmo.protocol import Decision, Heard, Session, Unit, UnitResult
from minicpmo_ros.errors import AssistantError
from minicpmo_ros.inference.load_shedding import LoadLadder, Shedding
from minicpmo_ros.inference.picture import readable_pictures
from minicpmo_ros.inference.question_budget import QuestionBudget
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.message_bytes import to_float32

# After so many failing units in a row the session is given up until it is reset.
MOST_FAILURES = 3
MOST_NOTES = 16
MOST_QUESTIONS = 8


@dataclass(frozen=True)
class UnitOutcome:
    """One processed unit, as the model was given it; times are seconds."""

    unit: PendingUnit
    result: UnitResult
    queue_time: float
    total_time: float
    units_behind: int
    shedding: Shedding = Shedding()


@dataclass
class WorkerState:
    """What the worker counts; read by diagnostics."""

    units: int = 0
    rejected: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_error: str = ''
    paused: bool = False
    pictures_shed: int = 0

    @property
    def failed(self) -> bool:
        """Return whether the session was given up."""
        return self.failures_in_a_row >= MOST_FAILURES


@dataclass(frozen=True)
class WorkerCallbacks:
    """Called in the worker's thread.

    started: just before a unit is processed. finished: a unit gave a result. failed: a unit was
    rejected or the model failed, with a sentence that says why. answered: a question about the
    unit was answered by P(yes), or None.
    """

    started: Callable[[PendingUnit], None]
    finished: Callable[[UnitOutcome], None]
    failed: Callable[[str], None]
    answered: Callable[[str, Optional[float], PendingUnit], None] = lambda *answer: None


@dataclass
class _Inbox:
    """What waits for the thread, guarded by one condition."""

    queue: UnitQueue
    commands: deque[Callable[[], None]] = field(default_factory=deque)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_NOTES))
    questions: OrderedDict[str, str] = field(default_factory=OrderedDict)
    stopped: bool = False
    ready: threading.Condition = field(default_factory=threading.Condition)


class InferenceWorker:
    """Runs a session in a thread of its own; every method may be called from any thread.

    Commands (interrupt, reset, replace) are executed before the next unit, in order. A unit the
    engine rejects is reported and the session goes on; when the engine fails otherwise the
    session is reset, and after MOST_FAILURES such units in a row it waits for ``reset``.
    Questions are asked only when nothing else is to do, nobody speaks and the budget allows it.

    ladder: decides what is left out of units when the model is too slow.
    camera: false takes the pictures out of all units, also of those that wait.
    budget: bounds the time for questions.

    :param clock: monotonic time [s].
    """

    def __init__(
        self,
        session: Session,
        queue: UnitQueue,
        callbacks: WorkerCallbacks,
        clock: Callable[[], float],
        vision: bool = True,
    ) -> None:
        self.state = WorkerState()
        self._session = session
        self._callbacks = callbacks
        self._clock = clock
        self._vision = vision
        self.camera = True
        self.ladder = LoadLadder(vision, session.flow_steps > 0)
        self.budget = QuestionBudget(0.0)
        self._last_unit: Optional[PendingUnit] = None
        self._turn_open = False
        self._next_index = 0
        self._inbox = _Inbox(queue)
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    @property
    def queue(self) -> UnitQueue:
        """Return the queue, for its counters."""
        return self._inbox.queue

    @property
    def units_behind(self) -> int:
        """Return how many units wait."""
        return len(self._inbox.queue)

    def put(self, unit: PendingUnit) -> None:
        """Queue a unit; while paused it is dropped, as the user asked."""
        with self._inbox.ready:
            if not self.state.paused:
                self._inbox.queue.put(unit)
                self._inbox.ready.notify()

    def note(self, text: str) -> None:
        """Give the model a line of context with the next unit; the oldest of many is dropped."""
        with self._inbox.ready:
            self._inbox.notes.append(text)

    def ask(self, watch_id: str, question: str) -> None:
        """Ask a question about the present; a newer one with the same id replaces it."""
        with self._inbox.ready:
            questions = self._inbox.questions
            questions.pop(watch_id, None)
            questions[watch_id] = question
            if len(questions) > MOST_QUESTIONS:
                questions.popitem(last=False)
            self._inbox.ready.notify()

    def interrupt(self, heard: Heard) -> None:
        """Close the open turn before the next unit."""
        self._command(lambda: self._session.interrupt(heard))

    def reset(self) -> None:
        """Forget waiting units and begin a new conversation."""
        self._drop_waiting()
        self._command(self._reset_session)

    def replace(self, make_session: Callable[[], Session]) -> None:
        """Go on with another session, made in the worker's thread."""
        self._command(lambda: self._replace_session(make_session))

    def pause(self, paused: bool) -> None:
        """Stop, or go on, listening; what waits is forgotten."""
        with self._inbox.ready:
            self.state.paused = paused
        if paused:
            self._drop_waiting()

    def stop(self, timeout: float) -> bool:
        """End the thread and free the session; return whether it ended within ``timeout`` [s]."""
        with self._inbox.ready:
            self._inbox.stopped = True
            self._inbox.ready.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _command(self, command: Callable[[], None]) -> None:
        with self._inbox.ready:
            self._inbox.commands.append(command)
            self._inbox.ready.notify()

    def _drop_waiting(self) -> None:
        with self._inbox.ready:
            self._inbox.queue.clear()
            self._inbox.notes.clear()
            self._inbox.questions.clear()

    def _run(self) -> None:
        while True:
            command, unit, notes = self._wait()
            if command is None and unit is None:
                break
            try:
                if command is not None:
                    command()
                else:
                    self._process(unit, notes)
            except (MiniCPMOError, AssistantError) as error:
                self.state.rejected += 1
                self._report(str(error))
            except Exception:  # the one handler of this thread: report, recover
                self._recover(traceback.format_exc())
        self._session.close()

    def _wait(
        self,
    ) -> tuple[Optional[Callable[[], None]], Optional[PendingUnit], tuple[str, ...]]:
        inbox = self._inbox
        with inbox.ready:
            while not inbox.stopped:
                if inbox.commands:
                    return inbox.commands.popleft(), None, ()
                if len(inbox.queue) and not self.state.failed:
                    notes = tuple(inbox.notes)
                    inbox.notes.clear()
                    return None, inbox.queue.take(), notes
                if inbox.questions and self._may_ask():
                    return partial(self._ask, *inbox.questions.popitem(last=False)), None, ()
                inbox.ready.wait()
            return None, None, ()

    def _may_ask(self) -> bool:
        unit = self._last_unit
        if unit is None or unit.user_speaking or self._turn_open or self.state.failed:
            return False
        return self.budget.allows(self._clock())

    def _ask(self, watch_id: str, question: str) -> None:
        begun = self._clock()
        try:
            probability = self._session.ask_yes_no(question)
        finally:
            self.budget.spend(self._clock() - begun)
        self._callbacks.answered(watch_id, probability, self._last_unit)

    def _process(self, pending: PendingUnit, notes: tuple[str, ...]) -> None:
        begun = self._clock()
        if not self.camera:
            pending = pending.without_images()
        shedding = self.ladder.shedding(self.units_behind)
        whole, pending = pending, pending.without_images(shedding.pictures)
        self.state.pictures_shed += len(whole.images) - len(pending.images)
        self._callbacks.started(pending)
        files = pending.images if self._vision else ()
        unit = Unit(
            self._next_index,
            to_float32(pending.audio),
            readable_pictures(files, shedding.longest_side, self._report),
            max_slices=shedding.max_slices,
            notes=notes,
            flow_stride=shedding.flow_stride,
            text_only=shedding.text_only,
        )
        result = self._session.step(unit)
        self._next_index += 1
        self._last_unit, self._turn_open = pending, result.turn_open
        self.state.units += 1
        self.state.failures_in_a_row = 0
        total = self._clock() - begun
        queued, behind = begun - pending.arrival, self.units_behind
        self.ladder.finish(total, result.decision is Decision.SPEAK, behind, shedding.rung)
        self._callbacks.finished(UnitOutcome(pending, result, queued, total, behind, shedding))

    def _recover(self, text: str) -> None:
        self.state.failures += 1
        self.state.failures_in_a_row += 1
        self._report(f'the model failed and its conversation begins anew:\n{text}')
        try:
            self._session.reset()
        except Exception:  # a device that is gone cannot be reset either
            self.state.failures_in_a_row = MOST_FAILURES
            self._report(f'the model cannot be reset:\n{traceback.format_exc()}')
        self._next_index = 0

    def _reset_session(self) -> None:
        self._session.reset()
        self.ladder.reset()
        self._next_index = 0
        self.state.failures_in_a_row = 0
        self.state.last_error = ''

    def _replace_session(self, make_session: Callable[[], Session]) -> None:
        new = make_session()
        self._session.close()
        self._session = new
        self._next_index = 0
        self.state.failures_in_a_row = 0

    def _report(self, text: str) -> None:
        self.state.last_error = text.strip().splitlines()[-1]
        self._callbacks.failed(text)
