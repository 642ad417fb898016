# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import itertools
import json
import math

import pytest
import torch
from torch import nn

from training.nano.trainer import Schedule, Trainer, optimizers


def test_the_rate_rises_then_falls_with_steps_or_with_time() -> None:
    by_steps = Schedule(1000, 1, 1.0, 1, warmup=10)
    assert by_steps.rate(0) == pytest.approx(0.1)
    assert by_steps.rate(10) == pytest.approx(1.0)
    assert by_steps.rate(505) == pytest.approx(0.51)
    assert by_steps.rate(1000) == pytest.approx(0.02)
    by_time = Schedule(10**6, 1, 1.0, 1, warmup=10, seconds=100)
    assert by_time.rate(20, 0) == pytest.approx(1.0, abs=1e-3)
    assert by_time.rate(20, 50) == pytest.approx(0.51, abs=1e-3)
    assert by_time.rate(20, 150) == pytest.approx(0.02)


def test_parts_that_are_named_learn_at_half_the_rate() -> None:
    model = nn.ModuleDict({'eye': nn.Linear(3, 3), 'layers': nn.ModuleList([nn.Linear(4, 4)])})
    adamw, muon = optimizers(model, Schedule(1, 1, 1e-3, 1), slower=('eye.',))
    shares = {group['params'][0].shape[0]: group['share'] for group in adamw.param_groups}
    assert shares == {4: 1.0, 3: 0.5}
    assert [group['share'] for group in muon.param_groups] == [1.0]


def _losses(model: nn.Module, batch: dict) -> tuple[torch.Tensor, dict]:
    loss = (model(batch['x']) - 1).square().mean()
    odd = torch.tensor(math.nan) if batch['x'].sum() > 0 else loss.detach()
    return loss, {'loss': loss.detach(), 'sometimes': odd}


def test_a_stage_ends_with_its_time_saves_and_goes_on(tmp_path) -> None:
    batches = ({'x': torch.randn(4, 2)} for _ in itertools.count())
    trainer = Trainer('part', nn.Linear(2, 1), tmp_path, Schedule(10**6, 4, 1e-2, 1, 5, seconds=1))
    values = trainer.fit(batches, _losses)
    assert math.isfinite(values['loss']) and math.isfinite(values['sometimes'])
    last = json.loads((tmp_path / 'part.log').read_text().splitlines()[-1])
    again = Trainer('part', nn.Linear(2, 1), tmp_path, Schedule(10**6, 4, 1e-2, 1, 5, seconds=1))
    assert 0 < again.first == last['step'] < 10**6
    assert torch.equal(again.model.weight, trainer.model.weight)
