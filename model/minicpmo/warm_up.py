# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lets a new session do once what its first units would be slow at."""

from __future__ import annotations

import numpy as np
import torch

from minicpmo.audio_input import UNIT_SAMPLES
from minicpmo.duplex import DuplexSession
from minicpmo.errors import ContextOverflowError
from minicpmo.protocol import Unit


def warm_up(session: DuplexSession, hears: bool, picture_side: int) -> None:
    """Run silent units and a short turn of speech, then begin the conversation anew.

    The captured steps are warm already; this reaches what runs as it comes: the encoders, and
    speech at the edges of a turn.

    hears: with sound. picture_side: of a square picture [pixels]; 0 shows none.
    """
    picture = np.zeros((picture_side, picture_side, 3), np.uint8)
    silence = np.zeros(UNIT_SAMPLES, np.float32) if hears else None
    # The first second of a stream has another shape than the next.
    for index in range(2):
        pictures = (picture,) if picture_side else ()
        if silence is None and not pictures:
            continue
        try:
            session.step(Unit(index, silence, pictures, force_listen=True))
        except ContextOverflowError:
            break  # so small a context is reported when a real unit does not fit
    if session.speech is not None:
        width = session.conversation.stream.model.config.hidden_size
        cache = session.conversation.stream.cache
        hidden = torch.zeros(2, width, dtype=cache.keys.dtype, device=cache.keys.device)
        for last in (False, False, True):
            session.speech.speak([0, 1], hidden, '', last)
    session.reset()
