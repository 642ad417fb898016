# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The events of the events node: signs come in, events go out to topic, voice, store and home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
import math
from pathlib import Path
import time
from typing import Optional
import uuid

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.msg import EventCommand, ProactiveEvent, WatchAnswer
from minicpmo_ros.watch.announcement import AnnouncementOptions
from minicpmo_ros.watch.announcement_component import AnnouncementComponent
from minicpmo_ros.watch.confirmation import Confirmation
from minicpmo_ros.watch.event_message import (
    happening_from,
    happening_of,
)
from minicpmo_ros.watch.event_policy import Command, EventPolicy, SpeakCommand
from minicpmo_ros.watch.event_publisher import EventPublisher, Forward
from minicpmo_ros.watch.event_record import EventKey, EventRecord, EventType, Happening, Origin
from minicpmo_ros.watch.event_store import EventStore
from minicpmo_ros.watch.held_report import HeldReport, HeldReports
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.report_component import ReportComponent, ReportListeners
from minicpmo_ros.watch.room_tracker import RoomTracker
from minicpmo_ros.watch.schedule import parse_day_span
from minicpmo_ros.watch.watch import Severity, Watch
from minicpmo_ros.watch.watch_component import WatchComponent, WatchListeners
from minicpmo_ros.watch.watch_list import DueReminder

DAY = 86400.0
HOUSEKEEPING_SECONDS = 60.0
# A reminder that comes later than this says so [s].
LATE_SECONDS = 120.0


class EventComponent:
    """Owns policy and store; part of the events node, in its executor.

    forward: also gets every event, e.g. the way to the home system.
    steady: a steady clock [s].
    """

    def __init__(
        self,
        node: Node,
        parameters: Callable[[], EventParameters],
        forward: list[Forward],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._parameters = parameters
        self._steady = steady
        self.room = RoomTracker()
        self.policy = EventPolicy(lambda: uuid.uuid4().hex)
        folder = Path(parameters().data_folder).expanduser()
        self.store = EventStore(folder / 'events.db', parameters().retention_days * DAY)
        self._export_folder = folder / 'export'
        listeners = WatchListeners(
            due=self._on_due,
            answered=self._on_watch,
            agreed=self._on_answer,
            cancelled=self._on_cancelled,
        )
        self.watch = WatchComponent(node, parameters, listeners)
        self._announcement = AnnouncementComponent(node, parameters)
        self._reports = ReportComponent(node, self._report_listeners())
        self._held = HeldReports()
        self._picture = b''
        self._kept_house = -math.inf
        self._publisher = EventPublisher(node, self.store, forward)
        node.create_subscription(EventCommand, 'event_command', self._on_command, qos.EVENT)
        for record in self.store.pressing():
            self.policy.restore(record, self._steady())

    def _report_listeners(self) -> ReportListeners:
        return ReportListeners(
            happens=self._on_report,
            completes=lambda watch, picture, spoken: self._held.complete(
                watch.id, picture, spoken
            ),
            ends=self._on_report_end,
            keep=lambda record, picture: self._publisher.keep(record, picture, self._mode()),
            drop=self.store.delete,
            unasked=lambda: self.policy.note_said(self._steady()),
            active=lambda: self.watch.watches.active_events(self._wall()),
            is_announcement=lambda turn: self._announcement.is_announcement(turn, self._steady()),
        )

    def take_picture(self, picture: bytes) -> None:
        """Remember the newest picture; empty forgets it."""
        self._picture = picture

    def tick(self, wall: float, steady: float) -> None:
        """Follow the clock."""
        parameters = self._parameters()
        self.watch.tick(wall, steady)
        for report in self._held.take_unanswered(steady):
            self._believe(report)
        for report in self._held.take_doubtful(steady):
            self._refuse(report)
        self.policy.repeat_period = parameters.repeat_period
        self.policy.options = AnnouncementOptions(
            parameters.announcement_pause,
            parameters.announcement_patience,
            max_proactive_per_hour=parameters.max_proactive_per_hour,
            attempts=self._announcement.attempts,
        )
        room = self.room.room(steady, self._is_quiet(wall))
        room = replace(room, engine_ready=room.engine_ready and parameters.speak)
        self._perform(self.policy.tick(room, steady))
        if steady - self._kept_house >= HOUSEKEEPING_SECONDS:
            self._kept_house = steady
            self.store.retention = parameters.retention_days * DAY
            self.store.flush()
            self.store.prune(wall)

    def robot_said(self, turn_id: int, epoch: int, text: str, last: bool) -> None:
        """Take what the robot says: it may be an announcement, or report what a watch waits for.

        last: with these words the turn ends.
        """
        now = self._steady()
        event_id = self._announcement.heard(turn_id, text, now)
        if event_id:
            self._perform(self.policy.spoken(event_id, turn_id, epoch))
        self._reports.robot_said(turn_id, epoch, text, last)

    def acknowledge(self, event_id: str = '') -> int:
        """Acknowledge one event, or all; return how many."""
        commands = self.policy.acknowledge(event_id)
        self._perform(commands)
        return len(commands)

    def delete(self, event_id: str = '') -> int:
        """Delete one event, or all; return how many."""
        self.policy.forget(event_id)
        return self.store.delete(event_id)

    def export(self) -> str:
        """Write all events to the export folder; return a sentence on what happened."""
        try:
            return f'written to {self.store.export(self._export_folder)}'
        except OSError as error:
            return f'not written: {error.strerror}'

    def status(self) -> Status:
        """Return the line of diagnostics."""
        values = {
            'watches': len(self.watch.watches),
            'open events': len(self.policy.records()),
            'model can be asked': self.watch.asks,
            'camera': self.watch.camera,
            'events lost': self.store.lost,
        }
        wavering = ', '.join(self.watch.wavering)
        if wavering:
            values['answers waver'] = wavering
        problem = self.store.problem or self.watch.store.problem
        if problem:
            return Status('events', Level.WARN, problem, values)
        return Status('events', Level.OK, 'watching', values)

    def close(self) -> None:
        """Write what waits."""
        self.watch.save()
        self.store.close()

    # Signs of something happening.

    def _on_due(self, reminder: DueReminder) -> None:
        watch = reminder.watch
        minutes = f' (late by {reminder.late / 60:.0f} minutes)'
        late = minutes if reminder.late > LATE_SECONDS else ''
        wall = self._wall()
        happening = Happening(
            'reminder', watch.text + late, wall, wall, watch.id, watch.zone, watch.severity,
            Origin.REMINDER, cooldown=0.0, silent=watch.silent,
        )  # fmt: skip
        self._perform(self.policy.report(happening, self._steady()))
        self._perform(self.policy.close(happening.key, wall))

    def _on_watch(
        self, watch: Watch, happens: bool, confirmation: Confirmation, answer: WatchAnswer
    ) -> None:
        seen = happening_from(
            ProactiveEvent(
                evidence_begin=answer.evidence_begin,
                evidence_end=answer.evidence_end,
                model_id=answer.model_id,
                confidence=confirmation.confidence if happens else math.nan,
            )
        )
        happening = happening_of(watch, seen, Origin.WATCH, said=False)
        if happens:
            report = self._held.take(watch.id)
            if report is not None:
                self._believe(report, happening.confidence)
            self._perform(self.policy.report(happening, self._steady()))
        else:
            self._perform(self.policy.close(happening.key, happening.end))

    def _on_cancelled(self, watch: Watch) -> None:
        self._refuse(self._held.take(watch.id))
        self._perform(self.policy.forget_watch(watch.id, self._wall()))

    def _on_report(
        self, happening: Happening, picture: bytes, spoken: Optional[EventRecord]
    ) -> bool:
        watch = self.watch.watches.get(happening.watch_id)
        asked = watch is not None and self.watch.asks_now
        if not asked or self.watch.suspect(watch, happening.end):
            return self._open(happening, picture)
        critical = watch.severity is Severity.CRITICAL
        extra = self.watch.extra_answers(watch)
        report = HeldReport(happening, picture, spoken, self._steady(), critical, extra)
        self._held.hold(report)
        return False

    def _on_report_end(self, key: EventKey, end: float) -> None:
        """The model has said it; the event ends with that unless questions tell its end."""
        if key.watch_id not in self._held and not self.watch.is_true(key.watch_id):
            self._perform(self.policy.close(key, end))

    def _on_answer(self, watch: Watch, agrees: Optional[bool]) -> None:
        self._refuse(self._held.note_answer(watch.id, agrees))
        credible = self._held.note_credible(watch.id)
        if credible is not None:
            self._open(credible.happening, credible.picture)

    def _believe(self, report: HeldReport, confidence: float = math.nan) -> None:
        happening = replace(report.happening, confidence=confidence)
        self._open(happening, report.picture)
        if math.isnan(confidence):  # nobody answers, so nobody will tell its end
            self._perform(self.policy.close(happening.key, happening.end))

    def _refuse(self, report: Optional[HeldReport]) -> None:
        if report is None:
            return
        if report.believed:
            self._perform(self.policy.close(report.happening.key, self._wall()))
        elif report.spoken is not None:
            record = replace(report.spoken, is_open=False)
            self._publisher.keep(record, report.picture, self._mode())

    def _open(self, happening: Happening, picture: bytes) -> bool:
        commands = self.policy.report(happening, self._steady())
        self._perform(commands, picture)
        return any(command.type is EventType.OPENED for command in commands)

    # What becomes of it.

    def _perform(self, commands: list[Command], picture: bytes = b'') -> None:
        for command in commands:
            if isinstance(command, SpeakCommand):
                record = command.record
                self._announcement.say(record.event_id, record.happening, self._steady())
            else:
                self._publish(command.record, command.type, picture)

    def _publish(self, record: EventRecord, kind: EventType, picture: bytes) -> None:
        if kind is EventType.OPENED:
            published = self._publisher.open(record, picture or self._picture, self._mode())
            self.policy.note_snapshot(record.event_id, published.snapshot_sha256)
        else:
            self._publisher.update(record, kind)

    def _mode(self) -> str:
        return self._parameters().snapshots if self.watch.camera else 'none'

    def _on_command(self, message: EventCommand) -> None:
        if message.command == EventCommand.ACKNOWLEDGE:
            self.acknowledge(message.event_id)
        elif message.command == EventCommand.DELETE:
            self.delete(message.event_id)
        elif message.command == EventCommand.EXPORT:
            self._node.get_logger().info(f'events {self.export()}')
        else:
            self._node.get_logger().warning(f'event_command {message.command} is unknown')

    def _is_quiet(self, wall: float) -> bool:
        clock = datetime.fromtimestamp(wall, self.watch.zone).time()
        return any(parse_day_span(s).contains(clock) for s in self._parameters().quiet_hours)

    def _wall(self) -> float:
        return self._node.get_clock().now().nanoseconds / 1e9
