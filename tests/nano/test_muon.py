# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from training.nano.muon import Muon, orthogonalized
from training.nano.trainer import Schedule, optimizers


@pytest.mark.parametrize('shape', [(3, 16, 16), (2, 8, 40), (1, 40, 8)])
def test_a_step_has_singular_values_near_one_and_the_same_directions(shape) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    steps = orthogonalized(matrices)
    values = torch.linalg.svdvals(steps)
    assert steps.shape == matrices.shape
    assert values.min() > 0.5 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    inside = left.transpose(1, 2) @ steps @ right.transpose(1, 2)
    off = inside - torch.diag_embed(inside.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 1e-3


def test_it_finds_a_matrix_and_skips_what_has_no_gradient() -> None:
    torch.manual_seed(1)
    wanted, layer, idle = torch.randn(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 8)
    before = idle.weight.clone()
    optimizer = Muon([layer.weight, idle.weight], lr=0.3)
    for step in range(200):
        optimizer.param_groups[0]['lr'] = 0.3 * (1 - step / 200)
        loss = (layer.weight - wanted).square().mean()
        layer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3
    assert torch.equal(idle.weight, before)


def test_only_matrices_inside_layers_are_orthogonalized() -> None:
    model = nn.ModuleDict(
        {'embed': nn.Embedding(5, 4), 'layers': nn.ModuleList([nn.Linear(4, 4)])}
    )
    adamw, muon = optimizers(model, Schedule(1, 1, 1e-3, 1))
    assert [p.shape for p in muon.param_groups[0]['params']] == [(4, 4)]
    assert len(adamw.param_groups[0]['params']) == 2
