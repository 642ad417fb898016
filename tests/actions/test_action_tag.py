# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import pytest

from minicpmo_ros.actions.action_tag import (
    MAX_TAG,
    ActionTag,
    ActionTagFilter,
    FilteredText,
    SpokenTokenMask,
    parse_tag,
)
from minicpmo_ros.errors import TagError


def filtered(pieces: list[str]) -> FilteredText:
    tag_filter, total = ActionTagFilter(), FilteredText()
    parts = [tag_filter.feed(piece) for piece in pieces] + [tag_filter.finish()]
    for part in parts:
        total.visible += part.visible
        total.tags += part.tags
        total.malformed += part.malformed
    return total


@pytest.mark.parametrize(
    ('text', 'tag'),
    [
        ('[do dock]', ActionTag('dock', {})),
        ('[do go_to place=kitchen]', ActionTag('go_to', {'place': 'kitchen'})),
        ('[do go_to place="living room"]', ActionTag('go_to', {'place': 'living room'})),
        ('[do look_at x=-1.5 y=2]', ActionTag('look_at', {'x': '-1.5', 'y': '2'})),
    ],
)
def test_well_formed_tags_are_parsed(text, tag):
    assert parse_tag(text) == tag


@pytest.mark.parametrize(
    'text',
    [
        '[do]', '[do ]', '[do  dock]', '[do Dock]', '[do dock', 'do dock]', '[do dock ]',
        '[do dock place]', '[do dock place=]', '[do dock place= kitchen]', '[do dock x="a"b"]',
        '[do dock x=1 x=2]', '[do [do dock]]', '[do dock x="[do wave]"]', '[do dock;rm]',
        '[do dock x=$(id)]', '[do döck]', '［do dock］', '[do dock x="' + 'a' * MAX_TAG + '"]',
        '[do dock]\n', '[do dock x="a\nb"]',
    ],
)  # fmt: skip
def test_malformed_tags_are_refused(text):
    with pytest.raises(TagError):
        parse_tag(text)


def test_tags_are_taken_out_of_the_text():
    result = filtered(['I am going. [do go_to ', 'place=kitchen] See you', '!'])
    assert result == FilteredText(
        'I am going.  See you!', tags=['[do go_to place=kitchen]'], malformed=[]
    )


def test_other_brackets_are_ordinary_text():
    assert filtered(['a [1] [done] [d', 'oor] [']).visible == 'a [1] [done] [door] ['


def test_nested_unfinished_and_oversized_tags_are_removed_and_reported():
    nested = filtered(['[do go_to place=[do dock]]'])
    assert nested.tags == ['[do dock]'] and nested.malformed == ['[do go_to place=']
    assert filtered(['[do dock']).malformed == ['[do dock']
    assert filtered(['[do ' + 'a' * 500 + ']']).malformed


def test_reset_forgets_a_tag_that_was_begun():
    tag_filter = ActionTagFilter()
    tag_filter.feed('[do do')
    tag_filter.reset()
    assert tag_filter.feed('ck] hello').visible == 'ck] hello'


@given(st.lists(st.text(alphabet='[]do wave="x1', max_size=12), max_size=12))
def test_the_split_of_the_text_does_not_matter(pieces):
    assert filtered(pieces) == filtered([''.join(pieces)])


@given(st.text(alphabet='[]do wave="x1', max_size=60))
def test_nothing_is_lost_and_no_tag_stays_visible(text):
    result = filtered([text])
    removed = sum(map(len, result.tags)) + sum(map(len, result.malformed))
    assert len(result.visible) + removed == len(text)
    assert all(tag.startswith('[do ') and tag.endswith(']') for tag in result.tags)


def test_no_token_of_a_tag_is_spoken_across_units():
    mask = SpokenTokenMask()
    assert mask(['I', "'m going", '. [', 'do', ' dock']) == [True, True, False, False, False]
    assert mask([']', ' Bye', '.']) == [False, True, True]
