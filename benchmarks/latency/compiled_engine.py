# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The engine with its decode step compiled, to know whether that would be worth it."""

from __future__ import annotations

import time

import torch

from benchmarks.latency.model_size import RandomWeights
from benchmarks.latency.session_engine import SessionEngine
from minicpmo.graph.execution import Execution

CAPACITY = 2048
"""Rows of the cache: three sizes to compile, which takes a minute."""


class CompiledEngine(SessionEngine):
    """Fixed shapes, and the forward of one decoded token fused by ``torch.compile``.

    Needs a C++ compiler. Compiled is what runs most often, once per number of visible rows: every
    shape is fixed, so that nothing is compiled again while units are measured. With dynamic shapes
    compiling did not end: the number of visible rows grows with every token.
    """

    def __init__(
        self,
        size: str,
        device: torch.device,
        dtype: torch.dtype,
        context: int = 0,
        weights: RandomWeights | None = None,
    ) -> None:
        execution = Execution(device, fixed_shapes=True)
        super().__init__(size, device, dtype, context, execution, weights, CAPACITY)
        self.name = 'minicpmo compiled'
        begun = time.perf_counter()
        # What a conversation decodes with is nobody's to change but here, where contents are
        # random anyway: compiling a step runs it.
        graphs = self._session.conversation.stream._graphs
        assert graphs is not None
        with torch.inference_mode():
            for visible, step in graphs._decoding.items():
                graphs._decoding[visible] = compiled = torch.compile(step, dynamic=False)
                compiled()
        self.runs = f'{self.runs}, decode step compiled in {time.perf_counter() - begun:.0f} s'
