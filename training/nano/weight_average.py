# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Mean of the weights of two checkpoints of one stage.

``python -m training.nano.weight_average FIRST.pt SECOND.pt OUT.pt``. Two points of one training
lie in one valley; their mean often generalizes better than either (Izmailov et al., Averaging
Weights Leads to Wider Optima and Better Generalization, 2018).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def average(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> dict:
    """Return the mean of two sets of weights, float32; integers are the second's.

    :raises ValueError: when they are of different models.
    """
    shapes = [{name: value.shape for name, value in w.items()} for w in (first, second)]
    if shapes[0] != shapes[1]:
        odd = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))
        raise ValueError(f'the checkpoints are of different models: {odd[0]}')
    return {
        name: (first[name].float() + value.float()) / 2 if value.is_floating_point() else value
        for name, value in second.items()
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('first', type=Path, help='file of a stage in the run folder')
    parser.add_argument('second', type=Path)
    parser.add_argument('out', type=Path)
    given = parser.parse_args()
    first, second = (torch.load(p, weights_only=True) for p in (given.first, given.second))
    torch.save({**second, 'model': average(first['model'], second['model'])}, given.out)


if __name__ == '__main__':
    main()
