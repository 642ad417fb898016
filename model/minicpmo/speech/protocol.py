# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the sessions ask of a speech synthesizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional, Protocol, runtime_checkable

import numpy as np
import torch


@runtime_checkable
class SpeechSynthesizer(Protocol):
    """Turns the spoken tokens of one stream into sound, unit by unit.

    One object belongs to one session and is not thread safe; weights may be shared between
    objects. Every method leaves the object usable.
    """

    sample_rate: int
    """Rate of the returned sound [Hz]."""
    flow_steps: int
    """Steps of the flow by which sound is made; 0 for a voice that has none."""

    def speak(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> np.ndarray:
        """Return the sound of one speaking unit, float32 [samples] in [-1, 1], may be empty.

        Called once per speaking unit, in order.

        Args:
            token_ids: text tokens of the unit without the first decoded one (``<|speak|>``).
            hidden: hidden state after the final norm at each token, [len(token_ids), width], or
                None where the synthesizer speaks from ``text`` alone.
            text: the same tokens as text, special tokens removed.
            end_of_turn: the unit closes the turn; everything pending is flushed and returned.

        Raises:
            InputError: ``hidden`` does not fit ``token_ids`` or the decoder; state is unchanged.
        """

    def set_flow_stride(self, stride: int) -> None:
        """Compute every ``stride``-th step of the flow (1, 2 or 4) where there is one.

        More steps than before only from the next turn on: what skipped steps would remember of
        this turn is missing.
        """

    def reset_turn(self, keep_decoder_context: bool) -> None:
        """Drop the sound that is pending and return the vocoder to the start of a turn.

        With ``keep_decoder_context`` (a forced listen) the speech-token decoder continues its
        context with the next unit as the official code does; without it (an interruption) the
        next unit begins a new turn for the decoder, too.
        """

    def reset(self) -> None:
        """Return to the state right after construction."""

    def close(self) -> None:
        """Free what belongs to this object; idempotent."""


@runtime_checkable
class DeferredSpeech(SpeechSynthesizer, Protocol):
    """A synthesizer that can be at work while its caller does something else."""

    def begin(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> Callable[[], np.ndarray]:
        """Launch what ``speak`` does and return a function that waits for the sound.

        The function must be called before anything else is asked of the synthesizer, and before
        ``hidden`` is changed; only ``reset_turn`` or ``reset`` may take its place.
        """


def begin_speech(
    speech: SpeechSynthesizer,
    token_ids: list[int],
    hidden: Optional[torch.Tensor],
    text: str,
    end_of_turn: bool,
) -> Callable[[], np.ndarray]:
    """Begin a unit with any synthesizer; one that cannot defer its work has done it on return."""
    if isinstance(speech, DeferredSpeech):
        return speech.begin(token_ids, hidden, text, end_of_turn)
    sound = speech.speak(token_ids, hidden, text, end_of_turn)
    return lambda: sound
