# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from minicpmo_ros.sound_device.playback_queue import PlaybackQueue, SpeechPiece

RATE = 16000
BLOCK = 160


def piece(turn=1, index=0, seconds=0.1, epoch=1, offset=None, rate=RATE, last=False, value=0.5):
    samples = np.full(int(seconds * rate), value, np.float32)
    offset = index * seconds if offset is None else offset
    return SpeechPiece(turn, epoch, index, offset, rate, samples, last)


def render(queue, seconds):
    """Render as a device does, refilling after every block."""
    blocks = []
    for _ in range(round(seconds * queue.sample_rate / BLOCK)):
        blocks.append(queue.render(BLOCK))
        queue.refill()
    return np.concatenate(blocks)


def test_plays_every_sample_in_order_between_the_ramps():
    queue = PlaybackQueue(RATE)
    samples = np.arange(1, RATE // 2 + 1, dtype=np.float32) / RATE
    queue.push(SpeechPiece(1, 1, 0, 0.0, RATE, samples[:5000]))
    queue.push(SpeechPiece(1, 1, 1, 5000 / RATE, RATE, samples[5000:], last=True))
    out = render(queue, 0.6)
    ramp = 64
    np.testing.assert_array_equal(out[ramp : samples.size], samples[ramp:])
    assert not out[samples.size :].any()
    assert queue.state().played == pytest.approx(0.5)
    assert queue.state().underruns == 0


def test_holds_no_more_than_the_limit_ready():
    queue = PlaybackQueue(48000)
    queue.push(piece(seconds=20.0, rate=24000))
    ready = sum(segment.samples.size for segment in queue._ready)
    assert 0.28 * 48000 <= ready <= 0.301 * 48000
    assert queue.state().queued == pytest.approx(20.0, abs=0.01)


def test_converts_the_rate_without_losing_length():
    queue = PlaybackQueue(48000)
    time = np.arange(24000) / 24000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    for index in range(10):
        part = tone[index * 2400 : (index + 1) * 2400]
        queue.push(SpeechPiece(1, 1, index, index * 0.1, 24000, part, last=index == 9))
    out = np.concatenate([queue.render(480) for _ in range(120) if queue.refill() is None])
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    assert np.abs(out[400:47600] - expected[400:47600]).max() < 2e-3
    assert np.abs(out[48200:]).max() == 0.0


def test_pause_holds_and_resume_goes_on_at_the_next_sample():
    queue = PlaybackQueue(RATE)
    samples = np.arange(1, RATE + 1, dtype=np.float32) / RATE
    queue.push(SpeechPiece(1, 1, 0, 0.0, RATE, samples, last=True))
    render(queue, 0.3)
    queue.pause()
    faded = render(queue, 0.2)
    at_pause = queue.state()
    assert at_pause.paused and not at_pause.playing
    assert np.count_nonzero(faded) <= 64  # one ramp of 4 ms
    assert at_pause.played == pytest.approx(0.304)
    queue.resume()
    after = render(queue, 0.2)
    position = round(0.304 * RATE)
    np.testing.assert_array_equal(after[64:], samples[position + 64 : position + after.size])


def test_nothing_is_lost_in_a_pause():
    queue = PlaybackQueue(RATE)
    queue.pause()
    for index in range(5):
        assert queue.push(piece(index=index, last=index == 4))
    assert not render(queue, 1.0).any()
    queue.resume()
    assert np.count_nonzero(render(queue, 1.0)) >= 0.5 * RATE - 1


def test_flush_ends_within_a_ramp_and_drops_only_its_epoch():
    queue = PlaybackQueue(RATE)
    queue.push(piece(turn=1, seconds=2.0))
    queue.push(piece(turn=2, epoch=2, seconds=0.1, value=0.25, last=True))
    render(queue, 0.5)
    assert queue.flush(1) > 0
    out = render(queue, 0.3)
    old = out[out > 0.25]
    assert old.size <= 64
    assert np.count_nonzero(out == 0.25) > 1000
    assert queue.state().turn_id == 2


def test_flush_is_idempotent_and_stale_pieces_are_refused():
    queue = PlaybackQueue(RATE)
    queue.push(piece())
    queue.flush(1)
    assert queue.flush(1) == 0
    assert not queue.push(piece(index=1))
    assert queue.counters.stale == 1
    assert not render(queue, 0.2).any()


def test_flush_ends_a_pause():
    queue = PlaybackQueue(RATE)
    queue.push(piece())
    queue.pause()
    queue.flush(1)
    queue.push(piece(turn=2, epoch=2))
    assert render(queue, 0.1).any()


def test_a_late_message_of_an_old_epoch_neither_ends_nor_begins_a_pause():
    queue = PlaybackQueue(RATE)
    queue.flush(1)
    queue.push(piece(turn=2, epoch=2, seconds=1.0))
    render(queue, 0.1)
    queue.pause(1)
    assert render(queue, 0.1).any()
    queue.pause(2)
    queue.flush(1)
    queue.resume(1)
    render(queue, 0.1)  # the ramp
    assert not render(queue, 0.1).any()
    queue.resume(2)
    assert render(queue, 0.1).any()


def test_a_pause_of_a_void_epoch_does_not_hold_the_next_turn():
    queue = PlaybackQueue(RATE)
    queue.flush(1)
    queue.pause(1)
    queue.push(piece(turn=2, epoch=2))
    assert render(queue, 0.1).any()


def test_played_counts_what_was_heard_of_the_turn_when_cut():
    queue = PlaybackQueue(RATE)
    queue.push(piece(seconds=2.0))
    render(queue, 0.51)
    queue.flush(1)
    render(queue, 0.1)
    assert queue.state().played == pytest.approx(0.51 + 0.004, abs=1e-4)


def test_underrun_is_counted_once_per_gap():
    queue = PlaybackQueue(RATE)
    queue.push(piece(index=0))
    render(queue, 0.3)
    queue.push(piece(index=1, last=True))
    render(queue, 0.3)
    assert queue.state().underruns == 1


def test_silence_after_the_last_piece_is_no_underrun():
    queue = PlaybackQueue(RATE)
    queue.push(piece(last=True, seconds=0.105))
    render(queue, 0.3)
    assert queue.state().underruns == 0


def test_an_end_of_turn_that_comes_late_is_no_underrun():
    queue = PlaybackQueue(RATE)
    queue.push(piece(index=0))
    render(queue, 0.5)
    queue.push(piece(index=1, seconds=0.0, last=True))
    queue.push(piece(turn=2, index=0, last=True))
    render(queue, 0.3)
    assert queue.state().underruns == 0


@pytest.mark.parametrize('gap, underruns', [(0.01, 0), (0.05, 1)])
def test_an_underrun_is_a_silence_of_more_than_20_ms(gap, underruns):
    queue = PlaybackQueue(RATE)
    queue.push(piece(index=0))
    render(queue, 0.1 + gap)
    queue.push(piece(index=1, last=True))
    render(queue, 0.3)
    assert queue.state().underruns == underruns


@pytest.mark.parametrize(
    'bad, counter',
    [
        (piece(epoch=0), 'stale'),
        (piece(index=0), 'repeated'),
        (piece(index=1, rate=1000), 'unusable'),
        (piece(index=1, value=np.nan), 'unusable'),
        (piece(index=1, value=np.inf), 'unusable'),
        (piece(index=1, seconds=0.0), 'unusable'),
        (piece(index=1, seconds=400.0), 'overflowed'),
        (piece(turn=0, index=3), 'repeated'),
    ],
)
def test_bad_pieces_are_refused_and_counted(bad, counter):
    queue = PlaybackQueue(RATE)
    queue.push(piece())
    assert not queue.push(bad)
    assert getattr(queue.counters, counter) == 1
    render(queue, 0.3)
    assert queue.state().played == pytest.approx(0.1)


def test_a_sender_that_starts_again_is_heard():
    queue = PlaybackQueue(RATE)
    queue.push(piece(turn=7, index=0))
    assert queue.push(piece(turn=1, index=0))


def test_a_lost_piece_is_counted_and_moves_the_position():
    queue = PlaybackQueue(RATE)
    queue.push(piece(index=0))
    queue.push(piece(index=2, last=True))
    assert queue.counters.missing == 1
    render(queue, 0.3)
    assert queue.state().played == pytest.approx(0.3)


def test_restart_with_another_rate_goes_on():
    queue = PlaybackQueue(RATE)
    queue.push(piece(seconds=1.0, last=True))
    render(queue, 0.1)
    queue.restart(48000)
    queue.refill()
    assert queue.render(480).any()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just('push'), st.integers(1, 4), st.integers(0, 3)),
            st.tuples(st.just('flush'), st.integers(0, 4), st.just(0)),
            st.tuples(st.sampled_from(['pause', 'resume', 'render']), st.just(0), st.just(0)),
        ),
        max_size=60,
    )
)
def test_no_sample_of_a_void_epoch_after_the_ramp(actions):
    """Each epoch plays at its own level, so that the output tells what it is made of."""
    queue, void = PlaybackQueue(RATE), 0
    for action, epoch, index in actions:
        if action == 'push':
            queue.push(piece(turn=epoch, epoch=epoch, index=index, value=epoch / 10, seconds=0.05))
        elif action == 'flush':
            queue.flush(epoch)
            void = max(void, epoch)
            queue.render(64)  # the ramp
        elif action == 'render':
            out = queue.render(BLOCK)
            assert not out.any() or queue.state().epoch > void
        else:
            getattr(queue, action)()
    queue.resume()
    assert queue.state().queued >= 0.0
