# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a speech code is chosen from logits: temperature, repetition penalty, filters, draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch

from minicpmo.errors import ConfigurationError

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


CHAT_SAMPLING = CodeSampling(top_p=0.85, top_k=25)
"""Rules of the turn-based and half-duplex modes."""


class CodeSampler:
    """Chooses codes of one stream and remembers those that are penalised."""

    def __init__(self, rules: CodeSampling, code_count: int, device: torch.device) -> None:
        self.rules = rules
        self.end_code = code_count - 1
        self._generator = torch.Generator(device=device)
        # One dummy column behind the codes takes the unused places of the fixed-size history.
        # All are changed in place by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._counts = torch.zeros(code_count + 1, device=device)
            self._ones = torch.ones(rules.window, device=device)
            self._recent = torch.full((rules.window,), code_count, dtype=torch.long, device=device)
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

    def accept(self, code: int) -> None:
        """Add a chosen code to the history."""
        self._recent[self._total % self.rules.window] = code
        self._total += 1

    def scores(self, logits: torch.Tensor, end_allowed: bool) -> torch.Tensor:
        """Return the input of the final softmax [codes] for float32 logits [codes]."""
        scores = logits / self.rules.temperature
        if self._total:
            scores = self._filtered(self._penalised(scores))
        if not end_allowed:
            scores[self.end_code] = -torch.inf
        return scores

    def _penalised(self, scores: torch.Tensor) -> torch.Tensor:
        counts = self._counts.zero_().index_add_(0, self._recent, self._ones)[:-1]
        factor = torch.pow(self.rules.penalty, counts)
        return torch.where(scores < 0, scores * factor, scores / factor)

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

    def choose(self, scores: torch.Tensor) -> int:
        """Return the drawn code, or the best one where the rules have no seed."""
        if self.rules.seed is None:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._generator))
