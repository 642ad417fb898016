# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The life of one request as a table: (phase, event) -> (phase, effects).

A pair that is not in the table changes nothing: late, repeated and contradictory events fall
through. The table is total in that sense and has no other memory than the phase.
"""

from __future__ import annotations

import enum


class Phase(enum.Enum):
    """Where a request stands. SUCCEEDED and later are final."""

    WAITING = 'waiting'  # for a person's yes
    SENDING = 'sending'  # waiting for the server, or for its acceptance of a goal
    RUNNING = 'running'
    CANCELING = 'canceling'  # cancel requested, the server has not answered
    SUCCEEDED = 'succeeded'
    FAILED = 'failed'
    REJECTED = 'rejected'
    CANCELED = 'canceled'
    EXPIRED = 'expired'


FINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.REJECTED, Phase.CANCELED, Phase.EXPIRED})


class RequestEvent(enum.Enum):
    """What can happen to a request."""

    CONFIRMED = 'confirmed'
    DECLINED = 'declined'
    CONFIRMATION_TIMEOUT = 'confirmation_timeout'
    BLOCKED = 'blocked'  # a gate closed while the request was waiting
    NO_SERVER = 'no_server'
    ACCEPTED = 'accepted'
    REFUSED = 'refused'  # by the server
    DONE = 'done'
    ERROR = 'error'
    TIMEOUT = 'timeout'
    STOP = 'stop'  # interruption, stop phrase, emergency stop or operator
    CANCEL_CONFIRMED = 'cancel_confirmed'
    CANCEL_TIMEOUT = 'cancel_timeout'


class Effect(enum.Enum):
    """What the owner of the request has to do."""

    SEND = 'send'
    CANCEL = 'cancel'  # ask the server to cancel, now
    FORGET = 'forget'  # ignore whatever the server still answers


_P, _E, _F = Phase, RequestEvent, Effect

TABLE: dict[tuple[Phase, RequestEvent], tuple[Phase, tuple[Effect, ...]]] = {
    (_P.WAITING, _E.CONFIRMED): (_P.SENDING, (_F.SEND,)),
    (_P.WAITING, _E.DECLINED): (_P.CANCELED, ()),
    (_P.WAITING, _E.CONFIRMATION_TIMEOUT): (_P.EXPIRED, ()),
    (_P.WAITING, _E.BLOCKED): (_P.REJECTED, ()),
    (_P.WAITING, _E.STOP): (_P.CANCELED, ()),
    (_P.SENDING, _E.ACCEPTED): (_P.RUNNING, ()),
    (_P.SENDING, _E.NO_SERVER): (_P.FAILED, (_F.FORGET,)),
    (_P.SENDING, _E.REFUSED): (_P.FAILED, ()),
    (_P.SENDING, _E.DONE): (_P.SUCCEEDED, ()),
    (_P.SENDING, _E.ERROR): (_P.FAILED, (_F.FORGET,)),
    (_P.SENDING, _E.TIMEOUT): (_P.FAILED, (_F.CANCEL, _F.FORGET)),
    # The goal may be accepted after the stop: the owner cancels it the moment it is.
    (_P.SENDING, _E.STOP): (_P.CANCELING, (_F.CANCEL,)),
    (_P.RUNNING, _E.DONE): (_P.SUCCEEDED, ()),
    (_P.RUNNING, _E.ERROR): (_P.FAILED, (_F.FORGET,)),
    # The server may be back later with the goal still running: ask it to stop anyway.
    (_P.RUNNING, _E.NO_SERVER): (_P.FAILED, (_F.CANCEL, _F.FORGET)),
    (_P.RUNNING, _E.TIMEOUT): (_P.FAILED, (_F.CANCEL, _F.FORGET)),
    (_P.RUNNING, _E.STOP): (_P.CANCELING, (_F.CANCEL,)),
    (_P.CANCELING, _E.ACCEPTED): (_P.CANCELING, (_F.CANCEL,)),
    (_P.CANCELING, _E.NO_SERVER): (_P.CANCELED, (_F.FORGET,)),
    (_P.CANCELING, _E.REFUSED): (_P.CANCELED, ()),
    (_P.CANCELING, _E.CANCEL_CONFIRMED): (_P.CANCELED, ()),
    (_P.CANCELING, _E.CANCEL_TIMEOUT): (_P.CANCELED, (_F.FORGET,)),
    # Too late to cancel: it was done. Saying otherwise would be a lie to the operator.
    (_P.CANCELING, _E.DONE): (_P.SUCCEEDED, ()),
    (_P.CANCELING, _E.ERROR): (_P.CANCELED, (_F.FORGET,)),
}


def next_phase(phase: Phase, event: RequestEvent) -> tuple[Phase, tuple[Effect, ...]]:
    """Return the phase after an event and what has to be done; unknown pairs change nothing."""
    return TABLE.get((phase, event), (phase, ()))
