# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns a chat prompt into embedding rows."""

from __future__ import annotations

import torch
from torch import Tensor

from minicpmo.chat_prompt import ChatPrompt, PicturePart
from minicpmo.errors import InputError
from minicpmo.image import slice_image
from minicpmo.model import OmniModel
from minicpmo.unit_sequence import IdPart


@torch.inference_mode()
def prompt_rows(model: OmniModel, prompt: ChatPrompt, max_slices: int) -> Tensor:
    """Return all rows of a prompt, [rows, hidden].

    All pieces of all pictures are encoded in one batch.

    Raises:
        InputError: the model was loaded without the part that is needed.
    """
    pictures = _picture_rows(model, prompt, max_slices)
    clips = [model.encode_clip(clip) for clip in prompt.clips]
    rows = []
    for part in prompt.parts:
        if isinstance(part, IdPart):
            rows.append(model.llm.embed_ids(part.ids))
        elif isinstance(part, PicturePart):
            rows.append(pictures[part.picture][part.piece])
        else:
            rows.append(clips[part.clip][part.start : part.start + part.rows])
    return torch.cat(rows)


def _picture_rows(model: OmniModel, prompt: ChatPrompt, max_slices: int) -> list[Tensor]:
    """Return [pieces, query_num, hidden] of every picture."""
    if not prompt.pictures:
        return []
    if model.vpm is None:
        raise InputError('the model was loaded without vision; send no pictures')
    slicing = model.config.slicing
    pieces = [slice_image(picture, slicing, max_slices) for picture in prompt.pictures]
    rows = model.encode_slices([piece for picture in pieces for piece in picture])
    return list(rows.split([len(picture) for picture in pieces]))
