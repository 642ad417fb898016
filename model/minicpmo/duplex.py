# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One endless full-duplex conversation: a second of input in, listen or speech out."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.context_window import UnitRecord
from minicpmo.conversation import Conversation
from minicpmo.duplex_input import DuplexPrompt, InputEncoder
from minicpmo.duplex_options import DuplexOptions
from minicpmo.duplex_setup import new_chooser, new_window
from minicpmo.duplex_state import BegunUnit, DuplexState
from minicpmo.errors import SessionStateError
from minicpmo.forced_turn import ForcedTurn
from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.language_graph import Progress
from minicpmo.language_stream import LanguageStream
from minicpmo.llm import LanguageModel
from minicpmo.protocol import Heard, Unit, UnitResult, UnitTimings
from minicpmo.sampling import Draws
from minicpmo.special_token import SpecialTokens
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.tokenizer import TextTokenizer
from minicpmo.turn_record import SpokenUnit, TurnRecord
from minicpmo.turn_voice import begin_sound
from minicpmo.unit_decoder import DecodedUnit, UnitDecoder
from minicpmo.unit_input import UnitInput
from minicpmo.unit_result import unit_result
from minicpmo.unit_sequence import part_rows
from minicpmo.yes_no import YesNoQuestion

CLOSING_ROWS = 3
"""Most rows that end a unit: ``<|turn_eos|>``, terminator and ``</unit>``."""


class DuplexSession:
    """Implements :class:`minicpmo.protocol.Session`; several sessions may share one model.

    A unit costs one forward of the language model for its whole input and the end of the unit
    before it, and one forward per decoded token.

    speech: None makes no sound.
    pool: where the fixed-shape steps are captured; None runs everything as it comes.
    progress: called while they are, with the steps captured so far and in all.
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
        pool: Optional[GraphPool] = None,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self.options = options
        self.state = DuplexState()
        tokens = SpecialTokens.from_tokenizer(tokenizer)
        stream = LanguageStream(model, options.cache_rows, pool, progress, options.window.renews)
        self.chooser = new_chooser(stream, tokens, tokenizer, options, draws)
        if pool is not None:
            self.chooser.capture(pool)
        window = new_window(tokens, tokenizer, prompt, options)
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

    @property
    def flow_steps(self) -> int:
        """Return in how many steps speech is made, 0 where it is not made by the model."""
        return 0 if self.speech is None else self.speech.flow_steps

    @property
    def speech_under_way(self) -> bool:
        """Return whether the device makes the speech of a begun unit while the host is free."""
        begun, device = self.state.begun, self.conversation.stream.cache.keys.device
        return device.type == 'cuda' and begun is not None and begun.sound is not None

    def step(self, unit: Unit) -> UnitResult:
        """Process one second of input; see :class:`minicpmo.protocol.Session`.

        Raises:
            InputError: the unit cannot be used; the session is unchanged.
            ContextOverflowError: there is no room for the unit; the session is unchanged.
            SessionStateError: the session is closed.
        """
        self.begin(unit)
        return self.finish()

    def begin(self, unit: Unit) -> None:
        """Take in and answer a unit; its speech is under way. :meth:`finish` must follow.

        Raises: as :meth:`step`.
        """
        self._require_idle()
        self.state.require_next(unit)
        parts = self._input.plan(unit)
        count = part_rows(parts)
        self.conversation.make_room(count + self.options.decoding.max_tokens + CLOSING_ROWS)
        ahead, self.state.ahead = self.state.ahead, None
        with torch.inference_mode():
            encoded = self._input.encode(unit, ahead)
            rows, timings = self._input.rows(parts, encoded), encoded.timings
            decoded = self._answer(unit, rows, timings)
            decided = self._clock()
            sound = begin_sound(self.speech, self.state, unit, decoded)
            timings.speech = self._clock() - decided
        self.state.begun = BegunUnit(unit, count, timings, decoded, sound)

    def finish(self) -> UnitResult:
        """Wait for the speech of the unit that was begun and return its result."""
        self._require_open()
        begun, self.state.begun = self.state.begun, None
        if begun is None:
            raise SessionStateError('no unit was begun; call begin first')
        timings, started = begun.timings, self._clock()
        with torch.inference_mode():
            speech = None if begun.sound is None else begun.sound()
        if speech is not None:
            timings.speech += self._clock() - started
        self._finish(begun, speech)
        rate = None if self.speech is None else self.speech.sample_rate
        return unit_result(begun, speech, rate, self.conversation.length)

    def prefetch(self, unit: Unit) -> None:
        """Encode the sound and pictures of the next unit ahead, e.g. between begin and finish.

        An interruption in between does not matter: what was heard stays true. The next
        :meth:`begin` takes what is the same object there, sound or pictures, and encodes the
        rest. If it brings other sound, this second has been heard and stays unanswered.

        Raises:
            InputError: the unit cannot be used; the session is unchanged.
            SessionStateError: the session is closed, or a unit is encoded ahead already.
        """
        self._require_open()
        if self.state.ahead is not None:
            raise SessionStateError('one unit is encoded ahead already; begin it first')
        self._input.plan(unit)
        with torch.inference_mode():
            self.state.ahead = self._input.encode(unit)

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
        self._require_idle()
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

    def take_back(self) -> None:
        """Undo the answer of the newest unit, which began a turn, as if it had listened.

        Raises:
            SessionStateError: no turn began in the newest unit, or the session is closed.
        """
        self._require_idle()
        said = self.state.last_unit
        if said is None or self._turn.first_index != self.state.last_index:
            raise SessionStateError('no turn began in the newest unit; interrupt it instead')
        listened = self._decoder.forced_listen(turn_open=False, close_turn=False)
        self.conversation.replace_answer(said.fed_tokens, said.closing_ids, listened.closing_ids)
        self.state.last_unit, self.state.turn_open = listened, False
        self.chooser.forget_newest(said.chosen)
        self._turn.reset()
        self._forced.reset()
        if self.speech is not None:
            self.speech.reset_turn(keep_decoder_context=False)

    def ask_yes_no(self, question: str) -> Optional[float]:
        """Return P(yes) for a question about now, None if the model cannot answer.

        The question is fed behind the conversation and removed again, so the session goes on as
        if it had never been asked.
        """
        self._require_idle()
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
        self.conversation.stream.release()
        if self.speech is not None:
            self.speech.close()

    def _answer(self, unit: Unit, rows: Tensor, timings: UnitTimings) -> DecodedUnit:
        started = self._clock()
        hidden = self.conversation.begin_unit(rows)
        prefilled = self._clock()
        turn_open, chosen_before = self.state.turn_open, self.chooser.history_length
        if unit.force_listen or self.state.units < self.options.force_listen_count:
            decoded = self._decoder.forced_listen(turn_open, close_turn=unit.force_listen)
            if decoded.cuts_turn:
                self._forced.reset()
            if unit.force_listen and not turn_open:
                decoded.wanted_to_speak = self._decoder.begins_turn(hidden)
        elif self._forced:
            decoded = self._decoder.say(self._forced.take())
        else:
            decoded = self._decoder.decode(hidden, turn_open, begins=unit.begin_turn)
        decoded.chosen = self.chooser.history_length - chosen_before
        timings.prefill = prefilled - started
        timings.decode = self._clock() - prefilled
        return decoded

    def _finish(self, begun: BegunUnit, speech: Optional[np.ndarray]) -> None:
        """Take the unit into the books."""
        unit, decoded = begun.unit, begun.decoded
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
        rows = begun.rows + decoded.fed_tokens + len(decoded.closing_ids)
        ids = [] if decoded.is_listen else list(decoded.ids)
        record = UnitRecord(unit.index, rows, ids, decoded.is_listen)
        self.conversation.end_unit(record, decoded.closing_ids)

    def _require_open(self) -> None:
        if self._closed:
            raise SessionStateError('the session is closed; prepare a new one')

    def _require_idle(self) -> None:
        self._require_open()
        if self.state.begun is not None:
            raise SessionStateError('a unit was begun; finish it first')
