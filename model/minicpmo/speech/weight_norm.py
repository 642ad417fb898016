# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weight normalisation: the official names at loading, one plain weight afterwards."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

_Module = TypeVar('_Module', bound=nn.Module)


def weight_normed(module: _Module) -> _Module:
    """Return ``module`` with its weight stored as gain and direction (original0, original1)."""
    return weight_norm(module)


def fold_weight_norm(module: nn.Module) -> None:
    """Replace every normed weight below ``module`` by gain * direction / |direction|, for good."""
    for child in list(module.modules()):
        if parametrize.is_parametrized(child, 'weight'):
            parametrize.remove_parametrizations(child, 'weight', leave_parametrized=True)
