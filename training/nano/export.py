# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Last stage: the trained parts become one checkpoint folder that the engine loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from minicpmo.checkpoint import save_model
from minicpmo.model import OmniModel
from training.nano.size import NANO
from training.nano.warm_start import SHIPPED


def trained_model(run: Path) -> OmniModel:
    """Return what the joint stage of a run left, without heads.

    Raises:
        ValueError: the joint stage has not run.
    """
    path = run / 'joint.pt'
    if not path.exists():
        raise ValueError(f'{run} has no joint.pt; run the joint stage first')
    learned = torch.load(path, map_location='cpu', weights_only=True)['model']
    weights = {name: value for name, value in learned.items() if name.startswith(SHIPPED)}
    vocabulary = weights['llm.lm_head.weight'].shape[0]
    model = OmniModel(replace(NANO, llm=replace(NANO.llm, vocab_size=vocabulary)))
    model.load_state_dict(weights, strict=True)
    return model


def export(run: Path, folder: Path) -> None:
    """Write config.json and model.safetensors (float16) next to the tokenizer."""
    save_model(trained_model(run).half(), folder)


if __name__ == '__main__':
    export(Path(__file__).with_name('runs'), Path(__file__).parents[2] / 'model' / 'nano')
