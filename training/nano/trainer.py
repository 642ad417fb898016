# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The training loop of all stages: schedule, progress, log, checkpoints, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
import json
import math
from pathlib import Path
import time

import torch
from torch import Tensor, nn

from training.nano.muon import Muon
from training.nano.progress import Progress

Parts = dict[str, Tensor]
Batch = dict[str, Tensor]
_LAYERS = '.layers.'  # in the names of what repeats


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a stage learns.

    peak: largest learning rate, reached after ``warmup`` steps; a cosine brings it to 2 %.
    """

    steps: int
    batch_size: int
    peak: float
    seed: int
    warmup: int = 150
    weight_decay: float = 0.02

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        part = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


def training_device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def optimizers(model: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside layers and AdamW for everything else."""
    named = list(model.named_parameters())
    inside = [p for name, p in named if p.dim() == 2 and _LAYERS in f'.{name}']
    known = {id(parameter) for parameter in inside}
    others = [p for _, p in named if id(p) not in known]
    decay = schedule.weight_decay
    result: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=schedule.peak, betas=(0.9, 0.98), weight_decay=decay)
    ]
    if inside:
        result.append(Muon(inside, schedule.peak, decay))
    return result


class Trainer:
    """Trains one stage; ``run/name.pt`` is its checkpoint, ``run/name.log`` its learning curve.

    first: step to go on with, 0 without a checkpoint.
    """

    def __init__(self, name: str, model: nn.Module, run: Path, schedule: Schedule) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._checkpoint, self._log = run / f'{name}.pt', run / f'{name}.log'
        self._name, self._schedule = name, schedule
        self.device = training_device()
        self.model = model.to(self.device)
        self._optimizers = optimizers(self.model, schedule)
        self.first = 0
        self._averages: dict[str, float] = {}
        if self._checkpoint.exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state['model'])
        for optimizer, known in zip(self._optimizers, state['optimizers'], strict=True):
            optimizer.load_state_dict(known)
        self.first = state['step']

    def fit(
        self, batches: Iterable[Batch], losses: Callable[[nn.Module, Batch], tuple[Tensor, Parts]]
    ) -> dict[str, float]:
        """Train to the last step of the schedule.

        Args:
            batches: endless.
            losses: returns what is minimised, and values to watch.

        Returns:
            Running averages of the values to watch.
        """
        if self._schedule.steps == 0 and not self._checkpoint.exists():
            self._save(0)  # a stage that only passes on what it began with
        progress, start = Progress(self._name, self._schedule.steps), time.monotonic()
        steps = range(self.first, self._schedule.steps)
        for step, batch in zip(steps, batches, strict=False):
            self._learn(step, {key: value.to(self.device) for key, value in batch.items()}, losses)
            values = {name: round(value, 4) for name, value in self._averages.items()}
            progress.update(step + 1, ' '.join(f'{k} {v:.3f}' for k, v in values.items()))
            last = step + 1 == self._schedule.steps
            if (step + 1) % 25 == 0 or last:
                entry = {'step': step + 1, 'seconds': round(time.monotonic() - start, 1), **values}
                with self._log.open('a') as log:
                    print(json.dumps(entry), file=log)
            if (step + 1) % 50 == 0 or last:
                self._save(step + 1)
        return {name: round(value, 4) for name, value in self._averages.items()}

    def _learn(
        self,
        step: int,
        batch: Batch,
        losses: Callable[[nn.Module, Batch], tuple[Tensor, Parts]],
    ) -> None:
        total, parts = losses(self.model, batch)
        self.model.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group['lr'] = self._schedule.rate(step)
            optimizer.step()
        for name, value in parts.items():
            if torch.isfinite(value):
                value = value.item()
                self._averages[name] = 0.97 * self._averages.get(name, value) + 0.03 * value

    def _save(self, step: int) -> None:
        state = {
            'model': self.model.state_dict(),
            'optimizers': [optimizer.state_dict() for optimizer in self._optimizers],
            'step': step,
        }
        new = self._checkpoint.with_suffix('.new')
        torch.save(state, new)
        new.replace(self._checkpoint)
