# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train the near-end network: python -m training.near_end [--scenes N] [--steps N] [--seed N]."""

from __future__ import annotations

import argparse
from pathlib import Path
import time

import numpy as np
from safetensors.torch import save_file
import torch
from torch import nn

from minicpmo_ros.sound_device.near_end_detector import (
    BANDS,
    INPUTS,
    LEVEL_UNIT,
    SIGNALS,
    WEIGHTS,
)
from training.near_end.example import Example, examples
from training.near_end.scene import draw_scene
from training.near_end.sounds import Sounds

SCENES = 140
UNITS = 48
BATCH = 24
PEAK_RATE = 6e-3
LEVEL_WEIGHT = 0.2
GAIN_SPREAD, COLOUR_SPREAD = 0.3, 0.12  # of the disturbed inputs [decades of power]


class NearEndModule(nn.Module):
    """The network of minicpmo_ros.sound_device.near_end_detector with gradients."""

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer('mean', mean)
        self.register_buffer('scale', scale)
        self.recurrent = nn.GRU(INPUTS, UNITS, batch_first=True)
        self.output = nn.Linear(UNITS, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return log odds and level [batch, frames, 2] of inputs [batch, frames, INPUTS]."""
        hidden, _ = self.recurrent((inputs - self.mean) / self.scale)
        return self.output(hidden)


def make_examples(seed: int, scenes: int, scale: float = 1.0) -> list[Example]:
    """Return the stretches with robot speech of so many scenes; ``scale``: amount of voices."""
    sounds = Sounds.make(np.random.default_rng(seed), scale)
    result = []
    for number in range(scenes):
        result += examples(draw_scene(np.random.default_rng([seed, number]), sounds))
        if number % 20 == 0:
            print(f'scene {number} after {time.process_time():.0f} s of processor', flush=True)
    return result


def _padded(arrays: list[np.ndarray]) -> torch.Tensor:
    tensors = [torch.from_numpy(array.astype(np.float32)) for array in arrays]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True)


def disturbed(inputs: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and levels by a microphone of other gain and tone colour."""
    batch = len(inputs)
    gain = GAIN_SPREAD * torch.randn(batch, 1, 1)
    colour = COLOUR_SPREAD * torch.randn(batch, 1, BANDS)
    shift = torch.zeros(batch, 1, INPUTS)
    for block in (0, 1, 2, 3, 5):  # all but the loudspeaker
        shift[:, :, block * BANDS : (block + 1) * BANDS] = gain + colour
    whole = (SIGNALS + 1) * BANDS
    shift[:, :, whole : whole + SIGNALS - 1] = gain
    return (inputs + shift).clamp_min(-6.0), level + gain[:, :, 0] * (10.0 / LEVEL_UNIT)


def loss_of(
    outputs: torch.Tensor, speech: torch.Tensor, weight: torch.Tensor, level: torch.Tensor
) -> torch.Tensor:
    """Return the mean loss of a batch; all but ``outputs`` [..., 2] are [batch, frames]."""
    known = level != 0.0  # zeros pad the shorter stretches; a frame at full scale is no loss
    detection = nn.functional.binary_cross_entropy_with_logits(
        outputs[..., 0], speech, weight, reduction='sum'
    )
    difference = nn.functional.smooth_l1_loss(
        outputs[..., 1][known], level[known], reduction='mean', beta=0.2
    )
    return detection / weight.sum() + LEVEL_WEIGHT * difference


def train(data: list[Example], steps: int) -> NearEndModule:
    """Return a trained network."""
    inputs = np.concatenate([example.inputs for example in data]).astype(np.float32)
    mean = torch.from_numpy(inputs.mean(axis=0))
    scale = torch.from_numpy(inputs.std(axis=0).clip(0.1))
    model = NearEndModule(mean, scale)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, steps, pct_start=0.1)
    for step in range(steps):
        chosen = [data[int(index)] for index in torch.randint(len(data), (BATCH,))]
        level = _padded([example.level for example in chosen])
        known = level != 0.0
        given, moved = disturbed(_padded([example.inputs for example in chosen]), level)
        speech = _padded([example.speech for example in chosen])
        weight = _padded([example.weight for example in chosen])
        loss = loss_of(model(given), speech, weight, moved * known)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f'step {step} loss {loss.item():.3f} {time.process_time():.0f} s', flush=True)
    return model


def main() -> None:
    """Draw the scenes, train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', type=int, default=SCENES)
    parser.add_argument('--steps', type=int, default=400)
    parser.add_argument('--voices', type=float, default=1.0, help='amount of sound to draw from')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--output', type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = train(make_examples(options.seed, options.scenes, options.voices), options.steps)
    tensors = {name: value.detach().half() for name, value in model.state_dict().items()}
    save_file(tensors, options.output)
    options.output.chmod(0o644)
    print(f'wrote {options.output} after {time.process_time():.0f} s')


if __name__ == '__main__':
    main()
