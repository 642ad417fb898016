# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which token comes next in a duplex unit: the official rules, kept on the logits' device."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional, Protocol

import torch
from torch import Tensor

from minicpmo.errors import ConfigurationError
from minicpmo.graph.captured_step import GraphPool, Step
from minicpmo.graph.host_read import read_ids
from minicpmo.special_token import SpecialTokens

NEVER = float('-inf')
TIE_MARGIN = 64
"""Candidates kept beyond top_k, because equal logits at the threshold all stay (bfloat16)."""


@dataclass(frozen=True)
class SamplingOptions:
    """How a token is chosen; the defaults are those of the official duplex mode.

    greedy: take the best token instead of drawing one.
    top_k: 0 switches the limit off.
    repetition_window: how many of the last chosen ids are penalised.
    length_penalty: above 1 makes the end of a turn less likely.
    listen_scale, listen_top_k: act on ``<|im_end|>``, not on ``<|listen|>``, as in the official
    code; ``listen_top_k`` None switches the rule off.
    """

    greedy: bool = False
    temperature: float = 0.7
    top_k: int = 20
    top_p: float = 0.8
    repetition_penalty: float = 1.05
    repetition_window: int = 512
    length_penalty: float = 1.1
    listen_scale: float = 1.0
    listen_top_k: Optional[int] = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values without a meaning."""
        positive = ('temperature', 'repetition_penalty', 'repetition_window', 'length_penalty')
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigurationError(f'{name} is {getattr(self, name)}; it must be above 0')
        if not 0 < self.top_p <= 1:
            raise ConfigurationError(f'top_p is {self.top_p}; it must be in (0, 1]')
        if self.top_k < 0:
            raise ConfigurationError(f'top_k is {self.top_k}; it must be 0 (off) or more')


class Draws(Protocol):
    """Source of randomness; draws are indices into the last dimension, int64 [1].

    capturable: ``first`` and ``final`` may run in a CUDA graph.
    """

    capturable: bool

    def refresh(self) -> None:
        """Prepare the randomness of the next choice."""

    def first(self, probabilities: Tensor) -> Tensor:
        """Draw from the raw distribution over the whole vocabulary."""

    def final(self, probabilities: Tensor, ids: Tensor) -> Tensor:
        """Draw from the filtered distribution over the candidates ``ids``."""

    def reset(self) -> None:
        """Begin a new conversation."""


class SeededDraws:
    """Draws from a generator of its own, so sessions do not disturb one another.

    A draw is the argmax of probability over exponential noise, as inside ``torch.multinomial``,
    which on a CUDA device also checks its input on the host. The noise lies in buffers that are
    filled before a choice, so the choice itself has no random state.

    vocab_size, candidates: lengths of the two distributions.
    """

    capturable = True

    def __init__(
        self, seed: int, vocab_size: int, candidates: int, device: torch.device | str = 'cpu'
    ) -> None:
        self._seed = seed
        self._generator = torch.Generator(device=device)
        self._first = torch.ones(vocab_size, device=device)
        self._final = torch.ones(candidates, device=device)
        self.reset()

    def refresh(self) -> None:
        """Fill the noise of the next choice."""
        self._first.exponential_(generator=self._generator)
        self._final.exponential_(generator=self._generator)

    def first(self, probabilities: Tensor) -> Tensor:
        """Draw one id."""
        return (probabilities / self._first).argmax().view(1)

    def final(self, probabilities: Tensor, ids: Tensor) -> Tensor:
        """Draw one candidate."""
        return (probabilities / self._final).argmax().view(1)

    def reset(self) -> None:
        """Start again from the seed."""
        self._generator.manual_seed(self._seed)


@dataclass
class PenaltyHistory:
    """The last chosen ids and, per vocabulary entry, what its logit is divided by.

    The divisors are updated as ids enter and leave the window, so a choice costs one division of
    the whole row and no list of distinct ids has to be built. ``total`` counts all ids ever.
    """

    penalty: float
    window: int
    divisor: Tensor
    total: int = 0
    recent: deque[int] = field(default_factory=deque)
    count: dict[int, int] = field(default_factory=dict)

    def append(self, token: int) -> None:
        """Remember a chosen id."""
        self.total += 1
        self.recent.append(token)
        self.count[token] = self.count.get(token, 0) + 1
        self.divisor[token].fill_(self.penalty)
        if len(self.recent) > self.window:
            self._forget(self.recent.popleft())

    def _forget(self, token: int) -> None:
        self.count[token] -= 1
        if not self.count[token]:
            del self.count[token]
            self.divisor[token].fill_(1.0)

    def forget_newest(self, number: int) -> None:
        """Forget the last ids, as if they were never chosen; what left for them stays away."""
        self.total -= number
        for _ in range(min(number, len(self.recent))):
            self._forget(self.recent.pop())

    def reset(self, ids: Sequence[int] = ()) -> None:
        """Forget everything, then remember ``ids``."""
        self.total = 0
        self.recent.clear()
        self.count.clear()
        self.divisor.fill_(1.0)
        for token in ids:
            self.append(token)


class TokenChooser:
    """Chooses one id from the logits of one row and keeps the conversation's history.

    forbidden_ids: never chosen; ``<|tts_pad|>`` and ``<|chunk_eos|>`` are added (the latter can
    only be chosen by the first rule).
    """

    def __init__(
        self,
        tokens: SpecialTokens,
        vocab_size: int,
        forbidden_ids: Sequence[int],
        options: SamplingOptions,
        draws: Draws,
        device: torch.device | str = 'cpu',
    ) -> None:
        self._tokens = tokens
        self._options = options
        self._draws = draws
        forbidden = [*forbidden_ids, tokens.speech_pad, tokens.chunk_end]
        self._forbidden = torch.zeros(vocab_size, dtype=torch.bool, device=device)
        self._forbidden[torch.tensor(forbidden, device=device)] = True
        with torch.inference_mode(False):
            self._logits, self._work = torch.zeros(2, vocab_size, device=device)
            self._choice = torch.zeros(3, dtype=torch.int64, device=device)
        self._step: Step = self._decide
        self._history = PenaltyHistory(
            options.repetition_penalty,
            options.repetition_window,
            torch.ones(vocab_size, dtype=torch.float32, device=device),
        )

    @property
    def history(self) -> list[int]:
        """Return the ids inside the repetition window, oldest first."""
        return list(self._history.recent)

    @property
    def history_length(self) -> int:
        """Return how many ids were chosen since the conversation began."""
        return self._history.total

    def reset(self, history: Sequence[int] = ()) -> None:
        """Begin a new conversation."""
        self._history.reset(history)
        self._draws.reset()

    def forget_newest(self, number: int) -> None:
        """Take back the last chosen ids: they no longer count as repetitions."""
        self._history.forget_newest(number)

    @torch.inference_mode()
    def capture(self, pool: GraphPool) -> None:
        """Capture the choice as one step, unless the draws have to see the host."""
        if self._draws.capturable:
            self._step = pool.capture(self._decide)

    @torch.inference_mode()
    def choose(self, logits: Tensor) -> int:
        """Return the next id for ``logits`` [vocab_size]; waits for the device once."""
        self._logits.copy_(logits)
        if not self._options.greedy:
            self._draws.refresh()
        self._step()
        chosen, raw, listens = read_ids(self._choice)
        if raw == self._tokens.chunk_end:
            return raw
        if listens:
            return self._tokens.message_end
        self._history.append(chosen)
        return chosen

    def process(self, logits: Tensor) -> Tensor:
        """Return the logits after masks and penalties; valid until the next call."""
        self._logits.copy_(logits)
        return self._processed()

    def _decide(self) -> None:
        """Leave the chosen id, the first draw, and whether the listen rule applies."""
        greedy, logits = self._options.greedy, self._logits
        first = logits.argmax().view(1) if greedy else self._draw_first(logits)
        work = self._processed()
        wants_listen = self._listen_ranks(work)
        choice = work.argmax().view(1) if greedy else self._draw_final(work)
        self._choice.copy_(torch.stack((choice[0], first[0], wants_listen)))

    def _processed(self) -> Tensor:
        work, options = self._work, self._options
        work.copy_(self._logits)
        work.masked_fill_(self._forbidden, NEVER)
        work.div_(self._history.divisor)
        turn_end = work[self._tokens.turn_end :][:1]
        penalty = options.length_penalty
        turn_end.copy_(torch.where(turn_end > 0, turn_end / penalty, turn_end * penalty))
        work[self._tokens.message_end :][:1].mul_(options.listen_scale)
        return work

    def _listen_ranks(self, work: Tensor) -> Tensor:
        """Return 1 where ``<|im_end|>`` is among the best ``listen_top_k``, else 0."""
        limit = self._options.listen_top_k
        if not limit:
            return torch.zeros((), dtype=torch.int64, device=work.device)
        return ((work > work[self._tokens.message_end]).sum() < limit).long()

    def _draw_first(self, logits: Tensor) -> Tensor:
        return self._draws.first(torch.softmax(logits, dim=-1))

    def _draw_final(self, work: Tensor) -> Tensor:
        ids, probabilities = filtered_distribution(work, self._options)
        return ids[self._draws.final(probabilities, ids)]


def filtered_distribution(logits: Tensor, options: SamplingOptions) -> tuple[Tensor, Tensor]:
    """Return candidate ids and their probabilities, both [n], most likely first.

    Temperature, then everything below the k-th best logit removed, then everything after the
    token with which the sorted probabilities exceed ``top_p``.
    """
    size = logits.shape[-1]
    values, ids = (logits / options.temperature).topk(candidate_count(size, options))
    if options.top_k:
        threshold = values[min(options.top_k, size) - 1]
        values = values.masked_fill(values < threshold, NEVER)
    cumulative = torch.softmax(values, dim=-1).cumsum(dim=-1)
    beyond = torch.zeros_like(cumulative, dtype=torch.bool)
    beyond[1:] = cumulative[:-1] > options.top_p
    return ids, torch.softmax(values.masked_fill(beyond, NEVER), dim=-1)


def candidate_count(vocab_size: int, options: SamplingOptions) -> int:
    """Return how many candidates :func:`filtered_distribution` returns."""
    return min(vocab_size, options.top_k + TIE_MARGIN) if options.top_k else vocab_size
