# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn messages into what the observation keeps."""

from __future__ import annotations

import numpy as np

from minicpmo_ros.demo.observation import (
    EventSeen,
    InterruptionSeen,
    PlaybackSeen,
    SpeechSeen,
    Stage,
    UnitSeen,
)
from minicpmo_ros.message_bytes import read_bytes
from minicpmo_ros.msg import (
    Interruption,
    PlaybackStatus,
    ProactiveEvent,
    SpeechChunk,
    UnitReport,
)
from minicpmo_ros.stamp import nanoseconds_of, seconds_of

REASONS = {
    Interruption.USER_SPEECH: 'somebody speaks',
    Interruption.STOP_PHRASE: 'stop phrase',
    Interruption.REQUEST: 'request',
    Interruption.ACTION: 'action',
    Interruption.EMERGENCY_STOP: 'emergency stop',
    Interruption.MODEL_YIELD: 'the model yields',
}
EVENT_TYPES = {
    ProactiveEvent.OPENED: 'opened',
    ProactiveEvent.UPDATED: 'updated',
    ProactiveEvent.CLOSED: 'closed',
}
ORIGINS = {
    ProactiveEvent.MODEL: 'model',
    ProactiveEvent.RULE: 'rule',
    ProactiveEvent.REMINDER: 'reminder',
    ProactiveEvent.WATCH: 'watch',
}


class MessageReader:
    """Converts times to seconds since ``begin`` [ns], the stamp of the first unit."""

    def __init__(self, begin: int) -> None:
        self._begin = begin

    def seconds(self, stamp: object) -> float:
        """Return a time message as seconds since the begin."""
        return (nanoseconds_of(stamp) - self._begin) / 1e9

    def unit(self, message: UnitReport) -> UnitSeen:
        """Return a unit report."""
        return UnitSeen(
            index=message.unit_index,
            begin=self.seconds(message.audio_begin),
            end=self.seconds(message.audio_end),
            speaks=message.decision == UnitReport.SPEAK,
            forced=message.forced_listen,
            end_of_turn=message.end_of_turn,
            turn_id=message.turn_id,
            stages={
                'waited': message.queue_time,
                'prefill': message.prefill_time,
                'decode': message.decode_time,
                'speech': message.speech_time,
            },
            total=message.total_time,
            pictures=message.image_count,
            units_behind=message.units_behind,
        )

    def speech(self, message: SpeechChunk) -> SpeechSeen:
        """Return a piece of speech."""
        return SpeechSeen(
            time=self.seconds(message.header.stamp),
            turn_id=message.turn_id,
            epoch=message.epoch,
            offset=seconds_of(message.offset),
            rate=message.sample_rate,
            samples=read_bytes(message.data).view(np.int16),
            text=message.text,
            proactive=message.proactive,
            last=message.last,
        )

    def playback(self, message: PlaybackStatus) -> PlaybackSeen:
        """Return a playback status."""
        return PlaybackSeen(
            time=self.seconds(message.header.stamp),
            turn_id=message.turn_id,
            epoch=message.epoch,
            playing=message.playing,
            paused=message.paused,
            played=seconds_of(message.played),
        )

    def interruption(self, message: Interruption) -> InterruptionSeen:
        """Return an interruption."""
        return InterruptionSeen(
            time=self.seconds(message.header.stamp),
            stage=Stage(message.stage),
            reason=REASONS.get(message.reason, str(message.reason)),
            turn_id=message.turn_id,
            played=seconds_of(message.played),
            source=message.source,
        )

    def event(self, message: ProactiveEvent) -> EventSeen:
        """Return a proactive event."""
        return EventSeen(
            time=self.seconds(message.header.stamp),
            event_id=message.event_id,
            type=EVENT_TYPES.get(message.type, str(message.type)),
            kind=message.kind,
            severity=message.severity,
            origin=ORIGINS.get(message.origin, str(message.origin)),
            text=message.text,
            turn_id=message.turn_id,
        )
