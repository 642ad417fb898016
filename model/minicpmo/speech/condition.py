# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the speech-token decoder is conditioned on in each mode."""

from __future__ import annotations

from typing import Optional

import torch

from minicpmo.speech.decoder import SpeechDecoder


def duplex_condition(
    decoder: SpeechDecoder, token_ids: list[int], hidden: Optional[torch.Tensor]
) -> torch.Tensor:
    """Return the rows of one duplex unit [n + 1, width]: its tokens, then audio begin.

    There is no text-end row in duplex; a unit without text is conditioned on audio begin alone.
    """
    return torch.cat((decoder.condition(token_ids, hidden), decoder.audio_begin_row()))


def chat_condition(
    decoder: SpeechDecoder,
    token_ids: list[int],
    hidden: Optional[torch.Tensor],
    text_finished: bool,
) -> torch.Tensor:
    """Return the rows of one chunk of a chat reply: tokens, at the end text end, audio begin."""
    rows = [decoder.condition(token_ids, hidden)]
    if text_finished:
        rows.append(decoder.text_end_row())
    return torch.cat((*rows, decoder.audio_begin_row()))
