# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recorded conversations, decision for decision: one result line per trace."""

from __future__ import annotations

from collections.abc import Iterator
import re
from typing import Any

import torch
from torch import Tensor

from minicpmo.checks.decision_log import DecisionLog, RecordedDraws
from minicpmo.checks.recorded_session import RecordedModel
from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.context_window import WindowMode
from minicpmo.duplex import DuplexSession
from minicpmo.protocol import Decision, UnitResult
from minicpmo.speech.synthesizer import ModelSpeech

TOLERANCE = 1e-4
WAVE_TOLERANCE = 1e-3
SILENCE_SAMPLES = 24000
"""The official code returns a second of zeros where there is no sound."""
INT16_SCALE = 32768.0


@stage('duplex', needs=('config.json', 'id_map.json', 'weights.safetensors', 'audio.safetensors'))
@torch.inference_mode()
def check_duplex(vectors: Vectors) -> Iterator[StageResult]:
    """Replay every ``duplex_*.json`` of the folder."""
    names = sorted(path.stem for path in vectors.folder.glob('duplex_*.json'))
    if not names:
        yield StageResult.nothing('duplex', ('duplex_*.json',))
        return
    recorded = RecordedModel.load(vectors)
    for name in names:
        yield from check_trace(recorded, name)


@torch.inference_mode()
def check_trace(recorded: RecordedModel, name: str) -> Iterator[StageResult]:
    """Replay one recorded conversation, ``name`` without ending."""
    trace = recorded.vectors.json(f'{name}.json')
    tensors = recorded.vectors.tensors(f'{name}.safetensors')
    numbers = Comparison(f'{name} logits', TOLERANCE)
    waves = Comparison(f'{name} waves', WAVE_TOLERANCE)
    decisions = Comparison(name, 0.0)
    sampled = trace['spec'].get('generate', {}).get('decode_mode') == 'sampling'
    session = recorded.session(trace, RecordedDraws(trace, numbers) if sampled else None)
    replay = TraceReplay(session, tensors, decisions, numbers, waves)
    replay.check_prompt(trace['prepare'])
    for unit in trace['units']:
        result = session.step(recorded.unit(unit['unit'], unit['input']))
        replay.check_unit(unit, result)
        if decisions.problems:
            break  # everything after the first difference differs as well
    else:
        replay.check_end(trace)
    yield from replay.results(len(trace['units']))


class TraceReplay:
    """Compares a running session with a recorded one, unit by unit."""

    def __init__(
        self,
        session: DuplexSession,
        tensors: dict[str, Tensor],
        decisions: Comparison,
        numbers: Comparison,
        waves: Comparison,
    ) -> None:
        self._session = session
        self._tensors = tensors
        self._decisions = decisions
        self._numbers = numbers
        self._waves = waves
        self._log = DecisionLog.attach(session)
        self._dropped = 0
        self._tokens = 0
        self._before = session.conversation.length

    def check_prompt(self, recorded: dict[str, Any]) -> None:
        """Compare the fed prompt and what of it every window keeps."""
        window = self._session.conversation.window
        equal = self._decisions.equal
        equal('prompt length', self._session.conversation.length, recorded['kv_len'])
        equal('preserved rows', window.preserved_rows, recorded['preserve'])
        if window.options.mode is WindowMode.CONTEXT:
            equal('prefix rows', window.prefix_rows, recorded['preserve_prefix'])

    def check_unit(self, unit: dict[str, Any], result: UnitResult) -> None:
        """Compare everything recorded of one unit."""
        label = f'unit {unit["unit"]}'
        self._check_decisions(label, unit)
        self._check_answer(label, unit, result)
        self._check_lengths(label, unit, result)
        self._check_window(label, unit)
        self._check_states(label, unit)
        self._check_audio_input(label, unit)
        self._check_speech(label, unit, result)
        self._log.clear()

    def _check_decisions(self, label: str, unit: dict[str, Any]) -> None:
        """Compare choices and fed ids in order; a difference names the token."""
        events = [event for event in unit['generate'] if event['ev'] == 'decode']
        equal = self._decisions.equal
        for number, event in enumerate(events[: len(self._log.chosen)]):
            token = f'{label} token {number}'
            equal(token, self._log.chosen[number], event['chosen'])
            equal(f'{token} history', self._log.history[number], event['n_history'])
            logits = self._log.logits[number][event['top8_ids']]
            self._numbers.add(f'{token} logits', logits, event['top8'])
        equal(f'{label} number of decisions', len(self._log.chosen), len(events))
        self._tokens += len(events)
        decoded = self._session.state.last_unit
        assert decoded is not None
        ours = [] if decoded.first_id is None else [decoded.first_id]
        ours += [*decoded.ids, *decoded.closing_ids]
        fed = unit['generate'] + unit['finalize']
        theirs = [token for event in fed if event['ev'] == 'feed' for token in event['ids']]
        equal(f'{label} fed ids', ours, theirs)
        equal(f'{label} terminator', decoded.closing_ids[-2], unit['terminator_id'])

    def _check_answer(self, label: str, unit: dict[str, Any], result: UnitResult) -> None:
        equal = self._decisions.equal
        equal(f'{label} remembered ids', result.token_ids, unit['unit_ids'])
        equal(f'{label} text', result.text, unit['text'])
        equal(f'{label} listen', result.decision is Decision.LISTEN, unit['is_listen'])
        equal(f'{label} end of turn', result.end_of_turn, unit['end_of_turn'])
        equal(f'{label} turn open', result.turn_open, not unit['current_turn_ended'])

    def _check_lengths(self, label: str, unit: dict[str, Any], result: UnitResult) -> None:
        equal = self._decisions.equal
        equal(f'{label} rows before', self._before, unit['kv_before'])
        if self._log.lengths:
            equal(f'{label} rows of input', self._log.lengths[0], unit['kv_after_prefill'])
            decoded = self._log.lengths[0] + self._fed()
            equal(f'{label} rows decoded', decoded, unit['kv_after_generate'])
        equal(f'{label} rows after', result.context_tokens, unit['kv_after_finalize'])
        self._before = result.context_tokens

    def _fed(self) -> int:
        decoded = self._session.state.last_unit
        return 0 if decoded is None else decoded.fed_tokens

    def _check_window(self, label: str, unit: dict[str, Any]) -> None:
        window, recorded = self._session.conversation.window, unit['window']
        equal = self._decisions.equal
        equal(f'{label} preserved rows', window.preserved_rows, recorded['preserve'])
        lengths = [record.length for record in window.units]
        equal(f'{label} unit lengths', lengths, recorded['units'][-len(lengths) :])
        if window.options.mode is not WindowMode.OFF:
            equal(f'{label} units', len(lengths), len(recorded['units']))
        equal(f'{label} previous ids', list(window.previous_ids), recorded['previous_ids'])
        dropped, self._dropped = window.dropped_units - self._dropped, window.dropped_units
        equal(f'{label} dropped units', dropped, recorded['dropped_units'])

    def _check_states(self, label: str, unit: dict[str, Any]) -> None:
        """Compare logits and states that were recorded as tensors."""
        name = f'u{unit["unit"]}'
        logits = self._tensors.get(f'{name}.prefill_logits')
        if logits is not None and self._log.logits:
            self._numbers.add(f'{label} logits', self._log.logits[0], logits)
        hidden = self._tensors.get(f'{name}.generate_hidden')
        decoded = self._session.state.last_unit
        if hidden is not None and decoded is not None and decoded.hidden is not None:
            # The state at the first token is not kept: it is never spoken.
            self._numbers.add(
                f'{label} states', decoded.hidden, hidden[len(hidden) - len(decoded.ids) :]
            )

    def _check_audio_input(self, label: str, unit: dict[str, Any]) -> None:
        encoder = self._session.encoder
        if unit.get('audio_embeds') is None or encoder.audio_cache is None:
            return
        equal = self._decisions.equal
        equal(f'{label} mel frames', encoder.mel_frames, unit['audio_mel_frames'])
        equal(f'{label} audio cache', encoder.audio_cache.length, unit['audio_kv_after'])

    def _check_speech(self, label: str, unit: dict[str, Any], result: UnitResult) -> None:
        speech = self._session.speech
        if not isinstance(speech, ModelSpeech):
            return
        equal = self._decisions.equal
        samples = 0 if result.speech is None else len(result.speech)
        equal(f'{label} wave length', samples or SILENCE_SAMPLES, unit['waveform_len'])
        equal(f'{label} waiting codes', speech.buffered_codes, unit['token2wav_buffer'])
        position = unit['tts_text_start_pos_after']
        equal(f'{label} speech position', speech.decoder_position, position)
        if unit['tts_tokens'] is None:
            return
        trace = speech.trace
        equal(f'{label} codes', trace.codes, unit['tts_tokens'])
        equal(f'{label} speech start', trace.start, unit['tts_text_start_pos'])
        equal(f'{label} least codes', trace.minimum, unit['tts_min_new'])
        equal(f'{label} speech cache', trace.length, unit['tts_kv_after'])
        calls = [
            {'n_tokens': c.n_tokens, 'last_chunk': c.last_chunk, 'n_samples': c.n_samples}
            for c in speech.vocoder_calls
        ]
        equal(f'{label} vocoder calls', calls, unit['waveform_calls'])
        self._check_wave(label, f'u{unit["unit"]}.waveform_i16', result)

    def _check_wave(self, label: str, name: str, result: UnitResult) -> None:
        sound = torch.from_numpy(result.speech) if result.speech is not None else torch.zeros(0)
        for stored, expected in self._tensors.items():
            match = re.fullmatch(rf'{re.escape(name)}(?:_every_(\d+)th)?', stored)
            if match:
                samples = sound[:: int(match[1] or 1)]
                self._waves.add(f'{label} wave', samples, expected.float() / INT16_SCALE)

    def check_end(self, trace: dict[str, Any]) -> None:
        """Compare the penalty history and, where recorded, the cache at the end."""
        history = self._session.chooser.history
        recorded = trace['generated_tokens_for_penalty']
        self._decisions.equal('penalty history', history, recorded[-len(history) :])
        self._decisions.equal(
            'penalty history', self._session.chooser.history_length, len(recorded)
        )
        cache = self._session.conversation.stream.cache
        for name, rows in (
            ('final.k_layer0', cache.keys[0]),
            ('final.k_last', cache.keys[-1]),
            ('final.v_last', cache.values[-1]),
        ):
            if name in self._tensors:
                expected = self._tensors[name]
                # The end of the last unit still waits to be fed.
                kept = min(cache.length, expected.shape[1])
                self._numbers.add(name, rows[:, :kept], expected[:, :kept])

    def results(self, units: int) -> Iterator[StageResult]:
        """Yield one line for decisions, one for numbers and one for sound, if there was any."""
        problems = self._decisions.problems
        detail = problems[0] if problems else f'{units} units, {self._tokens} decisions equal'
        yield StageResult(f'trace {self._decisions.name}', not problems, detail=detail)
        yield self._numbers.result()
        if self._waves.count:
            yield self._waves.result()
