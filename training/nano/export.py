# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Last stage: the trained parts become one checkpoint folder that the engine loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

from safetensors.torch import load_file
import torch
from torch import Tensor

from minicpmo.checkpoint import save_model
from minicpmo.model import OmniModel
from training.nano.size import NANO
from training.nano.warm_start import LANGUAGE, SHIPPED


def finished_weights(run: Path, start: Optional[Path] = None) -> dict[str, Tensor]:
    """Return what the joint stage of a run left, without heads, else the model in ``start``.

    Raises:
        ValueError: there is neither.
    """
    path = run / 'joint.pt'
    if path.exists():
        learned = torch.load(path, map_location='cpu', weights_only=True)['model']
        return {name: value for name, value in learned.items() if name.startswith(SHIPPED)}
    if start is None:
        raise ValueError(f'{run} has no joint.pt; run the joint stage, or name a finished model')
    return load_file(start / 'model.safetensors')


def trained_model(run: Path, start: Optional[Path] = None) -> OmniModel:
    """Return the finished model with the language model of the recall stage, if that has run."""
    weights = finished_weights(run, start)
    path = run / 'recall.pt'
    if path.exists():
        learned = torch.load(path, map_location='cpu', weights_only=True)['model']
        weights |= {name: learned[name] for name in weights if name.startswith(LANGUAGE)}
    vocabulary = weights['llm.lm_head.weight'].shape[0]
    model = OmniModel(replace(NANO, llm=replace(NANO.llm, vocab_size=vocabulary)))
    model.load_state_dict(weights, strict=True)
    return model


def export(run: Path, folder: Path, start: Optional[Path] = None) -> None:
    """Write config.json and model.safetensors (float16) next to the tokenizer."""
    save_model(trained_model(run, start).half(), folder)


if __name__ == '__main__':
    export(Path(__file__).with_name('runs'), Path(__file__).parents[2] / 'model' / 'nano')
