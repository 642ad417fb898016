# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What to change when a model does not fit: only changes that were computed to help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Optional

import torch

from minicpmo.errors import ConfigurationError, MemoryShortageError, QuantizationError
from minicpmo.memory_plan import MemoryPlan, MemoryRequest, plan_memory, without_parts
from minicpmo.quantization.scheme import Quantization, require_hardware

GIB = 1 << 30
OFFLOAD = {'auto': None, 'true': True, 'false': False}
LEAST_CONTEXT = 2048
"""Shorter contexts are not suggested: a conversation would forget within seconds."""


@dataclass(frozen=True)
class Change:
    """One option to set and what it makes of a request; the same request where it has no use."""

    option: str
    apply: Callable[[MemoryRequest], MemoryRequest]


def require_fit(request: MemoryRequest, available: int, device: torch.device) -> MemoryPlan:
    """Return the plan of ``request``; raise MemoryShortageError if it needs more than available.

    available: bytes that are free on ``device``.

    The message has what is needed, what is free, every change that would make it fit with the
    memory needed then, and the table.
    """
    plan = plan_memory(request)
    if plan.total <= available:
        return plan
    changes = fitting(request, available, device)
    found = (f'{option} would need {total / GIB:.1f} GiB' for option, total in changes)
    advice = '; '.join(found) or 'nothing makes it fit: use a smaller model or more memory'
    raise MemoryShortageError(
        f'the model needs {plan.total / GIB:.1f} GiB, {available / GIB:.1f} GiB are free; '
        f'{advice}\n{plan.table()}'
    )


def with_offload(option: str, request: MemoryRequest, available: int) -> MemoryRequest:
    """Return the request with the option ``offload`` ('auto', 'true', 'false') decided.

    'auto': only where the model fits with it and not without.

    Raises ConfigurationError for another value.
    """
    if option not in OFFLOAD:
        raise ConfigurationError(f'offload is {option!r}; use one of {", ".join(OFFLOAD)}')
    wanted, offloaded = OFFLOAD[option], replace(request, offload=True)
    if wanted is None:
        fits = plan_memory(request).total <= available
        wanted = not fits and plan_memory(offloaded).total <= available
    return offloaded if wanted else request


def require_host_room(plan: MemoryPlan, available: int) -> None:
    """Raise MemoryShortageError if the host has not the room for what stays there."""
    if plan.host > available:
        raise MemoryShortageError(
            f'offload needs {plan.host / GIB:.1f} GiB of host memory, {available / GIB:.1f} GiB'
            f' are free; use offload false, or close other programs\n{plan.table()}'
        )


def fitting(request: MemoryRequest, available: int, device: torch.device) -> list[tuple[str, int]]:
    """Return options that fit and the bytes each needs: single ones, else pairs, else all."""
    singles = list(_useful(request, device))
    found = [(option, total) for option, _, total in singles if total <= available]
    if found:
        return found
    for option, changed, _ in singles:
        for second, _, total in _useful(changed, device):
            if total <= available:
                found.append((f'{option} with {second}', total))
    if found:
        return found[:3]
    options, total = [], plan_memory(request).total
    for change in CHANGES:
        changed = _attempt(change, request, device)
        if changed is not None and plan_memory(changed).total < total:
            request, total = changed, plan_memory(changed).total
            options = [*options, change.option]
    return [(' with '.join(options), total)] if total <= available else []


def _useful(
    request: MemoryRequest, device: torch.device
) -> Iterator[tuple[str, MemoryRequest, int]]:
    """Yield option, changed request and its total for every change that saves something."""
    before = plan_memory(request).total
    for change in CHANGES:
        changed = _attempt(change, request, device)
        if changed is not None:
            total = plan_memory(changed).total
            if total < before:
                yield change.option, changed, total


def _attempt(
    change: Change, request: MemoryRequest, device: torch.device
) -> Optional[MemoryRequest]:
    """Return the changed request, None where the device or the model cannot have it."""
    changed = change.apply(request)
    try:
        require_hardware(changed.quantization, device, changed.dtype)
        plan_memory(changed)
    except QuantizationError:
        return None
    return changed


def _with_quantization(kind: Quantization) -> Change:
    return Change(
        f'quantization {kind.value}', lambda request: replace(request, quantization=kind)
    )


def _with_context(tokens: int) -> Change:
    return Change(
        f'context_tokens {tokens}',
        lambda request: replace(request, context_tokens=min(request.context_tokens, tokens)),
    )


def _without(part: str) -> Change:
    """Return the change that leaves out a part; its tensors go by the configuration."""

    def apply(request: MemoryRequest) -> MemoryRequest:
        shapes = without_parts(request.shapes, (part,))
        return replace(request, config=request.config.without(part), shapes=shapes)

    return Change(f'parts without {part}', apply)


CHANGES = (
    Change('offload true', lambda request: replace(request, offload=True)),
    Change('dtype bfloat16', lambda request: replace(request, dtype=torch.bfloat16)),
    Change('cuda_graphs off', lambda request: replace(request, cuda_graphs=False)),
    _with_quantization(Quantization.INT8),
    _with_quantization(Quantization.INT4),
    _with_context(4096),
    _with_context(LEAST_CONTEXT),
    _without('speech'),
    _without('vision'),
)
"""From the mildest to the hardest."""
