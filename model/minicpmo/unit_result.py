# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a session tells about a finished unit."""

from __future__ import annotations

from typing import Optional

import numpy as np

from minicpmo.duplex_state import BegunUnit
from minicpmo.protocol import Decision, UnitResult


def unit_result(
    begun: BegunUnit, speech: Optional[np.ndarray], sample_rate: Optional[int], length: int
) -> UnitResult:
    """Return the result of a unit.

    speech: float32 [samples] or None. sample_rate: None without a synthesizer. length: tokens of
    the conversation, including those not yet fed.
    """
    decoded, listens = begun.decoded, begun.decoded.is_listen
    result = UnitResult(
        begun.unit.index,
        Decision.LISTEN if listens else Decision.SPEAK,
        text='' if listens else decoded.text,
        token_ids=[] if listens else list(decoded.ids),
        speech=speech,
        end_of_turn=decoded.end_of_turn,
        yielded=decoded.yielded,
        turn_open=decoded.turn_open,
        forced_listen=decoded.forced,
        wanted_to_speak=decoded.wanted_to_speak,
        given_words=decoded.given,
        context_tokens=length,
        timings=begun.timings,
    )
    if sample_rate is not None:
        result.sample_rate = sample_rate
    return result
