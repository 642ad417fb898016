# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Begin a stage with the weights of a finished model instead of random ones."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
import torch
from torch import Tensor, nn

from training.nano.size import NANO

AUDIO_GAIN = 0.25
"""Brings the audio rows to the size of the other embedding rows when a model is exported."""

SHIPPED = ('apm.', 'audio_projection_layer.', 'vpm.', 'resampler.', 'llm.')
_LANGUAGE_LAYERS, _AUDIO_LAYERS = 'llm.model.layers.', 'apm.layers.'
_RESULTS = {  # of a layer, what is added to what goes in
    _LANGUAGE_LAYERS: ('.self_attn.o_proj.weight', '.mlp.down_proj.weight'),
    _AUDIO_LAYERS: (
        '.self_attn.out_proj.weight',
        '.self_attn.out_proj.bias',
        '.fc2.weight',
        '.fc2.bias',
    ),
}
SCALED = 'audio_projection_layer.linear2.'


def begin_with(trainee: nn.Module, folder: Path) -> None:
    """Copy the weights of a model folder into a trainee; its other heads stay new.

    A trainee with more layers of the language model or of the audio encoder computes the same at
    first: the layers in between are copies whose results count nothing yet.

    Raises:
        RuntimeError: the sizes differ from the trainee's.
        ValueError: a part is missing.
    """
    weights = load_file(folder / 'model.safetensors')
    weights = _with_more_layers(weights, _LANGUAGE_LAYERS, NANO.llm.num_hidden_layers)
    weights = _with_more_layers(weights, _AUDIO_LAYERS, NANO.audio.encoder_layers)
    wanted = {name for name in trainee.state_dict() if name.startswith(SHIPPED)}
    missing = sorted(wanted - weights.keys())
    if missing:
        raise ValueError(f'there is no {missing[0]}; this is no model of this recipe')
    chosen = {name: weights[name].float() for name in wanted}
    for name in chosen:
        if name.startswith(SCALED):
            chosen[name] = chosen[name] / AUDIO_GAIN
    trainee.load_state_dict(chosen, strict=False)


def _with_more_layers(weights: dict[str, Tensor], prefix: str, new: int) -> dict[str, Tensor]:
    """Return the weights with the layers below ``prefix`` spread over ``new`` layers."""
    stored = {
        name: int(name[len(prefix) :].split('.')[0]) for name in weights if name.startswith(prefix)
    }
    old = max(stored.values(), default=-1) + 1
    if not 1 < old < new:
        return weights
    spread = {name: value for name, value in weights.items() if name not in stored}
    places = [layer * (new - 1) // (old - 1) for layer in range(old)]
    for place in range(new):
        source = sum(known <= place for known in places) - 1
        for name in (name for name, layer in stored.items() if layer == source):
            rest = name[len(f'{prefix}{source}') :]
            copied = place not in places and rest in _RESULTS[prefix]
            value = torch.zeros_like(weights[name]) if copied else weights[name]
            spread[f'{prefix}{place}{rest}'] = value
    return spread


def scale_audio_rows(trainee: nn.Module) -> None:
    """Scale the rows of a trained audio stage as they ship."""
    with torch.no_grad():
        for name, parameter in trainee.named_parameters():
            if name.startswith(SCALED):
                parameter *= AUDIO_GAIN
