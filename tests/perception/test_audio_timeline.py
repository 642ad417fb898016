# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from minicpmo_ros.perception.audio_timeline import AudioTimeline
from minicpmo_ros.perception.segment import SegmentKind

RATE = 16000
BLOCK = 320  # 20 ms


def block(number, size=BLOCK):
    """Return samples whose values tell their place in the stream."""
    return (np.arange(number * size, (number + 1) * size) % 30000 + 1).astype(np.int16)


def stamp_of(number, size=BLOCK, start=100.0):
    return start + number * size / RATE


class Recorder:
    """Pushes blocks and keeps the stream that results."""

    def __init__(self, **options):
        self.timeline = AudioTimeline(RATE, **options)
        self.segments = []

    def push(self, number, offset=0.0, size=BLOCK):
        pushed = self.timeline.push(stamp_of(number, size) + offset, block(number, size))
        self.segments += pushed
        return pushed

    @property
    def stream(self):
        pieces = [
            np.zeros(s.silence, np.int16) if s.samples is None else s.samples
            for s in self.segments
        ]
        return np.concatenate([*pieces, np.zeros(0, np.int16)])

    def expected(self, numbers):
        return np.concatenate([block(number) for number in numbers])


@pytest.fixture
def recorder():
    return Recorder()


def assert_accounted(timeline):
    count = timeline.count
    assert count.received == count.joined + count.held + count.dropped
    assert count.held == sum(held.samples.size for held in timeline.state.held)
    assert min(vars(count).values()) >= 0


def test_blocks_in_order_join_at_once(recorder):
    for number in range(50):
        assert len(recorder.push(number)) == 1
    assert np.array_equal(recorder.stream, recorder.expected(range(50)))


def test_jitter_of_stamps_changes_nothing(recorder):
    random = np.random.default_rng(0)
    for number in range(500):
        recorder.push(number, offset=random.uniform(0, 0.008))
    assert np.array_equal(recorder.stream, recorder.expected(range(500)))
    assert recorder.timeline.count.gaps == 0


def test_swapped_blocks_are_put_in_order(recorder):
    for number in (0, 2, 1, 3, 5, 4, 6):
        recorder.push(number)
    assert np.array_equal(recorder.stream, recorder.expected(range(7)))
    assert recorder.timeline.count.gap == 0


def test_lost_blocks_become_silence_of_their_length(recorder):
    for number in [*range(10), *range(13, 40)]:
        recorder.push(number)
    silence = np.zeros(3 * BLOCK, np.int16)
    expected = np.concatenate((recorder.expected(range(10)), silence))
    expected = np.concatenate((expected, recorder.expected(range(13, 40))))
    assert np.array_equal(recorder.stream, expected)
    assert (recorder.timeline.count.gaps, recorder.timeline.count.gap) == (1, 3 * BLOCK)


def test_late_burst_is_joined_without_silence(recorder):
    for number in range(10):
        recorder.push(number)
    for number in range(10, 16):  # the driver slept 0.12 s and stamped all when it woke
        late = stamp_of(16) - stamp_of(number) + 1e-4 * (number - 16) - BLOCK / RATE
        recorder.push(number, offset=late)
    for number in range(16, 40):
        recorder.push(number)
    assert np.array_equal(recorder.stream, recorder.expected(range(40)))
    assert recorder.timeline.count.gaps == 0


def test_duplicates_are_dropped(recorder):
    for number in range(20):
        recorder.push(number)
        recorder.push(number)
    assert np.array_equal(recorder.stream, recorder.expected(range(20)))
    assert recorder.timeline.count.duplicate == 20 * BLOCK


def test_block_after_its_gap_was_filled_is_dropped_as_late(recorder):
    for number in [*range(5), *range(6, 30)]:
        recorder.push(number)
    recorder.push(5)
    recorder.push(30)
    assert recorder.timeline.count.late == BLOCK
    assert recorder.timeline.count.gap == BLOCK


def test_overlapping_windows_give_every_sample_once(recorder):
    timeline, output = recorder.timeline, []
    signal = (np.arange(30000) + 1).astype(np.int16)
    for begin in range(0, 25000, 3072):  # every block repeats the last quarter of the one before
        output += timeline.push(100.0 + begin / RATE, signal[begin : begin + 4096])
    stream = np.concatenate([s.samples for s in output])
    assert stream.size > 15000
    assert np.array_equal(stream, signal[: stream.size])
    assert timeline.count.overlap > 0


def test_short_overlaps_keep_the_time(recorder):
    for number in range(500):
        recorder.timeline.push(100.0 + number * 0.015, np.ones(BLOCK, np.int16))
    assert recorder.timeline.next_time == pytest.approx(100 + 500 * 0.015, abs=0.03)


def test_second_publisher_does_not_get_in(recorder):
    for number in range(100):
        recorder.push(number)
        recorder.timeline.push(stamp_of(number) + 0.007, np.full(BLOCK, -7, np.int16))
    assert -7 not in recorder.stream
    assert np.array_equal(recorder.stream, recorder.expected(range(100)))
    assert recorder.timeline.contested


@pytest.mark.parametrize('skew', [-3600.0, -2.0, 1.0, 4.0, 3600.0])
def test_second_publisher_with_another_clock_does_not_get_in(recorder, skew):
    for number in range(100):
        recorder.push(number)
        recorder.timeline.push(stamp_of(number) + skew, np.full(BLOCK, -7, np.int16))
    assert np.array_equal(recorder.stream, recorder.expected(range(100)))
    assert recorder.timeline.contested
    assert_accounted(recorder.timeline)


def test_single_publisher_is_not_contested(recorder):
    for number in range(100):
        recorder.push(number)
    recorder.push(50)
    assert not recorder.timeline.contested


def test_second_publisher_takes_over_when_the_first_stops(recorder):
    for number in range(50):
        recorder.push(number)
    for number in range(50, 80):
        recorder.push(number, offset=0.5)
    assert recorder.timeline.count.joined == 80 * BLOCK
    assert recorder.timeline.count.gap == RATE // 2


@pytest.mark.parametrize('jump', [-3600.0, -5.0, 60.0, 1e6])
def test_jump_of_time_is_followed_without_loss(recorder, jump):
    for number in range(50):
        recorder.push(number)
    for number in range(50, 100):
        recorder.push(number, offset=jump)
    kinds = [segment.kind for segment in recorder.segments]
    assert kinds.count(SegmentKind.JUMP) == 1
    assert np.array_equal(recorder.stream, recorder.expected(range(100)))
    assert recorder.timeline.next_time == pytest.approx(stamp_of(100) + jump, abs=1e-6)


def test_small_step_back_moves_the_line_without_loss(recorder):
    for number in range(50):
        recorder.push(number)
    for number in range(50, 100):
        recorder.push(number, offset=-0.307)
    assert np.array_equal(recorder.stream, recorder.expected(range(100)))
    assert recorder.timeline.count.shifts == 1


def test_lone_stamp_in_the_future_is_dropped(recorder):
    for number in range(100):
        recorder.push(number, offset=1000.0 if number == 30 else 0.0)
    assert recorder.timeline.count.stray == BLOCK
    assert recorder.timeline.count.gap == BLOCK


def test_silence_comes_after_what_is_held(recorder):
    for number in (*range(5), 7):
        recorder.push(number)
    recorder.segments += recorder.timeline.insert_silence(RATE // 2)
    expected = np.zeros(RATE // 2, np.int16)
    expected[2 * BLOCK : 3 * BLOCK] = block(7)
    assert np.array_equal(recorder.stream[5 * BLOCK :], expected)


def test_reset_accounts_for_what_was_held(recorder):
    for number in (0, 1, 5, 6):
        recorder.push(number)
    recorder.timeline.reset()
    assert recorder.timeline.count.stray == 2 * BLOCK
    assert_accounted(recorder.timeline)


EVENTS = st.one_of(
    st.just(('next', 0.0)),
    st.tuples(st.just('jitter'), st.floats(0, 0.03)),
    st.tuples(st.just('lose'), st.just(0.0)),
    st.tuples(st.just('swap'), st.just(0.0)),
    st.tuples(st.just('double'), st.just(0.0)),
    st.tuples(st.just('jump'), st.floats(-20, 20)),
    st.tuples(st.just('stray'), st.floats(-1e9, 1e9)),
    st.tuples(st.just('silence'), st.floats(0, 1)),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(EVENTS, max_size=120), size=st.sampled_from([80, 320, 512, 4096, 16000]))
def test_no_sample_is_lost_or_doubled(events, size):
    recorder = Recorder()
    timeline, number, skew = recorder.timeline, 0, 0.0
    for name, value in events:
        if name == 'lose':
            number += 1
        elif name == 'jump':
            skew += value
        elif name == 'stray':
            timeline_stamp = 100.0 + value
            recorder.segments += timeline.push(timeline_stamp, block(number, size))
        elif name == 'silence':
            recorder.segments += timeline.insert_silence(int(value * RATE))
        elif name == 'swap':
            recorder.push(number + 1, skew, size)
            recorder.push(number, skew, size)
            number += 2
        else:
            recorder.push(number, skew + (value if name == 'jitter' else 0.0), size)
            if name == 'double':
                recorder.push(number, skew, size)
            number += 1
        assert_accounted(timeline)
        assert len(timeline.state.held) <= 65
    count = timeline.count
    assert recorder.stream.size == count.joined + count.gap == timeline.state.next_index
    last = max(40, RATE // size)
    for fresh in range(last):  # whatever happened: an ordinary stream soon flows again
        recorder.segments += timeline.push(5000 + fresh * size / RATE, block(fresh, size))
    assert recorder.segments[-1].kind is SegmentKind.SAMPLES
    assert timeline.next_time == pytest.approx(5000 + last * size / RATE, abs=0.03)
