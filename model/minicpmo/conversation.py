# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A duplex conversation as the language model sees it: prompt, units, and what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

from minicpmo.context_window import (
    ContextWindow,
    UnitRecord,
    WindowChange,
    WindowMode,
)
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.errors import ContextOverflowError, InputError
from minicpmo.language_stream import LanguageStream
from minicpmo.protocol import Heard
from minicpmo.special_token import SpecialTokens
from minicpmo.turn_record import TurnRecord


class Conversation:
    """Prompt and units of one session in the key/value cache.

    The ids that end a unit are not fed at once: they wait and join the next unit's forward.

    pending: the waiting ids.
    """

    def __init__(
        self,
        stream: LanguageStream,
        prompt: DuplexPrompt,
        window: ContextWindow,
        tokens: SpecialTokens,
    ) -> None:
        _require_prompt_fits(prompt, window, stream)
        self.stream = stream
        self.window = window
        self.pending: tuple[int, ...] = ()
        self._prompt = prompt
        self._tokens = tokens
        self._feed_prompt()

    @property
    def length(self) -> int:
        """Return the length in tokens, including those not yet fed."""
        return self.stream.length + len(self.pending)

    def reset(self) -> None:
        """Begin a new conversation behind the same prompt."""
        self.pending = ()
        self.window.reset()
        # Only the suffix can have been computed behind carried-over text.
        self.stream.cache.truncate(self._prompt.prefix_rows)
        self.stream.feed_ids(self._prompt.suffix_ids)

    def make_room(self, unit_rows: int) -> None:
        """Make sure that a unit of at most ``unit_rows`` fits, forgetting old units if need be.

        Raises ContextOverflowError, before anything is changed, if it cannot fit.
        """
        needed = len(self.pending) + unit_rows
        cache, options = self.stream.cache, self.window.options
        if needed <= cache.room:
            return
        kept = self._prompt.rows
        if options.mode is WindowMode.CONTEXT:
            kept += len(self.window.marker_ids) + options.previous_max
        if options.mode is WindowMode.OFF or kept + needed > cache.capacity:
            raise ContextOverflowError(
                f'the unit may need {needed} tokens; {cache.room} of {cache.capacity} are free'
                f' and the window mode is {options.mode.value}; use a context window, fewer'
                ' pictures, a larger context_tokens, or reset the session'
            )
        self._flush()
        self._apply(self.window.make_room(needed - cache.room))

    def begin_unit(self, rows: Tensor) -> Tensor:
        """Feed the end of the last unit and a new unit's input; return the last row's state."""
        if self.pending:
            rows = torch.cat((self.stream.embed(self.pending), rows))
        hidden = self.stream.feed(rows)
        self.pending = ()
        return hidden

    def end_unit(self, record: UnitRecord, closing_ids: Sequence[int]) -> None:
        """Take a finished unit into the books and move the window if it is exceeded."""
        self.pending = tuple(closing_ids)
        self.window.append(record)
        if self.window.exceeded(self.length):
            # What still waits was chosen with the old context in view: feed it before it changes.
            self._flush()
            self._apply(self.window.slide(self.stream.length))

    def close_turn(self, closing_ids: Sequence[int]) -> None:
        """Put ``<|turn_eos|>`` in front of the ids that end the newest unit."""
        if not self.window.units:
            return  # the window has dropped the unit, and the turn with it
        if not self.pending:
            self.stream.cache.truncate(self.stream.length - len(closing_ids))
        self.pending = (self._tokens.turn_end, *closing_ids)
        self.window.units[-1].length += 1

    def replace_answer(
        self, decoded: int, old_closing: Sequence[int], closing_ids: Sequence[int]
    ) -> None:
        """Let the newest unit end with ``closing_ids`` instead of what was decoded in it.

        decoded: how many tokens were decoded and fed. old_closing: what came after them.
        """
        if not self.window.units:
            return  # the window has dropped the unit
        fed = decoded if self.pending else decoded + len(old_closing)
        self.stream.cache.truncate(self.stream.length - fed)
        self.pending = tuple(closing_ids)
        record = self.window.units[-1]
        record.length += len(closing_ids) - decoded - len(old_closing)
        record.ids, record.is_listen = [], True

    def keep_heard(self, turn: TurnRecord, heard: Heard) -> None:
        """Remember only those words of a turn that were heard."""
        self.window.keep_heard(turn.heard_counts(heard))

    def logits_behind(self, ids: Sequence[int]) -> Optional[Tensor]:
        """Return the logits [vocab] after ``ids``, which are removed again; None without room."""
        ids = [*self.pending, *ids]
        if len(ids) > self.stream.cache.room:
            return None
        length = self.stream.length
        logits = self.stream.logits(self.stream.feed_ids(ids))
        self.stream.cache.truncate(length)
        return logits

    def _flush(self) -> None:
        """Feed what still waits."""
        if self.pending:
            self.stream.feed_ids(self.pending)
            self.pending = ()

    def _apply(self, change: Optional[WindowChange]) -> None:
        if change is None:
            return
        prefix_rows, suffix_ids = self._prompt.prefix_rows, self._prompt.suffix_ids
        if self.window.options.renews:
            self.stream.renew(change, prefix_rows, self.window.previous_ids, suffix_ids)
        else:
            self.stream.apply(change, prefix_rows, suffix_ids)

    def _feed_prompt(self) -> None:
        """Feed the whole system prompt in one forward."""
        prompt = self._prompt
        parts = [self.stream.embed(prompt.prefix_ids)]
        if prompt.voice is not None:
            parts.append(prompt.voice.to(parts[0]))
        parts.append(self.stream.embed(prompt.suffix_ids))
        self.stream.feed(torch.cat(parts))


def _require_prompt_fits(
    prompt: DuplexPrompt, window: ContextWindow, stream: LanguageStream
) -> None:
    """Raise InputError for a prompt that leaves no room for a unit."""
    options = window.options
    limit = options.low if options.mode is WindowMode.BASIC else stream.cache.capacity
    if prompt.rows >= limit:
        raise InputError(
            f'the system prompt has {prompt.rows} tokens and the window {limit};'
            ' shorten the instruction or the reference voice, or enlarge the window'
        )
