# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The one thread that owns the model: takes units and commands, hands results on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
import threading
import traceback
from typing import Optional

from minicpmo.errors import InputError, MiniCPMOError
from minicpmo.protocol import (
    Decision,
    Heard,
    LookAheadSession,
    Session,
    Unit,
    UnitResult,
)
from minicpmo_ros.errors import AssistantError
from minicpmo_ros.inference.begin_rule import Begin, BeginRule, without_turn
from minicpmo_ros.inference.inbox import Inbox, Job
from minicpmo_ros.inference.load_shedding import LoadLadder
from minicpmo_ros.inference.prepared_unit import PreparedUnit
from minicpmo_ros.inference.question_budget import QuestionBudget
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.inference.worker_callbacks import WorkerCallbacks
from minicpmo_ros.inference.worker_state import MOST_FAILURES, WorkerState


class InferenceWorker:
    """Runs a session in a thread of its own; every method may be called from any thread.

    Commands (interrupt, reset, replace) are executed before the next unit, in order. A unit the
    engine rejects is reported and the session goes on; when the engine fails otherwise the
    session is reset, and after MOST_FAILURES such units in a row it waits for ``reset``.
    Questions are asked only when nothing else is to do and the budget allows it, also while the
    robot speaks, so a unit waits for one question at most. Where the session can, the sound and
    pictures of a unit that waits are encoded while the speech of the one before it is being made.

    ladder: decides what is left out of units when the model is too slow.
    camera: false takes the pictures out of all units, also of those that wait.
    budget: bounds the time for questions. begin_rule: keeps turns from beginning over somebody.

    :param clock: monotonic time [s].
    :param threaded: false: no thread is started and ``work`` does what waits.
    """

    def __init__(
        self,
        session: Session,
        queue: UnitQueue,
        callbacks: WorkerCallbacks,
        clock: Callable[[], float],
        vision: bool = True,
        threaded: bool = True,
    ) -> None:
        self.state = WorkerState()
        self._session = session
        self._callbacks = callbacks
        self._clock = clock
        self._vision = vision
        self.camera = True
        self.ladder = LoadLadder(vision, session.flow_steps > 0)
        self.budget = QuestionBudget(0.0)
        self.begin_rule = BeginRule()
        self._last_unit: Optional[PendingUnit] = None
        self._turn_open = False
        self._next_index = 0
        self._ahead: Optional[PreparedUnit] = None
        self._inbox = Inbox(queue)
        self._thread: Optional[threading.Thread] = None
        if threaded:
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
        self._inbox.put(unit)

    def note(self, text: str) -> None:
        """Give the model a line of context with the next unit; the oldest of many is dropped."""
        self._inbox.note(text)

    def announce(self, text: str) -> None:
        """Say a sentence from the next unit on; it is dropped when a turn cannot begin there."""
        self._inbox.announce(text)

    def ask(self, watch_id: str, question: str) -> None:
        """Ask a question about the newest unit; it lapses when the next one begins."""
        self._inbox.ask(watch_id, question)

    def note_speech(self, speaking: bool) -> None:
        """Take what the speech detector says now."""
        self.begin_rule.note_speech(speaking, self._clock())

    def interrupt(self, heard: Heard) -> None:
        """Close the open turn before the next unit."""
        self._command(lambda: self._interrupt_session(heard))

    def reset(self) -> None:
        """Forget waiting units and begin a new conversation."""
        self._inbox.drop_waiting()
        self._command(self._reset_session)

    def replace(self, make_session: Callable[[], Session]) -> None:
        """Go on with another session, made in the worker's thread."""
        self._command(lambda: self._replace_session(make_session))

    def pause(self, paused: bool) -> None:
        """Stop, or go on, listening; what waits is forgotten."""
        self.state.paused = paused
        self._inbox.pause(paused)

    def stop(self, timeout: float) -> bool:
        """End the thread and free the session; return whether it ended within ``timeout`` [s]."""
        self._inbox.stop()
        if self._thread is None:
            self._session.close()
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def work(self) -> None:
        """Do everything that can be done now, in the caller's thread (not ``threaded``)."""
        assert self._thread is None
        while (job := self._next(block=False)) is not None:
            self._do(job)

    def _command(self, command: Callable[[], None]) -> None:
        self._inbox.command(command)

    def _run(self) -> None:
        while (job := self._next(block=True)) is not None:
            self._do(job)
        self._session.close()

    def _next(self, block: bool) -> Optional[Job]:
        return self._inbox.next(lambda: not self.state.failed, self._may_ask, block)

    def _do(self, job: Job) -> None:
        try:
            if job.command is not None:
                job.command()
            elif job.question is not None:
                self._ask(*job.question)
            else:
                self._process(job)
        except (MiniCPMOError, AssistantError) as error:
            self.state.rejected += 1
            self._report(str(error))
        except Exception:  # the one handler of this thread: report, recover
            self._recover(traceback.format_exc())

    def _may_ask(self) -> bool:
        if self._last_unit is None or self.state.failed:
            return False
        return self.budget.allows(self._clock())

    def _ask(self, watch_id: str, question: str) -> None:
        begun = self._clock()
        try:
            probability = self._session.ask_yes_no(question)
        except InputError as error:  # this question cannot be asked; others can
            self._report(f'watch {watch_id}: {error}')
            probability = None
        finally:
            self.budget.spend(self._clock() - begun)
        self._callbacks.answered(watch_id, probability, self._last_unit)

    def _process(self, job: Job) -> None:
        begun, prepared = self._clock(), self._take_prepared(job.unit)
        pending, shedding = prepared.pending, prepared.shedding
        self._callbacks.started(pending)
        begin = self.begin_rule.decide(pending, self._turn_open)
        if job.announcement and begin is not Begin.HELD_BACK and not self._turn_open:
            begin = Begin.FREE
            self._say(job.announcement)
        result = self._step(prepared.unit(self._next_index, begin, job.notes))
        if not self._turn_open and self.begin_rule.is_talked_over(pending, result, self._clock()):
            self._session.take_back()
            result = without_turn(result)
        self.begin_rule.follow_result(begin, result)
        self._next_index += 1
        self._last_unit, self._turn_open = pending, result.turn_open
        self.state.units += 1
        self.state.failures_in_a_row = 0
        total = self._clock() - begun + prepared.seconds
        if self._ahead is not None:
            total -= self._ahead.seconds
        queued, behind = begun - pending.arrival, self.units_behind
        self.ladder.finish(total, result.decision is Decision.SPEAK, behind, shedding.rung)
        asked = self.begin_rule.is_asked(pending)
        self._callbacks.finished(
            UnitOutcome(pending, result, queued, total, behind, shedding, asked)
        )

    def _step(self, unit: Unit) -> UnitResult:
        session = self._session
        if not isinstance(session, LookAheadSession):
            return session.step(unit)
        session.begin(unit)
        if session.speech_under_way:
            self._look_ahead(session)
        return session.finish()

    def _look_ahead(self, session: LookAheadSession) -> None:
        """Have the next unit encoded if it waits already; it goes on waiting."""
        waiting = self._inbox.following()
        if waiting is None:
            return
        begun = self._clock()
        prepared = self._prepare(waiting, self.units_behind - 1)
        with suppress(MiniCPMOError):  # rejected, and reported, when its turn comes
            session.prefetch(prepared.unit(self._next_index + 1, Begin.FREE))
        self._ahead = replace(prepared, seconds=self._clock() - begun)

    def _take_prepared(self, source: PendingUnit) -> PreparedUnit:
        """Return the unit that is begun now; what was encoded ahead is used if it is the one."""
        prepared, self._ahead = self._ahead, None
        if prepared is None or prepared.source is not source:
            prepared = self._prepare(source, self.units_behind)
        elif not self.camera:  # switched off meanwhile
            prepared = prepared.without_pictures()
        self.state.pictures_shed += prepared.shed
        return prepared

    def _prepare(self, source: PendingUnit, waiting: int) -> PreparedUnit:
        """Make a unit ready that is begun while ``waiting`` others wait behind it."""
        shedding = self.ladder.shedding(waiting)
        return PreparedUnit.prepare(source, shedding, self.camera, self._vision, self._report)

    def _say(self, text: str) -> None:
        try:
            self._session.say(text)
        except MiniCPMOError as error:  # the unit itself is good
            self._report(f'not said: {error}')

    def _recover(self, text: str) -> None:
        self.state.failures += 1
        self.state.failures_in_a_row += 1
        self._report(f'the model failed and its conversation begins anew:\n{text}')
        try:
            self._session.reset()
        except Exception:  # a device that is gone cannot be reset either
            self.state.failures_in_a_row = MOST_FAILURES
            self._report(f'the model cannot be reset:\n{traceback.format_exc()}')
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Count units and turns of a new conversation; nothing of it is encoded yet."""
        self._ahead = None
        self._turn_open = False
        self._next_index = 0
        self.begin_rule.reset()

    def _interrupt_session(self, heard: Heard) -> None:
        self._session.interrupt(heard)
        self._turn_open = False

    def _reset_session(self) -> None:
        self._session.reset()
        self.ladder.reset()
        self._begin_anew()
        self.state.failures_in_a_row = 0
        self.state.last_error = ''

    def _replace_session(self, make_session: Callable[[], Session]) -> None:
        new = make_session()
        self._session.close()
        self._session = new
        self._begin_anew()
        self.state.failures_in_a_row = 0

    def _report(self, text: str) -> None:
        self.state.last_error = text.strip().splitlines()[-1]
        self._callbacks.failed(text)
