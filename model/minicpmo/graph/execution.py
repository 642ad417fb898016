# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How an engine runs its hot path, as chosen when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
import logging
from typing import Optional

import torch

from minicpmo.attention import sdpa
from minicpmo.attention_choice import AttentionChoice, choose_attention
from minicpmo.config import LanguageConfig
from minicpmo.errors import ConfigurationError
from minicpmo.graph.captured_step import GraphPool

_LOGGER = logging.getLogger(__name__)

CUDA_GRAPHS = {'auto': None, 'true': True, 'false': False}


@dataclass(frozen=True)
class Execution:
    """What the sessions of an engine have in common.

    fixed_shapes: run padded steps on static buffers; they are captured where there is CUDA.
    """

    device: torch.device
    fixed_shapes: bool = False
    attention: AttentionChoice = AttentionChoice('sdpa', sdpa)

    @classmethod
    def choose(
        cls,
        cuda_graphs: str,
        attention: str,
        config: LanguageConfig,
        device: torch.device,
        dtype: torch.dtype,
    ) -> Execution:
        """Return what two options of the same names mean here.

        cuda_graphs: 'auto' for a CUDA device only, 'true' everywhere (without CUDA the steps run
        padded but uncaptured, which is for tests), or 'false'.

        Raises ConfigurationError for an unknown value, or where flash-attn cannot be had.
        """
        if cuda_graphs not in CUDA_GRAPHS:
            known = ', '.join(CUDA_GRAPHS)
            raise ConfigurationError(f'cuda_graphs is {cuda_graphs!r}; use one of {known}')
        wanted = CUDA_GRAPHS[cuda_graphs]
        fixed = device.type == 'cuda' if wanted is None else wanted
        return cls(device, fixed, choose_attention(attention, config, device, dtype))

    def new_pool(self) -> Optional[GraphPool]:
        """Return what captures the steps of one stream of work; None runs them as they come."""
        return GraphPool(self.device) if self.fixed_shapes else None

    def line(self, *pools: Optional[GraphPool]) -> str:
        """Return in words how a session with these pools runs."""
        used = [pool for pool in pools if pool is not None]
        failure = next((pool.failure for pool in used if pool.failure), '')
        if failure:
            graphs = f'no CUDA graphs ({failure})'
        elif self.device.type == 'cuda' and used:
            graphs = f'{sum(pool.captured for pool in used)} CUDA graphs'
        else:
            graphs = 'fixed shapes without CUDA graphs' if used else 'no CUDA graphs'
        return f'{self.device}, {graphs}, {self.attention.line()}'
