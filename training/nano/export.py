# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Last stage: the trained parts become one checkpoint folder that the engine loads."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import torch

from minicpmo.checkpoint import save_model
from minicpmo.model import OmniModel
from training.nano.size import NANO

_PARTS = {
    'audio.pt': ('apm.', 'audio_projection_layer.'),
    'vision.pt': ('vpm.', 'resampler.'),
    'language.pt': ('llm.',),
}


def trained_model(run: Path) -> OmniModel:
    """Return the model with the weights of all stages of a run, without the training heads."""
    weights = {}
    for name, prefixes in _PARTS.items():
        state = torch.load(run / name, weights_only=True)['model']
        weights |= {key: value for key, value in state.items() if key.startswith(prefixes)}
    vocabulary = weights['llm.lm_head.weight'].shape[0]
    model = OmniModel(replace(NANO, llm=replace(NANO.llm, vocab_size=vocabulary)))
    model.load_state_dict(weights, strict=True)
    return model


def export(run: Path, folder: Path) -> None:
    """Write config.json and model.safetensors (float16) next to the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    model = trained_model(run)
    save_model(model.half(), folder)
    config = json.dumps(model.config.to_dict(), indent=2)
    (folder / 'config.json').write_text(config + '\n')


if __name__ == '__main__':
    export(Path(__file__).with_name('runs'), Path(__file__).parents[2] / 'model' / 'nano')
