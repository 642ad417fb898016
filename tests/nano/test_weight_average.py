# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import sys

import pytest
import torch

from training.nano import weight_average


def test_a_checkpoint_of_means_is_written(tmp_path, monkeypatch):
    names = [str(tmp_path / name) for name in ('first.pt', 'second.pt', 'mean.pt')]
    for name, value, step in zip(names, (1.0, 4.0), (10, 20), strict=False):
        weights = {'layer': torch.full((2, 3), value), 'steps': torch.tensor(step)}
        torch.save({'model': weights, 'step': step}, name)
    monkeypatch.setattr(sys, 'argv', ['weight_average', *names])
    weight_average.main()
    written = torch.load(names[2], weights_only=True)
    assert written['step'] == 20 and written['model']['steps'] == 20
    torch.testing.assert_close(written['model']['layer'], torch.full((2, 3), 2.5))


def test_weights_of_different_models_are_refused():
    first, second = {'layer': torch.zeros(2)}, {'layer': torch.zeros(3)}
    with pytest.raises(ValueError, match='layer'):
        weight_average.average(first, second)
