# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A function of tensors whose usual shapes are captured, while any other runs as it comes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from minicpmo.graph.captured_step import GraphPool, Step

Function = Callable[..., tuple[Tensor, ...]]


class _Shape:
    """The step of one combination of shapes, with its buffers."""

    def __init__(self, function: Function, examples: tuple[Tensor, ...], pool: GraphPool) -> None:
        self._function = function
        # Written by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._inputs = tuple(torch.empty_like(example).copy_(example) for example in examples)
        with torch.no_grad():
            results = function(*self._inputs)
        with torch.inference_mode(False):
            self._outputs = tuple(torch.empty_like(result) for result in results)
        self._step: Step = pool.capture(self._run)

    @torch.no_grad()
    def _run(self) -> None:
        for output, result in zip(self._outputs, self._function(*self._inputs), strict=True):
            output.copy_(result)

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for buffer, value in zip(self._inputs, inputs, strict=True):
            buffer.copy_(value)
        self._step()
        return tuple(output.clone() for output in self._outputs)


class ShapedFunction:
    """Calls a function whose results depend on its arguments alone."""

    def __init__(self, function: Function, pool: GraphPool) -> None:
        self._function, self._pool = function, pool
        self._shapes: dict[tuple[torch.Size, ...], _Shape] = {}

    def prepare(self, *examples: Tensor) -> None:
        """Capture the function for arguments of these shapes and types."""
        key = tuple(example.shape for example in examples)
        self._shapes[key] = _Shape(self._function, examples, self._pool)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the results, which are the caller's."""
        shape = self._shapes.get(tuple(value.shape for value in inputs))
        return self._function(*inputs) if shape is None else shape(inputs)
