# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train the stop phrase network: python -m training.stop_phrase [--steps N] [--seed N]."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
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
from training.stop_phrase.hard_negatives import hard_windows, talk_streams
from training.stop_phrase.phrase_data import Sounds, draw_window
from training.stop_phrase.phrase_text import PHRASES
from training.stop_phrase.phrase_voice import VoiceSet
from training.stop_phrase.stream import Probabilities

CHANNELS = (64, 80, 96)
KERNEL = 5
POOL = 24000
BATCH = 128
HIDDEN_FRAMES, HIDDEN_BANDS = 12, 6
# How often mistakes are looked for, in so many streams of running speech.
ROUNDS, STREAMS = 2, 4


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


@dataclass(frozen=True)
class Part:
    """Windows, float16 [n, 130, 40], their classes, int64 [n], and how many a batch takes."""

    windows: torch.Tensor
    labels: torch.Tensor
    batch: int

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the windows and classes of one batch."""
        chosen = torch.randint(len(self.labels), (self.batch,))
        return self.windows[chosen], self.labels[chosen]


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


def train(model: StopPhraseModule, parts: list[Part], steps: int, rate: float) -> None:
    """Teach the network windows of several parts, so many of each in every batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    model.train()
    for step in range(steps):
        drawn = [part.draw() for part in parts]
        windows, labels = (torch.cat(values) for values in zip(*drawn, strict=True))
        loss = loss_of(model(disturbed(windows.float())), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f'step {step} loss {loss.item():.3f} {time.process_time():.0f} s', flush=True)
    model.eval()


def probabilities_of(model: StopPhraseModule) -> Probabilities:
    """Return the network as a function of windows."""

    def probabilities(windows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(windows)).softmax(dim=1)[:, 1:].numpy()

    return probabilities


def learn(sounds: Sounds, options: argparse.Namespace) -> StopPhraseModule:
    """Return a network that knows phrases, and then the moments it takes for one by mistake."""
    random = np.random.default_rng([options.seed, 2])
    pool = Part(*make_pool(random, sounds, options.pool), BATCH)
    print(f'{options.pool} windows after {time.process_time():.0f} s', flush=True)
    model = StopPhraseModule(len(PHRASES) + 1)
    train(model, [pool], options.steps, 3e-3)
    streams = talk_streams(random, sounds, STREAMS)
    print(f'{STREAMS} streams after {time.process_time():.0f} s', flush=True)
    mistakes: list[np.ndarray] = []
    for _ in range(ROUNDS):
        mistakes.append(hard_windows(random, streams, probabilities_of(model)))
        windows = torch.from_numpy(np.concatenate(mistakes))
        nothing = torch.zeros(len(windows), dtype=torch.int64)
        train(model, [pool, Part(windows, nothing, BATCH // 4)], options.steps * 3 // 10, 1.5e-3)
    return model


def main() -> None:
    """Train, choose the thresholds and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=2000)
    parser.add_argument('--pool', type=int, default=POOL, help='windows')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--output', type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    sounds = Sounds.make(np.random.default_rng(options.seed), VoiceSet.TRAINING)
    print(f'sounds after {time.process_time():.0f} s of processor time', flush=True)
    model = learn(sounds, options)
    tensors = {name: value.detach().half() for name, value in model.state_dict().items()}
    record = calibrate(options.seed, tensors, probabilities_of(model))
    metadata = {'phrases': json.dumps(list(PHRASES)), 'development': json.dumps(record)}
    save_file(tensors, options.output, metadata)
    options.output.chmod(0o644)
    print(f'wrote {options.output} after {time.process_time():.0f} s')


if __name__ == '__main__':
    main()
