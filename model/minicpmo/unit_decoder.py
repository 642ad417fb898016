# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes the answer of one unit: listen or speak, and which words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional

import torch
from torch import Tensor

from minicpmo.errors import ConfigurationError
from minicpmo.language_stream import LanguageStream
from minicpmo.protocol import YieldPolicy
from minicpmo.sampling import TokenChooser
from minicpmo.special_token import SpecialTokens
from minicpmo.unit_sequence import unit_closing_ids


@dataclass(frozen=True)
class DecodingOptions:
    """Limits of one unit's answer.

    max_tokens: decoding steps per unit; one less can be fed, ``<|speak|>`` included.
    max_characters: a token with which the unit's text would reach this length is dropped.
    yield_policy: whether the model may give up an open turn by choosing ``<|listen|>``.
    yield_units: in how many units in a row it has to choose so before the turn is given up.
    """

    max_tokens: int = 20
    max_characters: int = 28
    yield_policy: YieldPolicy = YieldPolicy.REFERENCE
    yield_units: int = 1

    def __post_init__(self) -> None:
        """Raise ConfigurationError for limits without a meaning."""
        for name in ('max_tokens', 'max_characters', 'yield_units'):
            if getattr(self, name) < 1:
                raise ConfigurationError(f'{name} is {getattr(self, name)}; use 1 or more')


@dataclass
class DecodedUnit:
    """What the language model answered in one unit.

    first_id: the first fed id (normally ``<|speak|>``), None if nothing was fed.
    ids: the other fed ids, ``<|turn_eos|>`` included; these are spoken and remembered.
    hidden: states at ``ids``, [len(ids), hidden], or None if they were not asked for.
    closing_ids: what ends the unit and has not been fed yet.
    end_of_turn: the model ended its turn: the last decoded token is ``<|turn_eos|>``, or it gave
    the turn up.
    forced: listened without being asked. wanted_to_speak: would have begun a turn then.
    given: the words were given, the model did not choose them. chosen: how many ids it chose.
    """

    is_listen: bool
    closing_ids: tuple[int, ...]
    first_id: Optional[int] = None
    ids: list[int] = field(default_factory=list)
    hidden: Optional[Tensor] = None
    text: str = ''
    end_of_turn: bool = False
    turn_open: bool = False
    yielded: bool = False
    forced: bool = False
    wanted_to_speak: bool = False
    given: bool = False
    chosen: int = 0

    @property
    def fed_tokens(self) -> int:
        """Return how many decoded tokens were fed."""
        return len(self.ids) + (self.first_id is not None)

    @property
    def cuts_turn(self) -> bool:
        """Return whether the turn is cut by the ids that end the unit."""
        return len(self.closing_ids) > 2


class UnitDecoder:
    """Runs the decoding loop of a unit; keeps only the buffers and the yield counter."""

    def __init__(
        self,
        stream: LanguageStream,
        chooser: TokenChooser,
        tokens: SpecialTokens,
        decode_text: Callable[[list[int]], str],
        options: DecodingOptions,
    ) -> None:
        self._stream = stream
        self._chooser = chooser
        self._tokens = tokens
        self._decode_text = decode_text
        self._options = options
        width = stream.model.config.hidden_size
        keys = stream.cache.keys
        shape = (options.max_tokens, width)
        self._hidden = torch.empty(shape, dtype=keys.dtype, device=keys.device)
        self._yield_wishes = 0

    def reset(self) -> None:
        """Begin a new conversation."""
        self._yield_wishes = 0

    def forced_listen(self, turn_open: bool, close_turn: bool) -> DecodedUnit:
        """Return a listening unit without asking the model; ``close_turn`` ends an open turn."""
        closes = turn_open and close_turn
        closing = unit_closing_ids(self._tokens, self._tokens.listen, close_turn=closes)
        return DecodedUnit(True, closing, turn_open=turn_open and not closes, forced=True)

    def say(self, ids: Sequence[int]) -> DecodedUnit:
        """Return a speaking unit with given ids, at most ``max_tokens`` - 2 of them."""
        unit = DecodedUnit(False, (), given=True)
        for step, token in enumerate((self._tokens.speak, *ids)):
            self._feed(unit, token, step)
        self._yield_wishes = 0
        return self._finished(unit, self._tokens.chunk_end)

    def begins_turn(self, hidden: Tensor) -> bool:
        """Return whether the likeliest answer to a unit is to speak; draws nothing."""
        likeliest = self._chooser.process(self._stream.logits(hidden)).argmax()
        return int(likeliest) not in self._tokens.unit_terminators

    def decode(self, hidden: Tensor, turn_open: bool, begins: bool = False) -> DecodedUnit:
        """Return the answer to a unit whose last input row has the state ``hidden``.

        begins: a turn begins if none is open, without asking the model whether it wants to.
        """
        tokens, limit = self._tokens, self._options.max_tokens
        unit = DecodedUnit(True, (), turn_open=turn_open)
        terminator, wished = tokens.chunk_end, False
        for step in range(limit - 1):
            if begins and not step and not turn_open:
                chosen = tokens.speak
            else:
                chosen = self._chooser.choose(self._stream.logits(hidden))
            if chosen == tokens.listen and unit.turn_open:
                if self._yields(wished):
                    return self._yielded(unit)
                chosen, wished = tokens.speech_begin, True
            if chosen in tokens.unit_terminators:
                terminator = chosen
                break
            unit.turn_open = True
            if step and self._is_full(unit, chosen):
                break
            hidden = self._feed(unit, chosen, step)
        self._yield_wishes = self._yield_wishes + 1 if wished else 0
        return self._finished(unit, terminator)

    def _feed(self, unit: DecodedUnit, token: int, step: int) -> Tensor:
        hidden = self._stream.feed_ids((token,))
        unit.end_of_turn = token == self._tokens.turn_end
        unit.turn_open = not unit.end_of_turn
        if step:
            self._hidden[len(unit.ids)].copy_(hidden)
            unit.ids.append(token)
        else:
            unit.first_id = token
        return hidden

    def _is_full(self, unit: DecodedUnit, token: int) -> bool:
        return len(self._decode_text([*unit.ids, token])) >= self._options.max_characters

    def _finished(self, unit: DecodedUnit, terminator: int) -> DecodedUnit:
        unit.is_listen = terminator == self._tokens.listen
        unit.closing_ids = unit_closing_ids(self._tokens, terminator)
        unit.text = self._decode_text(unit.ids)
        unit.hidden = self._hidden[: len(unit.ids)]
        return unit

    def _yields(self, already_counted: bool) -> bool:
        """Return whether the model's wish to listen ends the open turn now."""
        if self._options.yield_policy is YieldPolicy.REFERENCE:
            return False
        wishes = self._yield_wishes + (0 if already_counted else 1)
        return wishes >= self._options.yield_units

    def _yielded(self, unit: DecodedUnit) -> DecodedUnit:
        """Close the turn and listen; what this unit had begun to say is not spoken."""
        self._yield_wishes = 0
        closing = unit_closing_ids(self._tokens, self._tokens.listen, close_turn=True)
        return DecodedUnit(
            True, closing, unit.first_id, unit.ids, None, '', end_of_turn=True, yielded=True
        )
