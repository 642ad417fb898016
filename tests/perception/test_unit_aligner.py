# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from minicpmo_ros.perception.aligner_configuration import AlignerConfiguration
from minicpmo_ros.perception.frame_selector import FrameFate
from minicpmo_ros.perception.unit_aligner import UnitAligner

RATE = 16000
BLOCK = 320
START = 1000.0


def samples_of(number, size=BLOCK):
    return (np.arange(number * size, (number + 1) * size) % 30000 + 1).astype(np.int16)


class World:
    """A microphone and a camera whose data arrive 30 ms after their stamps."""

    def __init__(self, **options):
        self.aligner = UnitAligner(AlignerConfiguration(**options))
        self.units = []
        self.fates = []

    def hear(self, begin, end, offset=0.0):
        """Deliver the blocks whose first sample lies in [begin, end) seconds after the start."""
        for number in range(round(begin * RATE / BLOCK), round(end * RATE / BLOCK)):
            stamp = START + number * BLOCK / RATE + offset
            now = stamp + BLOCK / RATE + 0.03
            self.units += self.aligner.push_audio(stamp, samples_of(number), now)

    def see(self, time, payload=None, delay=0.03):
        now = START + time + delay
        fate, units = self.aligner.push_frame(START + time, payload or f'{time:.3f}', now)
        self.fates.append(fate)
        self.units += units

    def wait_until(self, end, begin=0.0, step=0.05):
        for tick in range(math.ceil((end - begin) / step)):
            self.units += self.aligner.poll(START + begin + tick * step)

    def payloads(self):
        return [[frame.payload for frame in unit.frames] for unit in self.units]


def assert_accounted(aligner):
    count = aligner.audio.count
    entered = count.joined + count.gap + aligner.added_silence
    assert aligner.units * RATE + aligner.state.fill + aligner.discarded == entered


def test_units_hold_exactly_the_samples_of_their_second():
    world = World()
    world.hear(0, 3.5)
    assert [unit.index for unit in world.units] == [0, 1, 2]
    stream = np.concatenate([samples_of(number) for number in range(175)])
    for unit in world.units:
        assert unit.audio.dtype == np.int16
        assert np.array_equal(unit.audio, stream[unit.index * RATE : (unit.index + 1) * RATE])
        assert unit.begin == pytest.approx(START + unit.index)
        assert unit.end == pytest.approx(START + unit.index + 1)
        assert not unit.closed_early
        assert unit.frames == ()
    assert_accounted(world.aligner)


def test_newest_frame_of_each_unit_is_chosen():
    world = World()
    for second in range(3):
        for frame in range(10):
            world.see(second + frame / 10)
        world.hear(second, second + 1)
    assert world.payloads() == [['0.900'], ['1.900'], ['2.900']]
    assert [unit.frames_dropped for unit in world.units] == [9, 9, 9]


def test_two_images_per_unit_are_spread():
    world = World(images_per_unit=2)
    for tick in range(20):
        world.see(tick / 10)
        world.hear(tick / 10, (tick + 1) / 10)
    assert world.payloads() == [['0.400', '0.900'], ['1.400', '1.900']]


def test_frames_are_final_shortly_before_the_end():
    world = World(frame_lead=0.1)
    for tick in range(9):
        world.see(tick / 10)
        world.hear(tick / 10, (tick + 1) / 10)
        frozen = world.aligner.freeze_frames()
    assert [frame.payload for frame in frozen] == ['0.800']
    assert world.aligner.freeze_frames() == ()
    world.see(0.95)
    world.see(1.05)
    world.hear(0.9, 2)
    assert world.payloads() == [['0.800'], ['1.050']]
    assert [unit.frames_dropped for unit in world.units] == [9, 0]


def test_nothing_is_final_without_a_frame():
    world = World(frame_lead=0.1)
    world.hear(0, 0.95)
    assert world.aligner.freeze_frames() == ()
    world.see(0.96)
    world.hear(0.95, 1)
    assert world.payloads() == [['0.960']]


def test_no_images_when_none_are_wanted():
    world = World(images_per_unit=0)
    world.see(0.5)
    world.hear(0, 1)
    assert world.payloads() == [[]]
    assert world.units[0].frames_dropped == 1


def test_frame_ahead_of_the_sound_waits_for_its_unit():
    world = World()
    world.hear(0, 0.9)
    world.see(0.5)
    world.see(1.02)
    world.hear(0.9, 2)
    assert world.payloads() == [['0.500'], ['1.020']]


def test_late_frame_joins_the_open_unit_when_it_is_empty():
    world = World()
    world.hear(0, 1.1)
    world.see(0.95)
    world.hear(1.1, 2)
    assert world.payloads() == [[], ['0.950']]


def test_very_late_repeated_and_future_frames_are_named():
    world = World()
    world.hear(0, 2.1)
    for time in (0.5, 1.9, 1.9, 9.0):
        world.see(time)
    late, kept, duplicate, future = world.fates
    assert (late, kept) == (FrameFate.LATE, FrameFate.KEPT)
    assert (duplicate, future) == (FrameFate.DUPLICATE, FrameFate.FUTURE)


def test_frames_of_ten_minutes_do_not_pile_up():
    world = World()
    world.hear(0, 0.5)
    for frame in range(1000):
        world.see(0.5 + frame * 0.03)
    assert len(world.aligner.frames.state.waiting) <= 5


def test_lost_sound_becomes_reported_silence():
    world = World()
    world.hear(0, 0.5)
    world.hear(0.7, 2)
    assert [unit.inserted_silence for unit in world.units] == [3200, 0]
    assert not world.units[0].audio[8000:11200].any()
    assert world.units[0].audio[11200] == samples_of(35)[0]


def test_units_go_on_when_the_microphone_stops():
    world = World(audio_timeout=0.5)
    world.hear(0, 1.5)
    for tick in range(15, 50):
        world.see(tick / 10)
        world.wait_until(tick / 10 + 0.1, tick / 10)
    assert [unit.index for unit in world.units] == [0, 1, 2, 3]
    assert [unit.inserted_silence for unit in world.units] == [0, 8000, RATE, RATE]
    assert all(unit.frames for unit in world.units[1:])
    begins = [unit.begin for unit in world.units]
    assert begins == pytest.approx([START + second for second in range(4)], abs=0.06)


def test_sound_that_returns_finds_its_place():
    world = World(audio_timeout=0.5)
    world.hear(0, 1.5)
    world.wait_until(4.0, 1.5)
    world.hear(4.0, 6)
    assert world.aligner.audio.count.joined == 3.5 * RATE
    last = world.units[-1]
    assert last.begin == pytest.approx(START + last.index, abs=0.06)
    assert last.inserted_silence == 0
    assert_accounted(world.aligner)


def test_units_wait_for_a_paced_source_without_timeout():
    world = World(audio_timeout=0.0)
    world.hear(0, 1.5)
    world.wait_until(100.0, 1.5, step=1.0)
    assert len(world.units) == 1
    world.hear(1.5, 3)
    assert len(world.units) == 3
    assert all(unit.inserted_silence == 0 for unit in world.units)


def test_camera_only_follows_the_frames():
    world = World(use_audio=False)
    for frame in range(31):
        world.see(frame / 10)
    assert world.payloads() == [['0.900'], ['1.900'], ['2.900']]
    assert all(unit.inserted_silence == RATE for unit in world.units)


def test_camera_only_faster_than_time():
    world = World(use_audio=False)
    for frame in range(31):
        world.see(frame / 10, delay=-frame / 10)  # all arrive at once
    assert len(world.units) == 3


def test_camera_only_follows_a_jump_of_time():
    world = World(use_audio=False)
    for frame in range(15):
        world.see(frame / 10)
    for frame in range(25):
        world.see(5000 + frame / 10, delay=-4999)
    assert len(world.units) >= 3
    assert world.units[-1].begin > START + 4999


def test_camera_alone_starts_units_after_the_timeout():
    world = World(audio_timeout=1.0)
    world.see(0.0)
    world.wait_until(0.9)
    assert not world.units
    world.wait_until(3.5, 0.9)
    assert len(world.units) >= 2


def test_units_stop_when_nothing_comes_at_all():
    world = World(audio_timeout=0.5, idle_timeout=5.0)
    world.hear(0, 1)
    world.wait_until(60, 1)
    assert 4 <= len(world.units) <= 7
    world.hear(60, 62)
    assert world.units[-1].begin == pytest.approx(START + 61, abs=1.0)


def test_long_suspension_does_not_flood():
    world = World(audio_timeout=0.5, idle_timeout=0.0)
    world.hear(0, 1.5)
    world.units += world.aligner.poll(START + 3600.0)
    assert len(world.units) == 2
    world.units += world.aligner.poll(START + 3601.5)
    assert world.units[-1].begin == pytest.approx(START + 3600, abs=0.5)


def test_end_of_speech_closes_early_and_loses_nothing():
    world = World(close_on_speech_end=True)
    aligner = world.aligner
    world.hear(0, 0.6)
    world.units += aligner.push_speech(START + 0.1, True, START + 0.1)
    world.units += aligner.push_speech(START + 0.6, False, START + 0.62)
    world.hear(0.6, 2)
    first, second = world.units
    assert first.closed_early
    assert first.filled == 6400
    assert first.end == pytest.approx(START + 0.6) == second.begin
    assert not first.audio[9600:].any()
    assert second.audio[0] == samples_of(30)[0]
    assert_accounted(aligner)


def test_a_unit_that_has_only_begun_closes_as_soon_as_it_holds_enough():
    world = World(close_on_speech_end=True, min_early_fill=0.3)
    aligner = world.aligner
    world.units += aligner.push_speech(START + 0.5, True, START + 0.5)
    world.hear(0, 1.1)  # the person stopped at the end of the first unit
    world.units += aligner.push_speech(START + 1.1, False, START + 1.1)
    assert [unit.closed_early for unit in world.units] == [False]
    world.hear(1.1, 2.5)
    first, second, third = world.units[0], world.units[1], world.units[-1]
    assert (first.filled, second.filled) == (0, 16000 - 4800)
    assert second.end == pytest.approx(START + 1.3) == third.begin
    assert_accounted(aligner)


def test_a_person_who_goes_on_keeps_the_unit_open():
    world = World(close_on_speech_end=True, min_early_fill=0.3)
    aligner = world.aligner
    world.units += aligner.push_speech(START + 0.02, True, START + 0.02)
    world.hear(0, 0.1)
    world.units += aligner.push_speech(START + 0.1, False, START + 0.1)
    world.hear(0.1, 0.2)
    world.units += aligner.push_speech(START + 0.2, True, START + 0.2)
    world.hear(0.2, 2.1)
    assert [unit.closed_early for unit in world.units] == [False, False]


@pytest.mark.parametrize('change', ['configure', 'reset', 'jump'])
def test_an_early_close_that_waits_is_not_inherited(change):
    world = World(close_on_speech_end=True, min_early_fill=0.3)
    aligner = world.aligner
    world.units += aligner.push_speech(START + 0.5, True, START + 0.5)
    world.hear(0, 1)  # speech ends with the unit, and the next one waits for more sound
    world.units += aligner.push_speech(START + 1.0, False, START + 1.0)
    assert aligner.state.closing and aligner.state.fill == 0
    begin = 1
    if change == 'configure':
        aligner.configure(AlignerConfiguration(close_on_speech_end=False, min_early_fill=0.3))
    elif change == 'reset':
        aligner.reset()
    else:
        begin = 100
    world.hear(begin, begin + 2.5)
    assert [unit.filled for unit in world.units] == [0, 0, 0]
    assert_accounted(aligner)


def test_speech_fraction_and_flag():
    world = World()
    aligner = world.aligner
    world.hear(0, 0.5)
    assert math.isnan(aligner.speech.fraction(START, START + 1))
    for tick in range(11):
        aligner.push_speech(START + 0.25 + tick * 0.05, True, START + 1)
    aligner.push_speech(START + 0.8, False, START + 1)
    world.hear(0.5, 1)
    assert world.units[0].speech_fraction == pytest.approx(0.55)
    assert not world.units[0].user_speaking


def test_jump_closes_the_open_unit():
    world = World()
    world.hear(0, 1.5)
    world.hear(1.5, 4, offset=500.0)
    assert world.units[1].filled == 8000
    assert world.units[1].end == pytest.approx(START + 1.5)
    assert world.units[2].begin == pytest.approx(START + 501.5)
    assert_accounted(world.aligner)


def test_reset_keeps_counting_units():
    world = World()
    world.hear(0, 1.5)
    world.aligner.reset()
    world.hear(2, 4)
    assert [unit.index for unit in world.units] == [0, 1, 2]
    assert_accounted(world.aligner)


def test_drift_keeps_stamps_right_for_an_hour():
    aligner = UnitAligner(AlignerConfiguration())
    units = []
    for number in range(0, 600 * RATE // 4000):
        stamp = START + number * 0.25 * 1.0002
        units += aligner.push_audio(stamp, np.ones(4000, np.int16), stamp)
    assert len(units) == 600
    assert aligner.audio.count.gap == 0
    assert units[-1].end == pytest.approx(START + 600 * 1.0002, abs=0.001)
    ends = [unit.end for unit in units]
    assert all(unit.begin == end for unit, end in zip(units[1:], ends, strict=False))


@pytest.mark.parametrize(
    'bad',
    [{'images_per_unit': -1}, {'images_per_unit': 99}, {'audio_timeout': -1.0}, {'max_gap': 0.0}],
)
def test_bad_configuration_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        AlignerConfiguration(**bad)


ACTIONS = st.one_of(
    st.tuples(st.just('audio'), st.integers(1, 5000)),
    st.tuples(st.just('lost'), st.integers(1, 5000)),
    st.tuples(st.just('double'), st.integers(1, 5000)),
    st.tuples(st.just('frame'), st.floats(-4, 8)),
    st.tuples(st.just('speech'), st.booleans()),
    st.tuples(st.just('wait'), st.floats(0, 3)),
    st.tuples(st.just('jump'), st.floats(-50, 50)),
    st.tuples(st.just('reset'), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(
    actions=st.lists(ACTIONS, max_size=60),
    use_audio=st.booleans(),
    early=st.booleans(),
    images=st.integers(0, 3),
)
def test_every_sample_is_accounted_for(actions, use_audio, early, images):
    aligner = UnitAligner(
        AlignerConfiguration(
            images_per_unit=images,
            use_audio=use_audio,
            close_on_speech_end=early,
            frame_lead=0.2,
        )
    )
    now, sent, units = START, 0, []
    for name, value in actions:
        if name in ('audio', 'double'):
            block = np.full(value, 1, np.int16)
            for _ in range(1 + (name == 'double')):
                units += aligner.push_audio(now, block, now + value / RATE)
                sent += value
                aligner.freeze_frames()
            now += value / RATE
        elif name == 'lost':
            now += value / RATE
        elif name == 'frame':
            units += aligner.push_frame(now + value, None, now)[1]
        elif name == 'speech':
            units += aligner.push_speech(now, value, now)
        elif name == 'wait':
            now += value
            units += aligner.poll(now)
        elif name == 'jump':
            now += value
        else:
            aligner.reset()
        assert_accounted(aligner)
    count = aligner.audio.count
    assert count.received == sent == count.joined + count.held + count.dropped
    assert [unit.index for unit in units] == list(range(aligner.units))
    for unit in units:
        assert unit.audio.shape == (RATE,)
        assert np.count_nonzero(unit.audio) == RATE - unit.inserted_silence - unit.filled
        assert len(unit.frames) <= images
        assert unit.end >= unit.begin - 1e-6
    frames = aligner.frames.count
    waiting = len(aligner.frames.state.waiting)
    assert frames.received == (
        frames.used + frames.unused + frames.duplicate + frames.late + frames.future + waiting
    )
