# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which units of a session make sound."""

from __future__ import annotations

from typing import Optional

from minicpmo.duplex_state import DuplexState, Sound
from minicpmo.protocol import Unit
from minicpmo.speech.protocol import SpeechSynthesizer, begin_speech
from minicpmo.unit_decoder import DecodedUnit


def begin_sound(
    speech: Optional[SpeechSynthesizer], state: DuplexState, unit: Unit, decoded: DecodedUnit
) -> Optional[Sound]:
    """Launch the sound of a speaking unit; a cut turn loses what is pending.

    state: as it was before the unit. A turn that was silent once stays silent.
    """
    if speech is None or _is_silent(speech, state, unit):
        return None
    if decoded.is_listen:
        if decoded.cuts_turn:
            speech.reset_turn(keep_decoder_context=not decoded.yielded)
        return None
    speech.set_flow_stride(unit.flow_stride)
    return begin_speech(speech, decoded.ids, decoded.hidden, decoded.text, decoded.end_of_turn)


def _is_silent(speech: SpeechSynthesizer, state: DuplexState, unit: Unit) -> bool:
    """Return whether this unit makes no speech; no turn begins to sound midway."""
    silent = unit.text_only or (state.silent_turn and state.turn_open)
    if silent and not state.silent_turn:
        speech.reset_turn(keep_decoder_context=False)
    state.silent_turn = silent
    return silent
