# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read access to a folder of recorded vectors; the only source a stage check may use."""

from __future__ import annotations

from functools import cached_property
import json
from pathlib import Path
from typing import Any, Optional

from safetensors.torch import load_file
import torch

from minicpmo.errors import CheckpointError
from minicpmo.graph.captured_step import GraphPool


class Vectors:
    """A folder of recorded vectors: ``config.json``, weights, inputs and one file per stage.

    fixed_shapes: replay them on the steps that are captured as CUDA graphs.
    device: where the stages compute; what is read lies in host memory.
    """

    def __init__(
        self,
        folder: str | Path,
        fixed_shapes: bool = False,
        device: torch.device | str = 'cpu',
    ) -> None:
        self.folder = Path(folder)
        self.fixed_shapes = fixed_shapes
        self.device = torch.device(device)
        if not self.folder.is_dir():
            raise CheckpointError(f'{self.folder}: no such folder; pass one with recorded vectors')

    def new_pool(self) -> Optional[GraphPool]:
        """Return what captures the steps of a replay, None where everything runs as it comes."""
        return GraphPool(self.device) if self.fixed_shapes else None

    def has(self, name: str) -> bool:
        """Return whether the file ``name`` is in the folder."""
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        """Return the path of a file that must exist."""
        path = self.folder / name
        if not path.is_file():
            raise CheckpointError(f'{path}: missing; the recorded set is incomplete')
        return path

    def json(self, name: str) -> Any:
        """Return the parsed content of a JSON file."""
        with open(self.path(name), encoding='utf-8') as file:
            return json.load(file)

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """Return all tensors of a safetensors file in their stored types."""
        return load_file(str(self.path(name)))

    @cached_property
    def config(self) -> dict[str, Any]:
        """Return ``config.json``: 'model' (official layout), 'token2wav', 'dtype'."""
        return self.json('config.json')

    @cached_property
    def id_map(self) -> dict[str, Any]:
        """Return ``id_map.json``: special ids, token bytes, forbidden ids."""
        return self.json('id_map.json')

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Return the model's weights as float32, by official name."""
        stored = self.tensors('weights.safetensors')
        return {name: tensor.float() for name, tensor in stored.items()}

    def weights_of(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the weights below ``prefix`` (such as 'llm.') with the prefix removed."""
        found = {n[len(prefix) :]: t for n, t in self.weights.items() if n.startswith(prefix)}
        if not found:
            raise CheckpointError(f'weights.safetensors: no tensor named {prefix}*')
        return found
