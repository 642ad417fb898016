# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train the stop phrase network: python -m training.stop_phrase [--steps N] [--seed N]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import time

import numpy as np
from safetensors.torch import save_file
import torch
from torch import nn

from minicpmo_ros.stop_phrase.log_mel import BANDS, log_mel
from minicpmo_ros.stop_phrase.network import FRAMES, STRIDES, WEIGHTS, normalized
from training.stop_phrase.calibration import calibrate
from training.stop_phrase.phrase_data import Sounds, draw_window
from training.stop_phrase.phrase_text import PHRASES
from training.stop_phrase.phrase_voice import VoiceSet

CHANNELS = (64, 80, 96)
KERNEL = 5
POOL = 50000
BATCH = 128
HIDDEN_FRAMES, HIDDEN_BANDS = 12, 6


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
        """Return logits [batch, classes] of windows [batch, 130, 40]."""
        values = windows.transpose(1, 2)
        for layer in self.convolution:
            values = layer(values).relu()
        return self.output(torch.cat([values.amax(dim=2), values.mean(dim=2)], dim=1))


def make_pool(
    random: np.random.Generator, sounds: Sounds, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised windows, float16 [count, 130, 40], and their classes, int64 [count]."""
    windows = np.zeros((count, FRAMES, BANDS), np.float16)
    labels = np.zeros(count, np.int64)
    for index in range(count):
        window, labels[index] = draw_window(random, sounds)
        windows[index] = normalized(log_mel(window))
    return torch.from_numpy(windows), torch.from_numpy(labels)


def disturbed(windows: torch.Tensor) -> torch.Tensor:
    """Return windows with another tone colour, and with a stretch of time and of pitch hidden."""
    batch = len(windows)
    result = windows + 0.03 * torch.randn(batch, 1, BANDS)
    for size, length, dimension in ((FRAMES, HIDDEN_FRAMES, 1), (BANDS, HIDDEN_BANDS, 2)):
        begin = torch.randint(size, (batch, 1))
        end = begin + torch.randint(length + 1, (batch, 1))
        place = torch.arange(size)[None]
        hidden = (place >= begin) & (place < end)
        shape = [batch, 1, 1]
        shape[dimension] = size
        result = result.masked_fill(hidden.view(shape), -1.0)
    return result


def train(windows: torch.Tensor, labels: torch.Tensor, steps: int) -> StopPhraseModule:
    """Return a trained network."""
    model = StopPhraseModule(len(PHRASES) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps, pct_start=0.1)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    for step in range(steps):
        chosen = torch.randint(len(labels), (BATCH,))
        loss = loss_of(model(disturbed(windows[chosen].float())), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f'step {step} loss {loss.item():.3f} {time.process_time():.0f} s', flush=True)
    return model


def main() -> None:
    """Train, choose the thresholds and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=3000)
    parser.add_argument('--pool', type=int, default=POOL, help='windows')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--output', type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    sounds = Sounds.make(random, VoiceSet.TRAINING)
    print(f'sounds after {time.process_time():.0f} s of processor time', flush=True)
    windows, labels = make_pool(random, sounds, options.pool)
    print(f'{len(labels)} windows after {time.process_time():.0f} s', flush=True)
    model = train(windows, labels, options.steps).eval()
    tensors = {name: value.detach().half() for name, value in model.state_dict().items()}
    record = calibrate(options.seed, tensors)
    metadata = {'phrases': json.dumps(list(PHRASES)), 'development': json.dumps(record)}
    save_file(tensors, options.output, metadata)
    options.output.chmod(0o644)
    print(f'wrote {options.output} after {time.process_time():.0f} s')


if __name__ == '__main__':
    main()
