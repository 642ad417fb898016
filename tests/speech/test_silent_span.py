# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch

from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.speech.silent_span import SilentSpanSpeech
from minicpmo_ros.actions.action_tag import SpokenTokenMask

PIECES = ['', 'I', ' go', '. [', 'do', ' dock', ']', ' Bye', '.']


class Recorder:
    """A synthesizer that remembers what it is given."""

    sample_rate = 24000
    flow_steps = 10

    def __init__(self) -> None:
        self.calls = []
        self.resets = 0

    def speak(self, token_ids, hidden, text, end_of_turn):
        self.calls.append((token_ids, None if hidden is None else hidden[:, 0].tolist(), text))
        return np.zeros(len(token_ids), np.float32)

    def set_flow_stride(self, stride):
        self.stride = stride

    def reset_turn(self, keep_decoder_context):
        self.resets += 1

    def reset(self):
        self.resets += 1

    def close(self):
        self.resets += 1


def decode(ids: list[int]) -> str:
    return ''.join(PIECES[i] for i in ids)


def make() -> tuple[Recorder, SilentSpanSpeech]:
    recorder = Recorder()
    return recorder, SilentSpanSpeech(recorder, SpokenTokenMask(), decode)


def rows(ids: list[int]) -> torch.Tensor:
    return torch.tensor(ids, dtype=torch.float32)[:, None]


def test_tags_are_hidden_with_their_rows_and_special_tokens_pass():
    recorder, speech = make()
    assert isinstance(speech, SpeechSynthesizer)
    ids = [1, 2, 3, 4, 5, 6, 7, 0]
    speech.speak(ids, rows(ids), decode(ids), end_of_turn=True)
    assert recorder.calls == [([1, 2, 7, 0], [1.0, 2.0, 7.0, 0.0], 'I go Bye')]


def test_a_tag_may_span_units_and_an_interruption_ends_it():
    recorder, speech = make()
    speech.speak([1, 3, 4], None, decode([1, 3, 4]), end_of_turn=False)
    speech.speak([5, 6, 8], None, decode([5, 6, 8]), end_of_turn=False)
    assert [call[0] for call in recorder.calls] == [[1], [8]]
    speech.speak([3, 4], None, decode([3, 4]), end_of_turn=False)
    speech.reset_turn(keep_decoder_context=False)
    speech.speak([7, 8], None, decode([7, 8]), end_of_turn=True)
    assert recorder.calls[-1][0] == [7, 8]


def test_a_unit_without_a_tag_passes_unchanged():
    recorder, speech = make()
    hidden = rows([1, 2])
    speech.speak([1, 2], hidden, 'I go', end_of_turn=False)
    assert recorder.calls == [([1, 2], [1.0, 2.0], 'I go')]
