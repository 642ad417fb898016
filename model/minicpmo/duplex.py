# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One endless full-duplex conversation: a second of input in, listen or speech out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
import time
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.context_window import UnitRecord
from minicpmo.conversation import Conversation, new_window
from minicpmo.duplex_input import DuplexPrompt, InputEncoder
from minicpmo.duplex_options import DuplexOptions
from minicpmo.errors import InputError, SessionStateError
from minicpmo.forced_turn import ForcedTurn
from minicpmo.language_stream import LanguageStream
from minicpmo.llm import LanguageModel
from minicpmo.protocol import Decision, Heard, Unit, UnitResult, UnitTimings
from minicpmo.sampling import Draws, SeededDraws, TokenChooser
from minicpmo.special_token import SpecialTokens
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.tokenizer import TextTokenizer
from minicpmo.turn_record import SpokenUnit, TurnRecord
from minicpmo.unit_decoder import DecodedUnit, UnitDecoder
from minicpmo.unit_input import UnitInput
from minicpmo.unit_sequence import Part, part_rows
from minicpmo.yes_no import YesNoQuestion

CLOSING_ROWS = 3
"""Most rows that end a unit: ``<|turn_eos|>``, terminator and ``</unit>``."""


@dataclass
class DuplexState:
    """Where the session stands.

    last_index: index of the newest accepted unit, None before the first one.
    units: number of accepted units.
    last_unit: the newest unit's answer with its ids, None before the first one.
    """

    last_index: Optional[int] = None
    units: int = 0
    turn_open: bool = False
    last_unit: Optional[DecodedUnit] = None

    def reset(self) -> None:
        """Begin a new conversation."""
        self.last_index, self.units, self.turn_open, self.last_unit = None, 0, False, None


class DuplexSession:
    """Implements :class:`minicpmo.protocol.Session`; several sessions may share one model.

    A unit costs one forward of the language model for its whole input and the end of the unit
    before it, and one forward per decoded token.

    speech: None makes no sound.
    state, chooser, conversation, encoder: open for checks and benchmarks, not to be changed.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: TextTokenizer,
        encoder: InputEncoder,
        speech: Optional[SpeechSynthesizer],
        prompt: DuplexPrompt,
        options: DuplexOptions,
        draws: Optional[Draws] = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.options = options
        self.state = DuplexState()
        tokens = SpecialTokens.from_tokenizer(tokenizer)
        stream = LanguageStream(model, options.cache_rows)
        self.chooser = _new_chooser(stream, tokens, tokenizer, options, draws)
        window = new_window(tokens, tokenizer, prompt, options.window)
        self.conversation = Conversation(stream, prompt, window, tokens)
        self.encoder = encoder
        self.speech = None if options.text_only else speech
        self._clock = clock
        self._input = UnitInput(tokens, tokenizer, encoder, stream, clock)
        self._decoder = UnitDecoder(
            stream, self.chooser, tokens, tokenizer.decode, options.decoding
        )
        self._question = YesNoQuestion.from_tokenizer(tokenizer)
        self._turn = TurnRecord(tokenizer.decode)
        self._forced = ForcedTurn(tokenizer, tokens, options.decoding)
        self._closed = False

    def step(self, unit: Unit) -> UnitResult:
        """Process one second of input; see :class:`minicpmo.protocol.Session`.

        Raises:
            InputError: the unit cannot be used; the session is unchanged.
            ContextOverflowError: there is no room for the unit; the session is unchanged.
            SessionStateError: the session is closed.
        """
        self._require_open()
        self._require_order(unit)
        parts = self._input.plan(unit)
        self.conversation.make_room(
            part_rows(parts) + self.options.decoding.max_tokens + CLOSING_ROWS
        )
        timings = UnitTimings()
        with torch.inference_mode():
            rows = self._input.encode(unit, parts, timings)
            decoded = self._answer(unit, rows, timings)
            speech = self._speak(decoded, timings)
        self._finish(unit, parts, decoded, speech)
        return self._result(unit, decoded, speech, timings)

    def say(self, text: str) -> None:
        """Say a text word for word from the next unit on; see ``minicpmo.protocol.Session``.

        The words are fed as if the model had chosen them, so they are spoken with its voice,
        remembered, and cut short by ``interrupt`` like every turn.

        Raises:
            InputError: the text is empty, too long or contains special tokens.
            SessionStateError: a turn is open, or the session is closed.
        """
        self._require_open()
        if self.state.turn_open:
            raise SessionStateError('a turn is open; wait for its end or interrupt it')
        self._forced.begin(text)

    def interrupt(self, heard: Heard) -> None:
        """Close the open turn with ``<|turn_eos|>``; remember only what was heard of it.

        The end of the last unit usually still waits to be fed, so the turn is closed inside
        that unit, exactly where the model itself would have closed it.
        """
        self._require_open()
        self._forced.reset()
        if self.state.turn_open or heard.seconds > 0.0 or heard.text:
            # The end of a finished turn may still be playing when it is cut.
            self.conversation.keep_heard(self._turn, heard)
        if not self.state.turn_open:
            return
        assert self.state.last_unit is not None
        self.conversation.close_turn(self.state.last_unit.closing_ids)
        self.state.turn_open = False
        if self.speech is not None:
            self.speech.reset_turn(keep_decoder_context=False)

    def ask_yes_no(self, question: str) -> Optional[float]:
        """Return P(yes) for a question about now, None if the model cannot answer.

        The question is fed behind the conversation and removed again, so the session goes on as
        if it had never been asked.
        """
        self._require_open()
        if self._question is None:
            return None
        logits = self.conversation.logits_behind(self._question.ids(question))
        return None if logits is None else self._question.probability(logits)

    def reset(self) -> None:
        """Begin a new conversation with the same prompt and voice."""
        self._require_open()
        self.state.reset()
        self.conversation.reset()
        self.chooser.reset()
        self._input.reset()
        self._decoder.reset()
        self._turn.reset()
        self._forced.reset()
        if self.speech is not None:
            self.speech.reset()

    def close(self) -> None:
        """Free the cache and the speech state; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.conversation.stream.cache.release()
        if self.speech is not None:
            self.speech.close()

    def _answer(self, unit: Unit, rows: Tensor, timings: UnitTimings) -> DecodedUnit:
        started = self._clock()
        hidden = self.conversation.begin_unit(rows)
        prefilled = self._clock()
        turn_open = self.state.turn_open
        if unit.force_listen or self.state.units < self.options.force_listen_count:
            decoded = self._decoder.forced_listen(turn_open, close_turn=unit.force_listen)
            if decoded.cuts_turn:
                self._forced.reset()
        elif self._forced:
            decoded = self._decoder.say(self._forced.take())
        else:
            decoded = self._decoder.decode(hidden, turn_open)
        timings.prefill = prefilled - started
        timings.decode = self._clock() - prefilled
        return decoded

    def _speak(self, decoded: DecodedUnit, timings: UnitTimings) -> Optional[np.ndarray]:
        """Return the sound of a speaking unit; a cut turn loses what is pending."""
        if self.speech is None:
            return None
        if decoded.is_listen:
            if decoded.cuts_turn:
                self.speech.reset_turn(keep_decoder_context=not decoded.yielded)
            return None
        started = self._clock()
        sound = self.speech.speak(decoded.ids, decoded.hidden, decoded.text, decoded.end_of_turn)
        timings.speech = self._clock() - started
        return sound

    def _finish(
        self,
        unit: Unit,
        parts: list[Part],
        decoded: DecodedUnit,
        speech: Optional[np.ndarray],
    ) -> None:
        """Take the unit into the books."""
        if not decoded.is_listen:
            if not self.state.turn_open:
                self._turn.reset()
            seconds = 0.0
            if speech is not None and self.speech is not None:
                seconds = len(speech) / self.speech.sample_rate
            self._turn.append(SpokenUnit(unit.index, tuple(decoded.ids), seconds))
        state = self.state
        state.last_index, state.last_unit = unit.index, decoded
        state.units += 1
        state.turn_open = decoded.turn_open
        rows = part_rows(parts) + decoded.fed_tokens + len(decoded.closing_ids)
        ids = [] if decoded.is_listen else list(decoded.ids)
        record = UnitRecord(unit.index, rows, ids, decoded.is_listen)
        self.conversation.end_unit(record, decoded.closing_ids)

    def _result(
        self,
        unit: Unit,
        decoded: DecodedUnit,
        speech: Optional[np.ndarray],
        timings: UnitTimings,
    ) -> UnitResult:
        listens = decoded.is_listen
        result = UnitResult(
            unit.index,
            Decision.LISTEN if listens else Decision.SPEAK,
            text='' if listens else decoded.text,
            token_ids=[] if listens else list(decoded.ids),
            speech=speech,
            end_of_turn=decoded.end_of_turn,
            yielded=decoded.yielded,
            turn_open=decoded.turn_open,
            forced_listen=decoded.forced,
            given_words=decoded.given,
            context_tokens=self.conversation.length,
            timings=timings,
        )
        if self.speech is not None:
            result.sample_rate = self.speech.sample_rate
        return result

    def _require_open(self) -> None:
        if self._closed:
            raise SessionStateError('the session is closed; prepare a new one')

    def _require_order(self, unit: Unit) -> None:
        last = self.state.last_index
        if not isinstance(unit.index, Integral):
            raise InputError(f'the index of a unit is {unit.index!r}; pass a whole number')
        if last is not None and unit.index <= last:
            raise InputError(f'unit {unit.index} comes after unit {last}; pass units in order')


def _new_chooser(
    stream: LanguageStream,
    tokens: SpecialTokens,
    tokenizer: TextTokenizer,
    options: DuplexOptions,
    draws: Optional[Draws],
) -> TokenChooser:
    device = stream.cache.keys.device
    return TokenChooser(
        tokens,
        stream.model.config.vocab_size,
        tokenizer.bad_ids,
        options.sampling,
        draws or SeededDraws(options.seed, device),
        device,
    )
