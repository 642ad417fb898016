# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The watches of the events node: commands, speech, the clock, and what the model is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Optional

from rclpy.node import Node
from std_msgs.msg import Bool, String

from minicpmo_ros import qos
from minicpmo_ros.errors import WatchError
from minicpmo_ros.installation import configuration_file
from minicpmo_ros.msg import ContextNote, WatchAnswer, WatchCommand, WatchList, WatchQuestion
from minicpmo_ros.stamp import seconds_of
from minicpmo_ros.watch import spoken_request
from minicpmo_ros.watch.clock_jump import ClockJump
from minicpmo_ros.watch.confirmation import Confirmation
from minicpmo_ros.watch.confirmations import Confirmations
from minicpmo_ros.watch.event_message import (
    require_not_past,
    require_plain_cancel,
    watch_from,
    watch_message,
)
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.question_round import QuestionRound
from minicpmo_ros.watch.restatement import Restatement
from minicpmo_ros.watch.schedule import time_zone
from minicpmo_ros.watch.spoken_request import SPOKEN, SpokenRequest
from minicpmo_ros.watch.watch import Watch
from minicpmo_ros.watch.watch_file import load_watch_file
from minicpmo_ros.watch.watch_list import DueReminder
from minicpmo_ros.watch.watch_list import WatchList as Watches
from minicpmo_ros.watch.watch_store import StoredState, WatchStore

# A disk that was full is tried again so often [s].
RETRY_SECONDS = 10.0


@dataclass
class WatchListeners:
    """Called with what the watches bring about.

    due: a reminder's time has come. answered: a watch began (True) or ended (False) to be true,
    with its confirmation and the answer. agreed: every answer, whether it is a yes or a clear no
    (None: neither); called before ``answered``. cancelled: a watch is over.
    """

    due: Callable[[DueReminder], None]
    answered: Callable[[Watch, bool, Confirmation, WatchAnswer], None]
    agreed: Callable[[Watch, Optional[bool]], None]
    cancelled: Callable[[Watch], None]


class WatchComponent:
    """Owns the watches; part of the events node, in its executor."""

    def __init__(
        self, node: Node, parameters: Callable[[], EventParameters], listeners: WatchListeners
    ) -> None:
        """Read the configuration and what was stored; raise LocatedError for a mistake."""
        self._node = node
        self._parameters = parameters
        self._listeners = listeners
        given = parameters()
        self.zone = time_zone(given.time_zone)
        self.watches = Watches(self.zone, given.max_watches)
        self.store = WatchStore(Path(given.data_folder).expanduser() / 'watches.json')
        self.camera = True
        self._known: tuple[str, ...] = ()
        self._retry_at = 0.0
        self._jump = ClockJump()
        self._supported = False
        self._round = QuestionRound()
        self._confirmations = Confirmations(parameters)
        self._restatement = Restatement()
        self._create_interfaces()
        self._load(given)

    def _create_interfaces(self) -> None:
        node, subscribe = self._node, self._node.create_subscription
        self._list = node.create_publisher(WatchList, 'watches', qos.STATE)
        self._notes = node.create_publisher(ContextNote, 'context_note', qos.EVENT)
        self._questions = node.create_publisher(WatchQuestion, 'watch_question', qos.EVENT)
        subscribe(WatchCommand, 'watch_command', self._on_command, qos.EVENT)
        subscribe(WatchAnswer, 'watch_answer', self._on_answer, qos.EVENT)
        subscribe(Bool, 'questions_supported', self._on_supported, qos.STATE)
        subscribe(String, 'user_text', self._on_user_text, qos.EVENT)
        subscribe(String, 'text', self._on_text, qos.EVENT)

    @property
    def asks(self) -> bool:
        """Return whether the model can be asked, and told, about watches."""
        return self._supported

    @property
    def asks_now(self) -> bool:
        """Return whether questions are put: it can be asked, may look, and is meant to."""
        return self.asks and self.camera and self._parameters().questions_per_unit > 0

    def suspect(self, watch: Watch, seen: float) -> bool:
        """Take a report of a moment [s since 1970] like a yes; return whether it is true now."""
        return self._confirmations.of(watch).suspect(seen)

    def extra_answers(self, watch: Watch) -> int:
        """Return how many more answers than usual it takes to believe a report of a watch."""
        return self._confirmations.extra(watch)

    def is_true(self, watch_id: str) -> bool:
        """Return whether the answers say that what a watch waits for is there."""
        return self._confirmations.is_true(watch_id)

    @property
    def wavering(self) -> list[str]:
        """Return the ids of the watches of which nothing is told, for their answers waver."""
        return self._confirmations.wavering

    def save(self) -> None:
        """Store the watches and whether the camera is on; a failure is logged once."""
        before = self.store.problem
        state = StoredState(tuple(self.watches.all()), self._known, self.camera)
        if not self.store.save(state) and self.store.problem != before:
            self._node.get_logger().error(self.store.problem)

    def note(self, text: str) -> None:
        """Put a line into the model's context."""
        message = ContextNote(source=self._node.get_name(), text=text[:400])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._notes.publish(message)

    def unit_done(self, context_tokens: int, may_ask: bool, wall: float, steady: float) -> None:
        """Follow the model: state watches again, ask the next questions."""
        parameters = self._parameters()
        active = self.watches.active_events(wall)
        self._restatement.period = parameters.restate_period
        self._restatement.template = parameters.restate_text
        self._restatement.note_context(context_tokens)
        if not self._supported:
            return
        text = self._restatement.next_note(active, steady)
        if text:
            self.note(text)
        self._round.per_unit = parameters.questions_per_unit
        if may_ask and self.asks_now:
            for watch in self._round.next(active, self._confirmations.in_doubt):
                self._questions.publish(WatchQuestion(watch_id=watch.id, question=watch.question))

    def tick(self, wall: float, steady: float) -> None:
        """Follow the clock: jumps, reminders, ends of watches; write what could not be written."""
        jump = self._jump.update(wall, steady)
        if jump:
            self._node.get_logger().warning(f'the clock was set by {jump:+.0f} s')
            self.watches.move_clock(jump, wall)
        expired, due = self.watches.take_expired(wall), self.watches.take_due(wall)
        for watch in expired:
            self._forget(watch)
        for reminder in due:
            self._listeners.due(reminder)
        if jump or expired or due:
            self._changed()
        if self.store.problem and steady >= self._retry_at:
            self._retry_at = steady + RETRY_SECONDS
            self.save()

    def _load(self, parameters: EventParameters) -> None:
        state = self.store.load()
        self.camera, self._known = state.camera, state.known
        self.watches.restore(state.watches)
        if self.store.problem:
            self._node.get_logger().error(self.store.problem)
        self._follow_quiet_hours()
        if parameters.watches_file:
            for watch in load_watch_file(configuration_file(parameters.watches_file)):
                self._take_configured(watch)
        self._changed()

    def _take_configured(self, watch: Watch) -> None:
        """Take a watch of the file once; what people changed later is kept."""
        if watch.id in self._known:
            return
        self._known = (*self._known, watch.id)
        try:
            self.watches.add(watch, self._wall())
        except WatchError as error:
            self._node.get_logger().warning(f'watches_file: {error}')

    def _follow_quiet_hours(self) -> None:
        """Tell the list when nothing can be said; what says nothing anyhow has no quiet hours."""
        given = self._parameters()
        self.watches.quiet_hours = given.quiet_hours if given.speak else ()

    def _on_command(self, message: WatchCommand) -> None:
        self._follow_quiet_hours()
        try:
            self._obey(message)
        except WatchError as error:
            self._node.get_logger().warning(f'watch_command: {error}')
            self._changed(str(error))

    def _obey(self, message: WatchCommand) -> None:
        if message.command == WatchCommand.CANCEL:
            require_plain_cancel(message.watch)
            self._cancel(self.watches.cancel(message.watch.id))
        elif message.command == WatchCommand.ADD:
            require_not_past(message.watch, self._wall())
            self.watches.add(watch_from(message.watch), self._wall())
        elif message.command == WatchCommand.CHANGE:
            watch = watch_from(message.watch)
            self.watches.change(watch, self._wall())
            self._forget(watch)
        else:
            raise WatchError(f'command {message.command} is unknown')
        self._changed()

    def _on_user_text(self, message: String) -> None:
        self._by_speech(spoken_request.from_user, message.data)

    def _on_text(self, message: String) -> None:
        self._by_speech(spoken_request.from_assistant, message.data)

    def _by_speech(self, read: Callable[[str], list[SpokenRequest]], text: str) -> None:
        if not self._parameters().watches_by_speech:
            return
        self._follow_quiet_hours()
        try:
            requests = read(text)
            spoken_request.require_one_wish(requests)
            for request in requests:
                self._follow(request)
                self._changed()
        except WatchError as error:
            self._changed(str(error))
            self.note(f'That watch cannot be kept: {error}.')

    def _follow(self, request: SpokenRequest) -> None:
        if request.add is not None:
            if any(w.text.casefold() == request.add.text.casefold() for w in self.watches.all()):
                return  # promised by the assistant, or known already
            self.watches.add(request.add, self._wall())
        elif request.cancel is not None:
            wanted = request.cancel.casefold()
            spoken = [w for w in self.watches.all() if w.id.startswith(SPOKEN)]
            for watch in spoken:
                if wanted in watch.text.casefold():
                    self._cancel(self.watches.cancel(watch.id))

    def _cancel(self, watches: list[Watch]) -> None:
        for watch in watches:
            self._forget(watch)

    def _forget(self, watch: Watch) -> None:
        self._confirmations.forget(watch.id)
        self._listeners.cancelled(watch)

    def _on_supported(self, message: Bool) -> None:
        self._supported = message.data

    def _on_answer(self, message: WatchAnswer) -> None:
        watch = self.watches.get(message.watch_id)
        if watch is None or not self.camera:
            return  # cancelled meanwhile
        self._round.note_answer(watch.id)
        if math.isnan(message.probability):
            return
        confirmation = self._confirmations.of(watch)
        seen = seconds_of(message.evidence_end)
        wavered = bool(confirmation.wavering)
        change = confirmation.update(message.probability, seen)
        if confirmation.wavering and not wavered:
            self._node.get_logger().warning(
                f'watch {watch.id}: the answers waver, nothing is told of it until they settle'
            )
        self._listeners.agreed(watch, confirmation.agrees(message.probability))
        if change is not None or confirmation.confirmed:
            self._listeners.answered(watch, confirmation.confirmed, confirmation, message)

    def _changed(self, reason: str = '') -> None:
        if not reason:
            self.save()
        message = WatchList(accepted=not reason, reason=reason)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.watches = [watch_message(watch) for watch in self.watches.all()]
        self._list.publish(message)

    def _wall(self) -> float:
        return self._node.get_clock().now().nanoseconds / 1e9
