# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a speech code is chosen from logits: temperature, repetition penalty, filters, draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch

from minicpmo.errors import ConfigurationError
from minicpmo.graph.host_read import read_ids

MIN_KEPT = 3
"""Codes that top-p and top-k never remove."""


@dataclass(frozen=True)
class CodeSampling:
    """Rules of one mode; the defaults are those of duplex.

    temperature: divides the logits. penalty: factor per occurrence among the last ``window``
    codes. top_p, top_k: filters of the chat mode, None = off. seed: of the draws, None = argmax.
    """

    temperature: float = 0.8
    penalty: float = 1.05
    window: int = 16
    top_p: Optional[float] = None
    top_k: Optional[int] = None
    seed: Optional[int] = 0

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values that make no distribution."""
        if not self.temperature > 0 or not self.penalty > 0:
            raise ConfigurationError(
                f'temperature {self.temperature} and penalty {self.penalty} must be above 0'
            )
        if self.window < 1:
            raise ConfigurationError(f'penalty window {self.window} must be at least 1')
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigurationError(f'top_p {self.top_p} must lie in (0, 1]')
        if self.top_k is not None and self.top_k < 1:
            raise ConfigurationError(f'top_k {self.top_k} must be at least 1')

    @property
    def filters(self) -> bool:
        """Return whether unlikely codes are removed."""
        return self.top_p is not None or self.top_k is not None


CHAT_SAMPLING = CodeSampling(top_p=0.85, top_k=25)
"""Rules of the turn-based and half-duplex modes."""


class CodeSampler:
    """Chooses codes of one stream and remembers those that are penalised.

    steps: how many draws :meth:`refresh` prepares; the duplex mode draws all randomness of a unit
        at its beginning, so it does not matter how many codes the unit turns out to have.
    """

    def __init__(
        self, rules: CodeSampling, code_count: int, device: torch.device, steps: int = 1
    ) -> None:
        self.rules = rules
        self.end_code = code_count - 1
        self._generator = torch.Generator(device=device)
        # One dummy column behind the codes takes the unused places of the fixed-size history.
        # All are changed in place by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._counts = torch.zeros(code_count + 1, device=device)
            self._ones = torch.ones(rules.window, device=device)
            self._recent = torch.full((rules.window,), code_count, dtype=torch.long, device=device)
            self.noise = torch.ones(steps, code_count, device=device)
        self._total = 0
        self.reset()

    def reset(self) -> None:
        """Forget the history and begin the sequence of draws anew."""
        self.forget()
        if self.rules.seed is not None:
            self._generator.manual_seed(self.rules.seed)

    def forget(self) -> None:
        """Forget the codes that are penalised."""
        self._recent.fill_(self._counts.numel() - 1)
        self._total = 0

    def refresh(self) -> None:
        """Prepare the randomness of the next ``steps`` draws."""
        if self.rules.seed is not None:
            self.noise.exponential_(generator=self._generator)

    def accept(self, code: int) -> None:
        """Add a chosen code to the history."""
        self._recent[self._total % self.rules.window].fill_(code)
        self._total += 1

    def scores(self, logits: torch.Tensor, end_allowed: bool) -> torch.Tensor:
        """Return the input of the final softmax [codes] for float32 logits [codes]."""
        scores = logits / self.rules.temperature
        if self._total:
            counts = self._counts.zero_().index_add_(0, self._recent, self._ones)[:-1]
            scores = self._filtered(penalised(scores, counts, self.rules.penalty))
        if not end_allowed:
            scores[self.end_code] = -torch.inf
        return scores

    def _filtered(self, scores: torch.Tensor) -> torch.Tensor:
        """Return scores with all but the most likely codes at minus infinity."""
        if self.rules.top_p is not None:
            ordered, order = scores.sort(descending=False)
            dropped = ordered.softmax(-1).cumsum(-1) <= 1 - self.rules.top_p
            dropped[-MIN_KEPT:] = False
            scores = scores.masked_fill(dropped.scatter(0, order, dropped), -torch.inf)
        if self.rules.top_k is not None:
            count = min(max(self.rules.top_k, MIN_KEPT), scores.numel())
            scores = scores.masked_fill(scores < scores.topk(count).values[-1], -torch.inf)
        return scores

    def choose(self, scores: torch.Tensor, step: int = 0) -> int:
        """Return the code drawn with the prepared randomness of ``step``."""
        return read_ids(chosen_code(scores, self.noise[step], self.rules))[0]


def penalised(scores: torch.Tensor, counts: torch.Tensor, penalty: float) -> torch.Tensor:
    """Return scores [codes] with those of codes that were just chosen made less likely.

    counts: float32 [codes], how often each one was.
    """
    factor = torch.pow(penalty, counts)
    return torch.where(scores < 0, scores * factor, scores / factor)


def chosen_code(scores: torch.Tensor, noise: torch.Tensor, rules: CodeSampling) -> torch.Tensor:
    """Return the code drawn with exponential noise [codes], int64 [1]; the best without a seed.

    The same draw as that of ``torch.multinomial``, whose checks wait for the device.
    """
    if rules.seed is None:
        return scores.argmax().view(1)
    return (scores.softmax(-1) / noise).argmax().view(1)
