# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the folder ``assets/token2wav`` of the release; its files decide the generation."""

from __future__ import annotations

import json
from pathlib import Path
import pickle

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch

from minicpmo.errors import CheckpointError
from minicpmo.speech.flow_cache import Generation
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_config import Token2WavConfig

CAUSAL_FILES = ('config.yaml', 'hift_original.pt')
"""Files that only the causal generation brings; its ``hift.pt`` is the causal vocoder."""
SIZES_FILE = 'sizes.json'
"""Optional: sizes that differ from the release, for small models."""
VOCODER_PREFIX = 'generator.'
_DAMAGES = (SafetensorError, pickle.UnpicklingError, EOFError, OSError, RuntimeError, ValueError)
"""What the two readers raise for a file that is cut off or something else."""


def generation_of(folder: str | Path) -> Generation:
    """Return which generation the files of the folder are.

    Raises:
        CheckpointError: the folder is missing or holds only a part of the causal generation.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f'{folder}: no such folder; speech needs assets/token2wav')
    present = [name for name in CAUSAL_FILES if (folder / name).is_file()]
    if present and len(present) < len(CAUSAL_FILES):
        raise CheckpointError(
            f'{folder}: has {present[0]} but not all of {", ".join(CAUSAL_FILES)}; download the '
            'folder again, or remove that file where the vocoder is the original one'
        )
    return Generation.CAUSAL if present else Generation.ORIGINAL


def load_token2wav(
    folder: str | Path, device: str | torch.device = 'cpu', seed: int = 0
) -> Token2Wav:
    """Return flow and vocoder of the folder in float32 on ``device``.

    seed: of the flow's start noise. A .safetensors file is preferred to the .pt of that name.

    Raises:
        CheckpointError: a file is missing or damaged, or a tensor is missing, surplus or
            mis-shaped.
    """
    folder = Path(folder)
    generation = generation_of(folder)
    config = Token2WavConfig()
    if (folder / SIZES_FILE).is_file():
        config = Token2WavConfig.from_dict(json.loads((folder / SIZES_FILE).read_text('utf-8')))
    vocoder = {
        name.removeprefix(VOCODER_PREFIX): tensor
        for name, tensor in read_tensors(folder, 'hift').items()
    }
    flow = read_tensors(folder, 'flow')
    return Token2Wav.from_tensors(config, generation, flow, vocoder, device, seed)


def read_tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """Return the tensors of ``name``.safetensors or ``name``.pt, never executing code."""
    safe, plain = folder / f'{name}.safetensors', folder / f'{name}.pt'
    try:
        if safe.is_file():
            return load_file(str(safe))
        if plain.is_file():
            return _tensors_only(plain, torch.load(plain, map_location='cpu', weights_only=True))
    except _DAMAGES as error:
        raise CheckpointError(f'{folder}: {name} is damaged ({error}); download again') from error
    raise CheckpointError(f'{folder}: neither {safe.name} nor {plain.name}; download again')


def _tensors_only(path: Path, content: object) -> dict[str, torch.Tensor]:
    if isinstance(content, dict) and all(isinstance(v, torch.Tensor) for v in content.values()):
        return content
    raise CheckpointError(f'{path}: not a plain mapping from names to tensors')
