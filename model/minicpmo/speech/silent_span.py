# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Leaves parts of what is written out of what is spoken, e.g. action tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional, Protocol

import numpy as np
import torch

from minicpmo.speech.protocol import SpeechSynthesizer, begin_speech


class SpokenMask(Protocol):
    """Decides token by token, in order, what may be spoken; keeps the state between units."""

    def __call__(self, pieces: list[str]) -> list[bool]:
        """Return for the text of each token whether it is to be spoken."""

    def reset(self) -> None:
        """Forget a span that was begun."""


class SilentSpanSpeech:
    """A synthesizer that hides the tokens of silent spans from another one.

    Special tokens have no text and always pass, so turns end as the model ended them.
    """

    def __init__(
        self,
        inner: SpeechSynthesizer,
        mask: SpokenMask,
        decode: Callable[[list[int]], str],
    ) -> None:
        self.sample_rate = inner.sample_rate
        self.flow_steps = inner.flow_steps
        self._inner = inner
        self._mask = mask
        self._decode = decode

    def speak(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> np.ndarray:
        """Return the sound of a unit without its silent spans; see SpeechSynthesizer."""
        return self.begin(token_ids, hidden, text, end_of_turn)()

    def begin(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> Callable[[], np.ndarray]:
        """Begin the sound of a unit without its silent spans; see DeferredSpeech."""
        pieces = [self._decode([token_id]) for token_id in token_ids]
        mask = self._mask(pieces)
        if end_of_turn:
            self._mask.reset()
        kept = [i for i, piece in enumerate(pieces) if mask[i] or not piece]
        if len(kept) == len(token_ids):
            return begin_speech(self._inner, token_ids, hidden, text, end_of_turn)
        spoken = [token_ids[i] for i in kept]
        rows = None if hidden is None else hidden[kept]
        return begin_speech(self._inner, spoken, rows, self._decode(spoken), end_of_turn)

    def set_flow_stride(self, stride: int) -> None:
        """See SpeechSynthesizer."""
        self._inner.set_flow_stride(stride)

    def reset_turn(self, keep_decoder_context: bool) -> None:
        """Drop what is pending; a span that was begun ends with its turn."""
        self._mask.reset()
        self._inner.reset_turn(keep_decoder_context)

    def reset(self) -> None:
        """Return to the state right after construction."""
        self._mask.reset()
        self._inner.reset()

    def close(self) -> None:
        """Free what belongs to the inner synthesizer."""
        self._inner.close()
