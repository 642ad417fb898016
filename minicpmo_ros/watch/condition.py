# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what a person wants to be told to what a picture can show, and the question about it.

People name the moment: 'tell me when the door opens'. One picture shows no moment, but what is
true after it: 'the door is open'. A model is asked about that.
"""

from __future__ import annotations

import re

_ASKED_BY = re.compile(
    r'(?:please )?(?:tell me|let me know|warn me|alert me|say so) (?:when|if|as soon as) ', re.I
)
_PERSON = r'somebody|someone|anybody|anyone|a person|people'
_POWERED = r'(?:.* )?(?:lamps?|lights?|television|tv|oven|stove|radio|screen|fire|candle|heating)'
_NO_PLACE = re.compile(r'[\d_]|camera|cam\b', re.I)

# What is asked when the words end so; read from top to bottom, the first that fits is taken.
STATES: tuple[tuple[str, str], ...] = (
    (rf'(?:{_PERSON}) opens (.+)', r'\1 is open'),
    (rf'(?:{_PERSON}) (?:closes|shuts) (.+)', r'\1 is closed'),
    (r'(.+) (?:opens|is opened)', r'\1 is open'),
    (r'(.+) (?:closes|shuts|is shut)', r'\1 is closed'),
    (rf'({_POWERED}) (?:goes|go) (?:off|out)', r'\1 is off'),
    (rf'({_POWERED}) (?:goes|comes) on', r'\1 is on'),
    (r'(.+) is (?:switched|turned) (on|off)', r'\1 is \2'),
    (r'(.+) (?:boils|starts boiling|(?:starts|begins|comes) to (?:the )?boil)', r'\1 is boiling'),
    (r'(.+) boils over', r'\1 is boiling over'),
    (r'(.+) (?:comes into|enters|walks into) (.+)', r'\1 is in \2'),
    (r'(.+) (?:comes|gets) (?:to|near) (.+)', r'\1 is at \2'),
    (r'(.+) (?:comes|arrives|appears|shows up|enters)(?: in| home| here)?', r'\1 is here'),
    (r'(.+) (?:leaves|goes away|disappears)', r'\1 is gone'),
    (r'(.+) (?:falls|falls down|falls over|has fallen down|has fallen over)', r'\1 has fallen'),
    (r'(.+) (?:burns|catches fire)', r'\1 is burning'),
)
_STATES = tuple((re.compile(words, re.IGNORECASE), state) for words, state in STATES)


def condition_of(text: str) -> str:
    """Return the condition in a request: 'tell me when the pot boils.' gives 'the pot boils'."""
    words = ' '.join(text.split())
    return _ASKED_BY.sub('', words, count=1).strip(' .!')


def state_of(condition: str) -> str:
    """Return what a picture shows once a condition has come true; unknown words stay."""
    words = condition_of(condition)
    for pattern, state in _STATES:
        found = pattern.fullmatch(words)
        if found is not None:
            return found.expand(state)
    return words


def description_of(condition: str, zone: str = '') -> str:
    """Return what is there to be seen: 'the door is open in the hall'.

    zone: named when it reads like a place ('hall'), not like a device ('front_camera').
    """
    place = f' in the {zone}' if zone and not _NO_PLACE.search(zone) else ''
    return state_of(condition) + place


def question_about(condition: str, zone: str = '') -> str:
    """Return the yes-or-no question about the newest picture."""
    return f'Look at the newest picture. Is it true that {description_of(condition, zone)}?'
