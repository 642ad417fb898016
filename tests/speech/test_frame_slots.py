# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st

from minicpmo.speech.frame_slots import FrameSlots

CALLS = st.lists(st.integers(1, 56), max_size=25)


@settings(max_examples=100, deadline=None)
@given(prompt=st.integers(3, 200), calls=CALLS)
def test_places_follow_the_official_list(prompt, calls):
    """The list is kept newest call first; after each call its middle is dropped."""
    slots = FrameSlots(prompt + 100 + 56)
    slots.reset(prompt)
    held = [('prompt', frame) for frame in range(prompt)]
    content = dict(enumerate(held))
    for number, count in enumerate(calls):
        fresh = [(number, frame) for frame in range(count)]
        taken = slots.take(count)
        content.update(zip(taken, fresh, strict=True))
        held = fresh + held
        assert [content[place] for place in slots.used()] == held
        slots.trim(prompt, 100)
        if len(held) > prompt + 100:
            held = held[:prompt] + held[-100:]
        assert [content[place] for place in slots.used()] == held
        assert len(slots) == len(held)
    slots.reset(prompt)
    assert slots.used() == list(range(prompt))
