# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the attention kernel of the language model when it is loaded, by measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import logging
from typing import Optional

import torch

from minicpmo.attention import Kernel, avoid_cudnn, flash_kernel, sdpa
from minicpmo.config import LanguageConfig
from minicpmo.errors import ConfigurationError

_LOGGER = logging.getLogger(__name__)

ATTENTION_NAMES = ('auto', 'sdpa', 'flash')
VISIBLE_ROWS = (512, 4096)
"""A short and a long context; one decoded token attends to them."""
RUNS = 50


@dataclass(frozen=True)
class AttentionChoice:
    """The kernel in use.

    microseconds: of one layer and one decoded token at each of VISIBLE_ROWS, by kernel; empty
    where there was nothing to choose between.
    """

    name: str
    kernel: Kernel
    microseconds: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def line(self) -> str:
        """Return what was chosen and why, for the log."""
        if not self.microseconds:
            return f'attention {self.name}'
        times = ', '.join(
            f'{name} {" / ".join(f"{value:.0f}" for value in values)}'
            for name, values in self.microseconds.items()
        )
        rows = ' / '.join(map(str, VISIBLE_ROWS))
        return f'attention {self.name}; us per layer and token at {rows} rows: {times}'


def choose_attention(
    name: str,
    config: LanguageConfig,
    device: torch.device,
    dtype: torch.dtype,
    measure: Optional[Callable[[Kernel], tuple[float, ...]]] = None,
) -> AttentionChoice:
    """Return the kernel for ``name``, one of ATTENTION_NAMES; 'auto' takes the fastest there is.

    measure: returns the microseconds of a kernel at each of VISIBLE_ROWS.

    Raises:
        ConfigurationError: the name is unknown, or flash-attn is asked for and cannot be used.
    """
    if name not in ATTENTION_NAMES:
        raise ConfigurationError(f'attention {name!r}: use one of {", ".join(ATTENTION_NAMES)}')
    avoid_cudnn(device)
    if name == 'sdpa':
        return AttentionChoice('sdpa', sdpa)
    problem = _flash_problem(device, dtype)
    if problem and name == 'flash':
        raise ConfigurationError(f'attention flash {problem}; use attention sdpa')
    if problem:
        return AttentionChoice('sdpa', sdpa)
    if name == 'flash':
        return AttentionChoice('flash', flash_kernel())
    try:
        kernels = {'sdpa': sdpa, 'flash': flash_kernel()}
    except ConfigurationError:
        return AttentionChoice('sdpa', sdpa)
    measure = measure or (lambda kernel: _measure(kernel, config, device, dtype))
    times = {key: measure(kernel) for key, kernel in kernels.items()}
    fastest = min(times, key=lambda key: sum(times[key]))
    choice = AttentionChoice(fastest, kernels[fastest], times)
    _LOGGER.info('%s', choice.line())
    return choice


def _flash_problem(device: torch.device, dtype: torch.dtype) -> str:
    """Return why flash-attn cannot run here, '' if it can where it is installed."""
    if device.type != 'cuda':
        return f'needs a CUDA device, this is {device.type}'
    if dtype not in (torch.bfloat16, torch.float16):
        return f'needs dtype bfloat16 or float16, this is {str(dtype).removeprefix("torch.")}'
    return ''


@torch.inference_mode()
def _measure(
    kernel: Kernel, config: LanguageConfig, device: torch.device, dtype: torch.dtype
) -> tuple[float, ...]:
    """Return the microseconds of a decoded token's attention at each of VISIBLE_ROWS."""
    head, heads, kv_heads = (
        config.head_dim, config.num_attention_heads, config.num_key_value_heads
    )  # fmt: skip
    times = []
    for visible in VISIBLE_ROWS:
        query = torch.randn(1, heads, 1, head, device=device, dtype=dtype)
        key, value = torch.randn(2, 1, kv_heads, visible, head, device=device, dtype=dtype)
        mask = torch.zeros(1, visible, device=device, dtype=dtype)
        length = torch.full((1,), visible, dtype=torch.int32, device=device)
        times.append(_elapsed(lambda: kernel(query, key, value, mask, length)))  # noqa: B023
    return tuple(times)


def _elapsed(call: Callable[[], object]) -> float:
    """Return the microseconds one call keeps a CUDA device busy."""
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(RUNS):
        call()
    begun.record()
    for _ in range(RUNS):
        call()
    ended.record()
    ended.synchronize()
    return begun.elapsed_time(ended) * 1e3 / RUNS
