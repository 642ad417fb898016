# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from minicpmo_ros.actions.phrase_pattern import PhrasePattern, sentences
from minicpmo_ros.actions.skill import ArgumentSchema, ArgumentType
from minicpmo_ros.errors import PatternError

PLACE = ArgumentSchema('place', ArgumentType.STRING, choices={'kitchen': {}, 'living room': {}})
COUNT = ArgumentSchema('count', ArgumentType.INTEGER, minimum=1, maximum=9)
SCHEMAS = {'place': PLACE, 'count': COUNT}


def match(template: str, sentence: str):
    return PhrasePattern(template, SCHEMAS).match(sentence)


def test_arguments_alternatives_and_options():
    template = "(I'm|I am) [now] going to the {place}"
    for sentence in ("I'm going to the living room.", 'ok, i am now going to the LIVING ROOM!'):
        assert match(template, sentence)['place'].lower() == 'living room'
    assert match('wave {count} times', 'Wave 3 times.') == {'count': '3'}


@pytest.mark.parametrize(
    'sentence',
    [
        "I'm not going to the kitchen.",
        "I'm going to the kitchen?",
        "I'm going to the kitchen and back.",
        "Maybe I'm going to the kitchen.",
        "I'm nowgoing to the kitchen.",
        "I'm going to the \u212aitchen.",
        "I'm going to the kitchen\u200b.",
        "'I'm going to the kitchen.'",
        '',
    ],
)
def test_anything_but_the_whole_sentence_is_another_sentence(sentence):
    assert match("I'm [now] going to the {place}", sentence) is None


@pytest.mark.parametrize('template', ['', ' ', '(a', 'a)', '[a)', 'a|b', '{nothing}', 'a+', 'a*',
                                      '{place} {place}', 'x' * 201])  # fmt: skip
def test_bad_templates_are_refused(template):
    with pytest.raises(PatternError):
        PhrasePattern(template, SCHEMAS)


def test_sentences_inside_quotations_are_left_out():
    text = 'He said: "Stop. I\'m going to the kitchen. Now." I see. “Go. Fine.” Well.'
    found = sentences(text)
    assert "I'm going to the kitchen." not in found
    assert 'Fine.' not in found
    assert found[-1] == 'Well.'


def test_hostile_text_does_not_make_matching_slow():
    pattern = PhrasePattern('(ok|okay) [now] [now] [now] go [now] to the {place}', SCHEMAS)
    started = time.process_time()
    for text in ('okay, ' * 49, 'okay now ' * 33, 'ok, then, ' * 30):
        assert pattern.match(text) is None
    # A pattern that backtracks exponentially would need hours; this guards against a hang.
    assert time.process_time() - started < 5.0
