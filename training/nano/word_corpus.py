# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Random sentences for the audio encoder and as other people's talk, and carrier phrases."""

from __future__ import annotations

import numpy as np

_NAMES = (
    'Anna', 'Peter', 'Maria', 'Tom', 'Lisa', 'Paul', 'Julia', 'Ben', 'Emma', 'Mark', 'Susan',
    'David', 'Laura', 'Oliver', 'Nina', 'Frank', 'Mum', 'Dad', 'darling', 'my friend',
)  # fmt: skip
_SUBJECTS = (
    'I', 'we', 'she', 'he', 'they', 'my mother', 'the neighbours', 'our children', 'the driver',
    'your brother', 'that woman', 'the old man', 'everybody', 'nobody', 'my friends', 'the cook',
    'the girl next door', 'his uncle', 'the company', 'the police',
)  # fmt: skip
_VERBS = (
    'bought', 'lost', 'found', 'painted', 'cleaned', 'forgot', 'carried', 'sold', 'wanted',
    'borrowed', 'opened', 'closed', 'broke', 'repaired', 'watched', 'counted', 'described',
    'moved', 'turned', 'called about', 'talked about', 'laughed about', 'heard about', 'cooked',
    'remembered', 'followed', 'read about', 'waited for', 'looked for', 'paid for',
)  # fmt: skip
_OBJECTS = (
    'the big table', 'a new bicycle', 'the letter', 'two tickets', 'the red car', 'her shoes',
    'some bread', 'a cup of tea', 'the blue ball', 'the front door', 'the kitchen lamp',
    'the garden', 'an old book', 'the fish', 'three apples', 'the parcel from London',
    'a pot of soup', 'the wooden cube', 'the light in the hall', 'the floor', 'a small dog',
    'the yellow house', 'his green coat', 'the white curtains', 'a loaf of bread', 'the computer',
    'our summer plans', 'the price of oil', 'a glass of water', 'the weather in Spain',
    'the living room', 'the next train', 'a long walk', 'the phone bill', 'those flowers',
)  # fmt: skip
_PLACES = (
    'at the station', 'in the office', 'near the river', 'behind the church', 'at school',
    'in the kitchen of my parents', 'on the roof', 'in the city', 'at the market', 'by the sea',
    'under the bridge', 'in Paris', 'on the bus', 'at the bank', 'in our village', '',
)  # fmt: skip
_TIMES = (
    'yesterday', 'last week', 'on Monday', 'this morning', 'before lunch', 'after the game',
    'in the evening', 'three years ago', 'every day', 'at half past nine', 'in winter', 'again',
    'on Saturday night', 'all afternoon', 'when it was raining', '',
)  # fmt: skip
_OPENINGS = (
    'you know', 'well', 'listen', 'I think', 'they say', 'so', 'and then', 'maybe', 'honestly',
    'by the way', 'of course', 'in the news', 'last time', 'did you know that', 'I heard that',
)  # fmt: skip
_WORDS = tuple(
    'about above across afternoon airplane always angry answer apple army arrive autumn baby '
    'bad banana basket beach bear bed beside bird birthday black board boat body bottle box '
    'boy bread bright brother brown build busy butter cake camera camp card carpet castle cat '
    'chair cheap cheese cherry child chocolate church circle clean clear clever climb clock '
    'cloud coat coffee cold common copper corner cotton country cousin cow cream cross crowd '
    'dance danger dark daughter deep deer desk dinner dirty doctor dream dress drink dry duck '
    'dust early earth east easy egg eight eleven empty engine evening example face factory '
    'family farm fast father feather fence field fifteen fight finger fire fish five flag '
    'flower fly fog forest fork four fox fresh fruit full funny game gate giant gift glass '
    'gold goose grass grey ground guitar hair half hammer hand happy hard hat heavy hill honey '
    'horse hospital hotel hundred hungry ice island jacket jam journey juice jump key king '
    'knife lake lamb language large laugh leaf left lemon lesson letter library lion lip long '
    'low lucky lunch machine magic market meat metal midnight milk minute mirror monkey moon '
    'mountain mouse mouth music narrow neck needle nest never nine noise north nose number '
    'ocean office oil onion open orange oven page paint palace paper park party path pencil '
    'pepper picture pig pillow pink plane plant plate pocket police pond potato present pretty '
    'prince purple queen question quick quiet rabbit race radio rain red rest rice rich ring '
    'river road rock roof room rose round salt sand school science scissors sea seven shadow '
    'sharp sheep ship shirt shoe short shoulder silver sister six sky sleep slow small smile '
    'smoke snake snow soap soft soldier song sour south spider spoon spring square stable '
    'star station stone storm story street strong sugar summer sun sweet swim tall teacher '
    'teeth ten thick thin thirteen three throat thumb ticket tiger toe tomato tongue tower '
    'town toy train travel tree triangle truck twelve twenty umbrella uncle valley village '
    'violin voice wall warm wash watch water wave west wet wheel whistle white wide wife wild '
    'wind window winter wolf woman wood wool world yellow young zebra zero'.split()
)

_BEFORE_QUESTION = (
    'Robot, ', 'Hey robot, ', 'Okay, ', 'Well, ', 'Excuse me, ', 'Hey, ', 'So, ', 'And ',
    'Tell me, ', 'Please tell me, ', 'Can you tell me, ', 'I want to know, ', 'Listen, ', 'Now, ',
    'One question, ', 'I wonder, ', 'Say, ', 'Quick question, ', 'Okay robot, ', 'Please, ',
    'Right, ', 'Oh, ', 'Um, ', 'Actually, ', 'Hello robot, ', 'My friend, ', 'Do you know, ',
    'Let me ask, ', 'What do you think, ', 'Alright, ', 'Yes, but ', 'No, but ', 'Thanks, and ',
    'By the way, ', 'Wait, ', 'Hm, ', 'Look here, ', 'Good, and ', 'Fine, ', 'Only tell me, ',
)  # fmt: skip
_BEFORE_ORDER = (
    'Robot, ', 'Hey robot, ', 'Okay, ', 'Well, ', 'Excuse me, ', 'Hey, ', 'So, ', 'And ',
    'Please ', 'Can you ', 'Could you ', 'Could you please ', 'Would you ', 'I want you to ',
    'Robot, please ', 'Now ', 'Okay robot, ', 'You can ', 'Now please ', 'Will you ',
    'Right, ', 'Oh, ', 'Um, ', 'Actually, ', 'Hello robot, ', 'My friend, ', 'Alright, ',
    'I would like you to ', 'I need you to ', 'You should ', 'Maybe you can ', 'From now on ',
    'Yes, ', 'No, ', 'Thanks, and now ', 'If you can, ', 'For today, ', 'Good, ', 'Fine, ',
    'Be so kind and ', 'Hello, ', 'Once more, ', 'Wait, ', 'Quickly ', 'Only ',
)  # fmt: skip
_AFTER = (
    ' please.', ' now.', ' robot.', ' my dear.', ' again please.', ' then.', ' today.', ' for me.',
    ' right now.', ' if you can.', ' my friend.', ' at once.',
)  # fmt: skip
_NOT_REPEATED = ('please', 'robot', 'now', 'again', 'today')


def random_sentence(rng: np.random.Generator) -> str:
    """Return a sentence that asks the robot for nothing."""
    if rng.random() < 0.25:
        words = rng.choice(_WORDS, size=int(rng.integers(3, 8)))
        return ' '.join(words).capitalize() + '.'
    parts = [rng.choice(group) for group in (_SUBJECTS, _VERBS, _OBJECTS)]
    parts += [rng.choice(_PLACES)] if rng.random() < 0.5 else []
    parts += [rng.choice(_TIMES)] if rng.random() < 0.5 else []
    parts = [rng.choice(_OPENINGS), *parts] if rng.random() < 0.3 else parts
    parts = [f'{rng.choice(_NAMES)},', *parts] if rng.random() < 0.25 else parts
    text = ' '.join(str(part) for part in parts if part)
    return text[0].upper() + text[1:] + '.'


def in_carrier(rng: np.random.Generator, wording: str, forbidden: frozenset[str]) -> str:
    """Return the wording with a random word before or after it, never a forbidden sentence."""
    before = _BEFORE_QUESTION if wording.endswith('?') else _BEFORE_ORDER
    for _ in range(6):
        text, draw = wording, rng.random()
        if draw < 0.75:
            start = wording if wording.startswith('I ') else wording[0].lower() + wording[1:]
            text = str(rng.choice(before)) + start
        if draw > 0.6:
            text = text.rstrip('.!?') + str(rng.choice(_AFTER))
        words = plain(text).split()
        repeated = any(words.count(word) > 1 for word in _NOT_REPEATED)
        if not repeated and ' '.join(words) not in forbidden:
            return text
    return wording


def plain(text: str) -> str:
    """Return lower-case words separated by single spaces, no punctuation."""
    letters = ''.join(char if char.isalpha() or char == "'" else ' ' for char in text.lower())
    return ' '.join(letters.split())
