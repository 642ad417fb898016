# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The training loop of all stages: schedule, progress, log, checkpoints, resume."""

from __future__ import annotations

from collections import defaultdict
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
_SAVE_SECONDS = 60
_SLOWER = 0.5  # of the learning rate


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a stage learns.

    peak: largest learning rate, reached after ``warmup`` steps; a cosine brings it to 2 %.
    seconds: the stage ends after so much time even if steps are left, and the cosine with it.
    """

    steps: int
    batch_size: int
    peak: float
    seed: int
    warmup: int = 150
    weight_decay: float = 0.02
    seconds: float = math.inf

    def rate(self, step: int, elapsed: float = 0.0) -> float:
        """Return the learning rate of a step that begins after ``elapsed`` seconds."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        part = (step - self.warmup) / max(1, self.steps - self.warmup)
        part = max(part, elapsed / self.seconds)
        return self.peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


def training_device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def optimizers(
    model: nn.Module, schedule: Schedule, slower: tuple[str, ...] = ()
) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside layers and AdamW for everything else.

    slower: beginnings of the names of parameters that learn at half the rate.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        inside = parameter.dim() == 2 and _LAYERS in f'.{name}'
        groups[inside, bool(slower) and name.startswith(slower)].append(parameter)
    decay = schedule.weight_decay

    def parts(inside: bool) -> list[dict]:
        shares = ((1.0, groups[inside, False]), (_SLOWER, groups[inside, True]))
        return [{'params': chosen, 'share': share} for share, chosen in shares if chosen]

    result: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(parts(False), lr=schedule.peak, betas=(0.9, 0.98), weight_decay=decay)
    ]
    matrices = parts(True)
    if matrices:
        result.append(Muon(matrices, schedule.peak, decay))
    return result


class Trainer:
    """Trains one stage; ``run/name.pt`` is its checkpoint, ``run/name.log`` its learning curve.

    first: step to go on with, 0 without a checkpoint.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        run: Path,
        schedule: Schedule,
        slower: tuple[str, ...] = (),
    ) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._checkpoint, self._log = run / f'{name}.pt', run / f'{name}.log'
        self._name, self._schedule = name, schedule
        self.device = training_device()
        self.model = model.to(self.device)
        self._optimizers = optimizers(self.model, schedule, slower)
        self.first = 0
        self._averages: dict[str, Tensor] = {}
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
        progress = Progress(self._name, self._schedule.steps)
        start = saved = time.monotonic()
        steps = range(self.first, self._schedule.steps)
        for step, batch in zip(steps, batches, strict=False):
            elapsed = time.monotonic() - start
            rate = self._schedule.rate(step, elapsed)
            self._learn(rate, {key: value.to(self.device) for key, value in batch.items()}, losses)
            last = step + 1 == self._schedule.steps or elapsed >= self._schedule.seconds
            if (step + 1) % 25 == 0 or last:
                values = self._values()
                progress.update(step + 1, ' '.join(f'{k} {v:.3f}' for k, v in values.items()))
                entry = {'step': step + 1, 'seconds': round(time.monotonic() - start, 1), **values}
                with self._log.open('a') as log:
                    print(json.dumps(entry), file=log)
            if time.monotonic() - saved >= _SAVE_SECONDS or last:
                self._save(step + 1)
                saved = time.monotonic()
            if last:
                break
        return self._values()

    def _values(self) -> dict[str, float]:
        return {name: round(value.item(), 4) for name, value in self._averages.items()}

    def _learn(
        self,
        rate: float,
        batch: Batch,
        losses: Callable[[nn.Module, Batch], tuple[Tensor, Parts]],
    ) -> None:
        total, parts = losses(self.model, batch)
        self.model.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group['lr'] = rate * group['share']
            optimizer.step()
        with torch.no_grad():  # nothing here waits for the device
            for name, value in parts.items():
                value = value.float()
                old = self._averages.get(name, value)
                old = torch.where(old.isfinite(), old, value)
                self._averages[name] = torch.where(
                    value.isfinite(), 0.97 * old + 0.03 * value, old
                )

    def _save(self, step: int) -> None:
        state = {
            'model': self.model.state_dict(),
            'optimizers': [optimizer.state_dict() for optimizer in self._optimizers],
            'step': step,
        }
        new = self._checkpoint.with_suffix('.new')
        torch.save(state, new)
        new.replace(self._checkpoint)
