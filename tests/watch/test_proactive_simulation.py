# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The proactive benchmark measures what it says: good systems pass, bad ones fail, by metric."""

import json
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from benchmarks.proactive_simulation import nano_home
from benchmarks.proactive_simulation.assistant import Assistant, Mode
from benchmarks.proactive_simulation.judge import Verdict
from benchmarks.proactive_simulation.nano_home import NanoHome
from benchmarks.proactive_simulation.observer import Alert, Saying
from benchmarks.proactive_simulation.oracle_session import CAPABILITIES, OracleSession
from benchmarks.proactive_simulation.recording import TrueEvent, Truth, watch
from benchmarks.proactive_simulation.report import markdown, picture, table
from benchmarks.proactive_simulation.video_folder import read_folder, read_truth
from minicpmo_ros.errors import MediaError

SECONDS = 1200
CLIP = np.full(28000, 300, np.int16)
ASKS, ALONE = Mode('asks', questions=True), Mode('alone', questions=False)


@pytest.fixture(autouse=True)
def no_rendering(monkeypatch):
    blank = np.zeros((16, 16, 3), np.uint8)
    monkeypatch.setattr(nano_home, 'render', lambda *scene: blank)


@pytest.fixture
def play(tmp_path):
    def run(session=None, mode=ASKS, recording=None, **errors):
        recording = recording or NanoHome(3, SECONDS, [CLIP], rendered=False)
        session = session or OracleSession(recording.truth, **errors)
        observer = Assistant(session, CAPABILITIES, tmp_path, mode).play(recording)
        verdict = Verdict()
        verdict.add(observer)
        return verdict, observer

    return run


def test_a_perfect_model_meets_every_bar(play):
    verdict, observer = play()
    metrics = verdict.metrics()
    assert len(verdict.detections) > 20 and len(verdict.effects) >= 6
    unjudged = [metric.name for metric in metrics if metric.met is None]
    assert unjudged == [
        'P2 ... in scenes without events',
        'false remarks of the model per hour',
        'P7 ... in the first 0.1 s of speech, which nobody hears yet',
    ]
    assert all(metric.met for metric in metrics if metric.name not in unjudged), metrics
    assert not observer.warnings


def test_every_event_is_announced_and_none_over_the_user(play):
    verdict, observer = play()
    talking = [e for e in observer.truth.events if observer.truth.is_talking(e.begin + 2.0)]
    assert talking, 'some events must fall into talk, or the test shows nothing'
    assert verdict.sayings >= len(verdict.detections) and verdict.over_user == 0


def test_an_assistant_that_speaks_over_people_is_seen(play, monkeypatch):
    from benchmarks.proactive_simulation.recording import Truth

    monkeypatch.setattr(Truth, 'is_detected', lambda truth, time: False)
    verdict, _ = play()
    assert verdict.over_user > 0 and verdict.metrics()[-2].met is False


def test_false_answers_are_false_alerts(play):
    verdict, _ = play(false_yes=0.3)
    assert len(verdict.false_alerts) > 5 and verdict.metrics()[2].met is False


def test_a_false_remark_is_counted_and_so_is_an_alert_where_nothing_happens():
    lamp = watch('lamp', 'the lamp goes off', 'the lamp went off')
    truth = Truth('scene', 600, [lamp], events=[TrueEvent('lamp', 50.0, 80.0)])
    sayings = [
        Saying(1, 60.0, over_user=False, text='The lamp went off.', unasked=True),
        Saying(2, 300.0, over_user=False, text='The lamp went off.', unasked=True),
        Saying(3, 400.0, over_user=False, text='The lamp went off.', unasked=False),
    ]
    observer = SimpleNamespace(truth=truth, alerts=[], sayings=sayings, answers={}, effects=[])
    verdict = Verdict()
    verdict.add(observer)
    observer.truth, observer.sayings = Truth('still', 600, [lamp]), []
    observer.alerts = [Alert('lamp', 10.0, False)]
    verdict.add(observer)
    assert verdict.false_remarks == ['scene: The lamp went off. 300.0 s']
    assert (verdict.still_alerts, verdict.still_seconds) == (1, 600.0)


def test_a_blind_model_and_one_that_is_not_asked_tell_nothing(play):
    for verdict, _ in (play(miss=1.0), play(mode=ALONE)):
        assert [metric.value for metric in verdict.metrics()[:2]] == [0.0, 0.0]


def test_a_model_that_forgets_loses_endurance(play):
    recording = NanoHome(3, SECONDS, [CLIP])

    class Forgetful(OracleSession):
        def ask_yes_no(self, question):
            return super().ask_yes_no(question) if self._time < 600.0 else 0.05

    verdict, _ = play(Forgetful(recording.truth), recording=recording)
    [endurance] = [m for m in verdict.metrics() if m.name.startswith('P5')]
    assert endurance.value == 0.0 and endurance.met is False


def test_the_same_seed_is_the_same_scene_in_both_modes():
    home = NanoHome(4, 120, [CLIP])
    first, second = (list(home.seconds()) for _ in range(2))
    assert all(a.picture == b.picture for a, b in zip(first, second, strict=True))
    assert all((a.sound == b.sound).all() for a, b in zip(first, second, strict=True))
    assert NanoHome(4, 120, [CLIP]).truth == home.truth


def test_the_picture_shows_the_truth(monkeypatch):
    states = []
    blank = np.zeros((16, 16, 3), np.uint8)
    monkeypatch.setattr(
        nano_home, 'render', lambda layout, state, *rest: states.append(state) or blank
    )
    home = NanoHome(3, SECONDS, [CLIP])
    assert sum(1 for _ in home.seconds()) == SECONDS
    shown = {
        'pot_boils': lambda s: s.pot == 'boiling',
        'person_comes': lambda s: bool(s.people),
        'parcel_comes': lambda s: s.parcel,
        'lamp_off': lambda s: not s.lamp,
        'door_opens': lambda s: s.door == 'open',
        'fall': lambda s: s.fallen,
    }
    for second, state in enumerate(states):
        for name, is_shown in shown.items():
            edges = [e.begin for e in home.truth.events] + [e.end for e in home.truth.events]
            if all(abs(edge - second - 1.0) > 1e-9 for edge in edges):
                assert is_shown(state) is home.truth.happens(name, second + 1.0), (name, second)


def test_without_events_nothing_that_is_watched_for_happens():
    home = NanoHome(5, 600, [CLIP], eventful=False)
    assert not home.truth.events and home.truth.talks


def write_video(path: Path, seconds: int, bright_from: int) -> None:
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for index in range(seconds * 5):
            level = 255 if index >= bright_from * 5 else 0
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), 'rgb24')
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_an_annotated_video_is_watched(tmp_path, play):
    write_video(tmp_path / 'pot.mp4', 30, bright_from=12)
    lines = [
        {'watch': 'the pot boils', 'time': 12.0, 'end': 25.0, 'what': 'steam'},
        {'watch': 'somebody has fallen'},
        {'talk': 2.0, 'end': 4.0},
    ]
    (tmp_path / 'pot.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    [video] = read_folder(tmp_path)
    pictures = [second.picture for second in video.seconds()]
    assert len(pictures) == video.truth.seconds == 30
    assert len(set(pictures[3:10])) == 1 and pictures[5] != pictures[15]
    verdict, observer = play(recording=video)
    assert [d.within(3.0) for d in verdict.detections] == [True]
    assert [w.text for w in observer.truth.watches] == ['the pot boils', 'somebody has fallen']
    assert not verdict.false_alerts


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('{"watch": "x", "when": 1}', 'unknown when'),
        ('{"time": 1}', 'watch'),
        ('{"watch": "x", "time": 9, "end": 3}', 'no span'),
        ('nonsense', 'line 1'),
        ('{"watch": " "}', 'empty'),
    ],
)
def test_a_wrong_annotation_is_refused_with_its_line(tmp_path, line, message):
    (tmp_path / 'a.jsonl').write_text(line)
    with pytest.raises(MediaError, match=message):
        read_truth(tmp_path / 'a.jsonl', 60)


def test_a_folder_without_annotated_videos_is_refused(tmp_path):
    with pytest.raises(MediaError, match='no annotation'):
        read_folder(tmp_path)
    (tmp_path / 'a.jsonl').write_text('{"watch": "x"}')
    with pytest.raises(MediaError, match='no video'):
        read_folder(tmp_path)


def test_the_report_names_what_was_missed(play, tmp_path):
    verdict, _ = play(false_yes=0.3)
    results, verdicts = {'asks': verdict.metrics()}, {'asks': verdict}
    text = markdown('proactive', results, verdicts, {'date': 'today'}, 'one')
    assert '**no**' in text and 'False alerts:' in text and table(results) in text
    picture(verdicts, tmp_path / 'p.png')
    assert (tmp_path / 'p.png').stat().st_size > 1000
