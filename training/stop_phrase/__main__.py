# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train the stop phrase network: python -m training.stop_phrase [--steps N] [--seed N]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
import torch
from torch import nn

from minicpmo_ros.stop_phrase.log_mel import BANDS, log_mel
from minicpmo_ros.stop_phrase.network import STRIDES, WEIGHTS, normalized
from training.stop_phrase import phrase_data

CHANNELS = (40, 48, 64)
KERNEL = 5
PHRASE_VOICES = 110
OTHER_VOICES = 8
POOL = 26000


class StopPhraseModule(nn.Module):
    """The network of minicpmo_ros.stop_phrase with gradients."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        sizes = (BANDS, *CHANNELS)
        self.convolution = nn.ModuleList(
            nn.Conv1d(inside, outside, KERNEL, stride)
            for inside, outside, stride in zip(sizes, CHANNELS, STRIDES, strict=False)
        )
        self.output = nn.Linear(2 * CHANNELS[-1], classes)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, classes] of windows [batch, 120, 40]."""
        values = windows.transpose(1, 2)
        for layer in self.convolution:
            values = layer(values).relu()
        return self.output(torch.cat([values.amax(dim=2), values.mean(dim=2)], dim=1))


def make_pool(random: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised windows [count, 120, 40] and their classes [count]."""
    positive = phrase_data.phrases(random, PHRASE_VOICES, held_out=False)
    negative = phrase_data.others(random, OTHER_VOICES, held_out=False)
    windows, labels = [], []
    for _ in range(count):
        label, clip = positive[random.integers(len(positive))]
        draw = random.random()
        if draw < 0.35:
            window = phrase_data.phrase_window(random, clip)
        elif draw < 0.42:
            window, label = phrase_data.cut_phrase_window(random, clip), 0
        else:
            window, label = phrase_data.other_window(random, negative), 0
        windows.append(normalized(log_mel(window)))
        labels.append(label)
    return torch.from_numpy(np.stack(windows)), torch.tensor(labels)


def train(steps: int, seed: int, batch: int = 96) -> StopPhraseModule:
    """Return a trained network."""
    torch.manual_seed(seed)
    windows, labels = make_pool(np.random.default_rng(seed), POOL)
    print(f'{len(labels)} windows', flush=True)
    model = StopPhraseModule(len(phrase_data.PHRASES) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    for step in range(steps):
        chosen = torch.randint(len(labels), (batch,))
        inputs = windows[chosen] + 0.03 * torch.randn(batch, 1, BANDS)
        loss = loss_of(model(inputs), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f'step {step} loss {loss.item():.3f}', flush=True)
    return model


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=7000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--output', type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = train(options.steps, options.seed)
    tensors = {name: value.detach().half() for name, value in model.state_dict().items()}
    save_file(tensors, options.output, {'phrases': json.dumps(list(phrase_data.PHRASES))})
    options.output.chmod(0o644)
    print(f'wrote {options.output}')


if __name__ == '__main__':
    main()
