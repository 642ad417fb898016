# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The engine with its language model compiled, to know whether that would be worth it."""

from __future__ import annotations

import torch

from benchmarks.latency.model_size import RandomWeights
from benchmarks.latency.session_engine import SessionEngine


class CompiledEngine(SessionEngine):
    """Everything as it comes but the decoder layers, which ``torch.compile`` has fused.

    Needs a C++ compiler. Shapes are dynamic: the number of visible rows grows with every token.
    """

    def __init__(
        self, size: str, device: torch.device, dtype: torch.dtype, context: int = 0
    ) -> None:
        weights = RandomWeights.make(size, device, dtype)
        weights.model.llm.model.compile(dynamic=True)
        super().__init__(size, device, dtype, context, weights=weights)
        self.name = 'minicpmo compiled'
