# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech that is not a request: other people's talk, backchannels and the robot's own voice."""

from __future__ import annotations

import itertools

from training.nano.request import INTENTS
from training.nano.scene import (
    COLOURS,
    DOOR_STATES,
    MAX_PEOPLE,
    POSTURES,
    POT_STATES,
    ROOMS,
    SceneState,
)
from training.nano.watch import FALL_ALERT, WATCHES, Memory

BACKCHANNELS = (
    'Mm-hm.', 'Uh-huh.', 'Yeah.', 'Okay.', 'Mm.', 'Right.', 'I see.', 'Aha.', 'Hm.', 'Oh.', 'Yes.',
    'Ah.', 'Sure.', 'Hmm, yes.', 'Oh, right.', 'Ah, I see.', 'Okay, yeah.', 'Mm, right.', 'Yep.',
    'Oh, yes.', 'Ah, yes.', 'Oh, okay.', 'Mm-mm.', 'Fine.',
)  # fmt: skip
BACKCHANNELS_HELD_OUT = ('Mhm.', 'Ah, okay.')

_SUBJECTS = ('My sister', 'Our neighbour', 'The doctor', 'My boss', 'Grandma', 'The teacher')
_EVENTS = (
    'bought three tickets for the concert',
    'said the train was late yesterday',
    'is moving to another city in spring',
    'wants to paint her bicycle',
    'forgot his umbrella on the bus',
    'cooked far too much soup on Sunday',
    'found a small dog near the river',
    'never answers her phone before noon',
    'told us a long story about France',
    'plays the piano every evening',
    'had to pay forty euros for parking',
    'loves swimming in the cold lake',
)
_SINGLE = (
    'I think we should eat pasta tonight.',
    'The match starts at half past eight.',
    'Yesterday I walked all the way home.',
    'Do we still have any milk left?',
    'Where did you put my glasses, dear?',
    'The kids have homework until Friday.',
    'Can you pass me the salt, Anna?',
    'He said it would take two weeks.',
    'And then the whole band started playing.',
    'Mum, I can not find my shoes.',
    'The news will be on in a minute.',
    'Prices went up again last month.',
    'We should paint the wall white.',
    'Did you call the bank this morning?',
    'She has a meeting on Thursday.',
    'The garden needs some water.',
    'I never liked that film.',
    'Peter, your coffee is getting cold.',
    'They sold more cars than last year.',
    'It was raining all week in London.',
    'Turn the page and read on, Tom.',
    'My back hurts since Monday.',
    'We could take the train to Paris.',
    'The battery of my phone is empty.',
    'Someone parked in front of our house.',
    'I will be back from work around six.',
    'Which shirt goes with these trousers?',
    'The soup needs a little more pepper.',
    'You know, the old cinema was nicer.',
    'Tomorrow we visit my parents.',
    'That shop closes at seven.',
    'The window in the office was open all night.',
    'We need new batteries for the torch.',
    'Lisa, did you feed the cat?',
    'He scored in the last minute.',
    'In other news, the minister has resigned.',
    'Let us play cards after dinner.',
    'The bus driver was very friendly.',
    'My password does not work any more.',
    'I dreamed about flying again.',
    'The flight was delayed by two hours.',
    'Honestly, I would not buy that one.',
    'The baby slept through the night.',
    'Breakfast is included in the price.',
    'Her new album comes out in May.',
    'We ran ten kilometres this morning.',
    'The washing machine is broken again.',
    'Let me finish this chapter first.',
    'Grandpa built that table himself.',
    'There is some cake in the fridge, Paul.',
    'Shall we go for a walk later, Maria?',
    'I paid the electricity bill.',
    'The road to the airport was blocked.',
    'No, I said Tuesday, not Thursday.',
    'Our team lost three to one.',
    'Take the second street after the church.',
    'This jacket is too small for me.',
    'Daniel, put your toys away.',
    'The recipe says two hundred grams of flour.',
    'You should see a doctor about that cough.',
    'In the next part we travel to Spain.',
    'He lives next to the old station.',
    'I would like a table for four.',
    'My brother never washes the dishes.',
    'The printer has no paper.',
    'Sunny with a few clouds in the north.',
    'Well, that is what she told me.',
    'We have been married for twenty years.',
    'The dog barked at the postman.',
    'Has Julia written to you yet?',
    'That joke was not funny at all.',
    'I need a haircut before the wedding.',
    'The museum opens at ten.',
    'Call your father when you are done, Ben.',
    'My car makes a strange noise.',
    'It is our anniversary next week.',
    'The queue at the post office was endless.',
    'He broke his leg while skiing.',
    'Interest rates stay where they are.',
    'I put the letters on your desk, Mark.',
    'They painted the bridge green.',
    'She sings in the choir on Wednesdays.',
    'Our holiday was much too short.',
    'That bread smells wonderful.',
    'The last bus leaves at midnight.',
    'Football is on channel four.',
    'You left your keys in the office.',
    'I read that book twice.',
    'The plumber comes on Monday morning.',
    'We ordered two pizzas and a salad.',
    'This song reminds me of school.',
    'The hotel had a lovely pool.',
    'Write that down before you forget it, Emma.',
    'Our new colleague is from Norway.',
    'Everybody was dancing until three.',
    'My tooth still hurts a bit.',
)


def _all_unaddressed() -> list[str]:
    told = [f'{who} {what}.' for who, what in itertools.product(_SUBJECTS, _EVENTS)]
    return [*_SINGLE, *told]


UNADDRESSED_HELD_OUT = tuple(_all_unaddressed()[3::7])
UNADDRESSED = tuple(text for text in _all_unaddressed() if text not in UNADDRESSED_HELD_OUT)


def _scenes() -> list[SceneState]:
    """Return scenes that together bring out every answer."""
    scenes = [
        SceneState(room, pot, door, (posture,) * count, lamp, lamp)
        for room, pot, door, posture, count, lamp in itertools.product(
            ROOMS, POT_STATES, DOOR_STATES, POSTURES, range(MAX_PEOPLE + 1), (False, True)
        )
    ]
    return scenes + [SceneState(ball=colour, cube=colour, cup=colour) for colour in COLOURS]


def answers_of(intent: str) -> frozenset[str]:
    """Return every answer a request can have in any scene."""
    memories = [Memory(), *(Memory((), watch.reminder) for watch in WATCHES.values())]
    memories.append(Memory((), FALL_ALERT))
    answer = INTENTS[intent].answer
    return frozenset(answer(scene, memory) for scene in _scenes() for memory in memories)


def spoken_sentences() -> tuple[str, ...]:
    """Return every sentence the robot can say, sorted."""
    sentences = {FALL_ALERT, *(watch.reminder for watch in WATCHES.values())}
    for intent in INTENTS:
        sentences |= answers_of(intent)
    return tuple(sorted(sentences - {''}))
