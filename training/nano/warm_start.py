# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Begin a stage with the weights of a finished model instead of random ones."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
import torch
from torch import nn

AUDIO_GAIN = 0.25
"""Brings the audio rows to the size of the other embedding rows when a model is exported."""

SHIPPED = ('apm.', 'audio_projection_layer.', 'vpm.', 'resampler.', 'llm.')
_SCALED = 'audio_projection_layer.linear2.'


def begin_with(trainee: nn.Module, folder: Path) -> None:
    """Copy the shipped weights of a model folder into a trainee; its other heads stay new.

    Raises:
        RuntimeError: the folder's sizes differ from the trainee's.
        ValueError: the folder misses a part.
    """
    weights = load_file(folder / 'model.safetensors')
    wanted = {name for name in trainee.state_dict() if name.startswith(SHIPPED)}
    missing = sorted(wanted - weights.keys())
    if missing:
        raise ValueError(f'{folder} has no {missing[0]}; it is no model of this recipe')
    chosen = {name: weights[name].float() for name in wanted}
    for name in chosen:
        if name.startswith(_SCALED):
            chosen[name] = chosen[name] / AUDIO_GAIN
    trainee.load_state_dict(chosen, strict=False)


def scale_audio_rows(trainee: nn.Module) -> None:
    """Scale the rows of a trained audio stage as they ship."""
    with torch.no_grad():
        for name, parameter in trainee.named_parameters():
            if name.startswith(_SCALED):
                parameter *= AUDIO_GAIN
