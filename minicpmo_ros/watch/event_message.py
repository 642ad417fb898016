# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches and events as messages; plain data in, messages out, and back."""

from __future__ import annotations

from dataclasses import replace
import math
import re

from minicpmo_ros.errors import WatchError
from minicpmo_ros.message_bytes import byte_array
from minicpmo_ros.msg import ProactiveEvent
from minicpmo_ros.msg import Watch as WatchMessage
from minicpmo_ros.stamp import NANOSECONDS, seconds_of, time_message
from minicpmo_ros.watch.condition import condition_of
from minicpmo_ros.watch.event_record import EventRecord, EventType, Happening, Origin
from minicpmo_ros.watch.schedule import Schedule
from minicpmo_ros.watch.watch import Severity, Watch, WatchKind, id_from

_KINDS = {WatchKind.EVENT: WatchMessage.EVENT, WatchKind.TIME: WatchMessage.TIME}


def watch_from(message: WatchMessage) -> Watch:
    """Return the watch in a message; raise WatchError when it makes no sense."""
    kinds = {number: kind for kind, number in _KINDS.items()}
    if message.kind not in kinds or message.severity > Severity.CRITICAL:
        raise WatchError(f'watch {message.id[:64]!r}: unknown kind or severity')
    if math.isnan(message.cooldown):
        raise WatchError(f'watch {message.id[:64]!r}: cooldown is not a number')
    kind = kinds[message.kind]
    text = condition_of(message.text) if kind is WatchKind.EVENT else message.text.strip()
    return Watch(
        id=message.id or id_from(text),
        text=text,
        zone=message.zone,
        kind=kind,
        severity=Severity(message.severity),
        when=message.when,
        schedule=Schedule(tuple(message.times), tuple(message.weekdays)),
        cooldown=None if message.cooldown < 0.0 else message.cooldown,
        silent=message.silent,
        expires=_instant(message.expires),
        reports=tuple(message.reports),
    )


def require_plain_cancel(message: WatchMessage) -> None:
    """Raise WatchError for a watch that is described and to be cancelled: only its id counts.

    An empty id cancels all watches, which nobody means who describes one.
    """
    if not message.id and (message.text or message.zone or message.when):
        raise WatchError(
            f'cancel goes by id, and only the text {message.text[:64]!r} was given; give the id of'
            ' the watch (topic watches), or neither to cancel all'
        )


def require_not_past(message: WatchMessage, now: float) -> None:
    """Raise WatchError for a new reminder whose time lies behind us.

    The time is computed from ``when``; ``due`` is there for readers.
    """
    due = _instant(message.due)
    if due is not None and due <= now:
        raise WatchError(
            f'watch {(message.id or message.text)[:64]!r}: due lies {now - due:.0f} s behind us;'
            " leave it out and say the time in when, e.g. 'in ten minutes'"
        )


def watch_message(watch: Watch) -> WatchMessage:
    """Return a watch as a message."""
    return WatchMessage(
        id=watch.id,
        text=watch.text,
        zone=watch.zone,
        kind=_KINDS[watch.kind],
        severity=int(watch.severity),
        when=watch.when,
        due=_time(watch.due or 0.0),
        times=list(watch.schedule.times),
        weekdays=list(watch.schedule.weekdays),
        cooldown=watch.effective_cooldown,
        silent=watch.silent,
        expires=_time(watch.expires or 0.0),
        reports=list(watch.reports),
    )


def event_message(record: EventRecord, kind: EventType, snapshot: bytes) -> ProactiveEvent:
    """Return an event as a message; an empty snapshot is left out."""
    seen = record.happening
    message = ProactiveEvent(
        event_id=record.event_id,
        watch_id=seen.watch_id,
        type=int(kind),
        kind=seen.label,
        severity=int(seen.severity),
        origin=int(seen.origin),
        zone=seen.zone,
        text=seen.text,
        confidence=seen.confidence,
        evidence_begin=_time(record.first_seen),
        evidence_end=_time(seen.end),
        count=record.count,
        spoken=record.spoken,
        acknowledgement_required=record.acknowledgement_required,
        acknowledged=record.acknowledged,
        turn_id=seen.turn_id,
        epoch=seen.epoch,
        snapshot_sha256=record.snapshot_sha256,
        model_id=seen.model_id,
        prompt_id=seen.prompt_id,
    )
    if snapshot:
        message.snapshot.format = 'jpeg'
        message.snapshot.header.stamp = _time(seen.end)
        message.snapshot.data = byte_array(snapshot)
    return message


def happening_from(message: ProactiveEvent) -> Happening:
    """Return what an event of another node reports; raise WatchError for unknown numbers."""
    try:
        severity, origin = Severity(message.severity), Origin(message.origin)
    except ValueError as error:
        raise WatchError(f'event {message.event_id[:64]!r}: {error}') from error
    return Happening(
        label=message.kind[:64] or 'event',
        text=message.text[:400],
        begin=seconds_of(message.evidence_begin),
        end=seconds_of(message.evidence_end),
        watch_id=message.watch_id,
        zone=message.zone,
        severity=severity,
        origin=origin,
        confidence=message.confidence,
        said=message.spoken,
        model_id=message.model_id,
        prompt_id=message.prompt_id,
        turn_id=message.turn_id,
        epoch=message.epoch,
    )


def event_kind(watch: Watch) -> str:
    """Return the kind of the events of a watch, snake_case."""
    return re.sub(r'\W', '_', watch.id)


def happening_of(watch: Watch, seen: Happening, origin: Origin, said: bool) -> Happening:
    """Return what was seen as a happening of a watch."""
    return replace(
        seen,
        label=event_kind(watch),
        text=watch.text,
        watch_id=watch.id,
        zone=watch.zone,
        severity=watch.severity,
        origin=origin,
        cooldown=watch.effective_cooldown,
        silent=watch.silent,
        said=said,
    )


def outside_record(message: ProactiveEvent, seen: Happening) -> EventRecord:
    """Return the record of an event that another node published."""
    return EventRecord(
        event_id=message.event_id[:64],
        happening=seen,
        first_seen=seen.begin,
        count=message.count,
        is_open=message.type != ProactiveEvent.CLOSED,
        spoken=message.spoken,
        acknowledged=message.acknowledged or not message.acknowledgement_required,
    )


def _instant(stamp: object) -> float | None:
    seconds = seconds_of(stamp)
    return seconds if seconds != 0.0 else None


def _time(seconds: float) -> object:
    return time_message(round(seconds * NANOSECONDS))
