# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build the messages of the inference node from what the worker and the turn tracker produced."""

from __future__ import annotations

import hashlib

from minicpmo.protocol import Decision
from minicpmo_ros.errors import MessageError
from minicpmo_ros.inference.turn_tracker import SpeechPiece, TextPiece, TurnOutput
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit
from minicpmo_ros.message_bytes import byte_array, read_samples, to_int16
from minicpmo_ros.msg import OmniUnit, ProactiveEvent, SpeechChunk, TextDelta, UnitReport
from minicpmo_ros.stamp import duration_message, nanoseconds_of, time_message

SAMPLE_RATE = 16000
UNIT_SAMPLES = 16000


def pending_unit(message: OmniUnit, arrival: float) -> PendingUnit:
    """Return a received unit for the queue.

    :raises MessageError: when rate or length of its audio are not those of a whole unit.
    """
    if message.sample_rate != SAMPLE_RATE:
        raise MessageError(f'unit has audio of {message.sample_rate} Hz, it must be {SAMPLE_RATE}')
    audio = read_samples(message.audio)
    if len(audio) != UNIT_SAMPLES:
        raise MessageError(f'unit has {len(audio)} samples, it must have {UNIT_SAMPLES}')
    images = message.images
    return PendingUnit(
        index=message.unit_index,
        audio=audio,
        begin=nanoseconds_of(message.header.stamp),
        end=nanoseconds_of(message.audio_end),
        arrival=arrival,
        images=tuple(bytes(image.data) for image in images),
        image_stamp=nanoseconds_of(images[-1].header.stamp) if images else 0,
        user_speaking=message.user_speaking,
        speech_fraction=message.speech_fraction,
        images_dropped=message.images_dropped,
    )


def speech_chunk(output: TurnOutput, piece: SpeechPiece, stamp: int) -> SpeechChunk:
    """Return a piece of speech as a message."""
    message = SpeechChunk(
        turn_id=output.turn_id,
        epoch=output.epoch,
        index=piece.index,
        offset=duration_message(piece.offset),
        sample_rate=piece.sample_rate,
        channels=1,
        sample_format='S16LE',
        text=piece.text,
        proactive=output.proactive,
        last=piece.last,
    )
    message.data = byte_array(to_int16(piece.samples))
    message.header.stamp = time_message(stamp)
    return message


def text_delta(output: TurnOutput, piece: TextPiece, locale: str, stamp: int) -> TextDelta:
    """Return a piece of text as a message."""
    message = TextDelta(
        turn_id=output.turn_id,
        epoch=output.epoch,
        index=piece.index,
        delta=piece.delta,
        action_tags=list(piece.action_tags),
        locale=locale,
        last=piece.last,
    )
    message.header.stamp = time_message(stamp)
    return message


def unit_report(outcome: UnitOutcome, turn_id: int, epoch: int, delay: float) -> UnitReport:
    """Return how a unit was processed; ``delay`` [s] is its age when that began."""
    unit, result = outcome.unit, outcome.result
    timings = result.timings
    message = UnitReport(
        unit_index=unit.index,
        audio_begin=time_message(unit.begin),
        audio_end=time_message(unit.end),
        image_count=len(unit.images),
        image_stamp=time_message(unit.image_stamp),
        decision=UnitReport.SPEAK if result.decision is Decision.SPEAK else UnitReport.LISTEN,
        forced_listen=result.forced_listen,
        end_of_turn=result.end_of_turn,
        turn_id=turn_id,
        epoch=epoch,
        queue_time=max(delay, 0.0),
        prefill_time=timings.vision + timings.audio + timings.prefill,
        decode_time=timings.decode,
        speech_time=timings.speech,
        total_time=outcome.total_time,
        text_tokens=len(result.token_ids),
        context_tokens=result.context_tokens,
        units_behind=outcome.units_behind,
        images_dropped=unit.images_dropped,
        shedding=int(outcome.shedding.rung),
        shedding_reason=outcome.shedding.reason,
    )
    message.header.stamp = message.audio_begin
    return message


def model_event(
    output: TurnOutput, unit: PendingUnit, event_id: str, text: str, snapshot: bytes
) -> ProactiveEvent:
    """Return the event that the model began to speak unasked (OPENED)."""
    message = ProactiveEvent(
        event_id=event_id,
        type=ProactiveEvent.OPENED,
        kind='spoke_unasked',
        severity=ProactiveEvent.NOTICE,
        origin=ProactiveEvent.MODEL,
        text=text,
        confidence=float('nan'),
        evidence_begin=time_message(unit.begin),
        evidence_end=time_message(unit.end),
        count=1,
        spoken=True,
        turn_id=output.turn_id,
        epoch=output.epoch,
    )
    if snapshot:
        message.snapshot.format = 'jpeg'
        message.snapshot.header.stamp = time_message(unit.image_stamp)
        message.snapshot.data = byte_array(snapshot)
        message.snapshot_sha256 = hashlib.sha256(snapshot).hexdigest()
    return message
