# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Timeline, transcript and figures made from an observation."""

from dataclasses import replace
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image
import pytest

from minicpmo_ros.demo.canvas import PageCanvas, text_width, wrap
from minicpmo_ros.demo.observation import Observation, turns_of
from minicpmo_ros.demo.script import read_captions
from minicpmo_ros.demo.summary import answer_delays, figures
from minicpmo_ros.demo.timeline import CUT, ROBOT, ROW_HEIGHT, Timeline
from minicpmo_ros.demo.timeline_file import write_page, write_picture
from minicpmo_ros.demo.transcript import Transcript
from tests.demo.demo_example import example


def drawn(observation: Observation) -> str:
    canvas = PageCanvas()
    Timeline(observation).draw(canvas)
    return '\n'.join(canvas.elements)


def test_turns_are_timed_by_playback():
    first, second = turns_of(example())
    assert (first.begin, first.end) == (pytest.approx(7.1), pytest.approx(10.1))
    assert not first.interrupted and not first.proactive
    assert second.interrupted and second.proactive and second.text == 'It boils!'


def test_drawing_is_valid_and_says_what_happened():
    text = drawn(example())
    root = ElementTree.fromstring(f'<svg>{text}</svg>')
    words = [element.text for element in root.iter('text')]
    assert '“Hello & welcome.”' in words and 'music' in words
    assert 'Hello.' in words and 'It boils! ...' in words
    assert 'interrupted' in words and 'spoke unasked' in words
    hints = [title.text for title in root.iter('title')]
    assert sum('unit ' in hint for hint in hints) == 40
    assert len(list(root.iter('image'))) > 10


def test_nothing_is_drawn_outside():
    root = ElementTree.fromstring(f'<svg>{drawn(example())}</svg>')
    for element in root.iter('rect'):
        left, width = float(element.get('x')), float(element.get('width'))
        assert left >= 0 and left + width <= 1500.5 and width >= 0


def test_picture_shows_decisions(tmp_path):
    path = tmp_path / 'timeline.png'
    timeline = Timeline(example())
    write_picture(path, timeline)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert('RGB')).reshape(-1, 3)
        assert picture.height >= 2 * timeline.rows * ROW_HEIGHT
    for colour in (ROBOT, CUT):
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == wanted).all(axis=1).sum() > 500, colour


def test_page_is_self_contained(tmp_path):
    path = tmp_path / 'timeline.html'
    write_page(path, Timeline(example()))
    page = path.read_text()
    assert '{{' not in page
    assert 'data:audio/mpeg;base64,' in page and 'data:image/jpeg;base64,' in page
    links = [word for word in ('src="http', 'href="http', '@import', 'url(') if word in page]
    assert links == []


@pytest.mark.parametrize('begin', [0.0, 0.02, 0.5, 0.98])
@pytest.mark.parametrize('count', [1, 29, 31, 61, 123])
def test_any_length_and_phase_can_be_drawn(tmp_path, begin, count):
    unit = example().units[0]
    units = [replace(unit, begin=begin + n, end=begin + n + 1.0) for n in range(count)]
    timeline = Timeline(Observation(units=units))
    assert timeline.rows * timeline.row_seconds >= timeline.seen.seconds
    write_picture(tmp_path / 'a.png', timeline)


def test_empty_run_can_be_drawn(tmp_path):
    write_picture(tmp_path / 'a.png', Timeline(Observation()))
    assert figures(Observation())[1].value == '0'


def test_answers_are_measured_from_the_end_of_the_request():
    assert answer_delays(example()) == [pytest.approx(2.1)]


def test_text_is_wrapped_to_its_width():
    lines = wrap('one two three four five', 12, 70.0)
    assert len(lines) > 1 and ' '.join(lines) == 'one two three four five'
    assert all(text_width(line, 12) <= 70.0 for line in lines)


def test_transcript_reads_like_a_conversation():
    seen = example()
    lines = []
    transcript = Transcript(lines.append)
    transcript.person(seen.captions[0])
    transcript.robot(7.0, 1, 'Hello.', False)
    transcript.robot(8.0, 1, 'there', False)
    transcript.robot(34.0, 2, 'It boils!', True)
    for mark in seen.interruptions:
        transcript.interruption(mark)
    transcript.event(seen.events[0])
    assert lines[0] == ' 0:04.0  person  “Hello & welcome.”'
    assert lines[1].endswith('robot   ▶ Hello.') and lines[2].endswith('… there')
    assert '★ It boils!' in lines[3]
    assert all(mark in line for mark, line in zip('‖▶■', lines[4:7], strict=True))
    assert 'spoke_unasked (by itself): It boils!' in lines[7]


def test_captions_come_from_the_description_beside_the_media(tmp_path):
    media = tmp_path / 'a.mp4'
    assert read_captions(media) == []
    (tmp_path / 'a.json').write_text('[1, 2')
    assert read_captions(media) == []
    (tmp_path / 'a.json').write_text(
        '{"sounds": [{"start": 1, "end": 2, "text": "hi", "kind": "speech"}]}'
    )
    assert [c.text for c in read_captions(media)] == ['hi']
