# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Muon: momentum whose step for a matrix has all singular values near one (Jordan 2024).

torch has it too, but computes in bfloat16, which processors without such instructions emulate a
hundred times slower; here matrices of one shape are done together in their own format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_ADAMW_RMS = 0.2  # of AdamW's steps, so that both take the same learning rates (arXiv:2502.16982)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return [n, rows, columns] with the same singular vectors and singular values 0.7 to 1.2."""
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.transpose(1, 2)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.transpose(1, 2)


class Muon(torch.optim.Optimizer):
    """For matrices only; the other parameters need another optimizer."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(
            parameters, {'lr': lr, 'weight_decay': weight_decay, 'momentum': momentum}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step with the gradients that are there."""
        for group in self.param_groups:
            same: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group['params']:
                if parameter.grad is not None:
                    same[tuple(parameter.shape)].append(parameter)
            for parameters in same.values():
                self._step(parameters, group)

    def _step(self, parameters: list[nn.Parameter], group: dict) -> None:
        directions = [self._direction(parameter, group['momentum']) for parameter in parameters]
        steps = orthogonalized(torch.stack(directions))
        size = _ADAMW_RMS * max(parameters[0].shape) ** 0.5
        for parameter, step in zip(parameters, steps, strict=True):
            parameter.mul_(1 - group['lr'] * group['weight_decay'])
            parameter.add_(step, alpha=-group['lr'] * size)

    def _direction(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Return the gradient with Nesterov momentum."""
        average = self.state[parameter].setdefault('average', torch.zeros_like(parameter))
        average.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(average, momentum)
