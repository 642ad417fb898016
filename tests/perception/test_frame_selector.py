# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from minicpmo_ros.perception.frame_selector import Frame, FrameFate, FrameSelector


def offer(selector, *stamps):
    return [selector.offer(Frame(stamp, str(stamp)), 0.0, 1.0) for stamp in stamps]


def chosen(selector, begin=0.0, end=1.0):
    frames, dropped = selector.take(begin, end)
    return [frame.stamp for frame in frames], dropped


def test_newest_wins_in_any_order_of_arrival():
    selector = FrameSelector(1)
    offer(selector, 0.2, 0.9, 0.5)
    assert chosen(selector) == ([0.9], 2)


def test_newest_of_each_part():
    selector = FrameSelector(4)
    offer(selector, *(tick / 20 for tick in range(20)))
    assert chosen(selector) == ([0.2, 0.45, 0.7, 0.95], 16)


def test_frames_of_later_units_are_kept_apart():
    selector = FrameSelector(1)
    offer(selector, 0.5, 1.5, 1.8, 2.5)
    assert chosen(selector) == ([0.5], 0)
    assert chosen(selector, 1.0, 2.0) == ([1.8], 1)
    assert chosen(selector, 2.0, 3.0) == ([2.5], 0)


def test_late_frame_fills_an_empty_unit_only():
    selector = FrameSelector(1)
    assert offer(selector, -0.1, 0.3) == [FrameFate.KEPT, FrameFate.KEPT]
    assert chosen(selector) == ([0.3], 1)
    selector = FrameSelector(1)
    offer(selector, -0.1)
    assert chosen(selector) == ([-0.1], 0)


def test_frame_older_than_the_last_used_one_is_late():
    selector = FrameSelector(1)
    offer(selector, 0.9)
    chosen(selector)
    assert selector.offer(Frame(0.8, ''), 1.0, 2.0) is FrameFate.LATE


def test_frozen_frames_stay():
    selector = FrameSelector(1)
    offer(selector, 0.7)
    assert [frame.stamp for frame in selector.freeze(0.0, 1.0)] == [0.7]
    offer(selector, 0.95, 1.2)
    assert chosen(selector) == ([0.7], 1)
    assert not selector.frozen
    assert chosen(selector, 1.0, 2.0) == ([1.2], 0)


def test_reset_lets_all_go_and_counts_them():
    selector = FrameSelector(2)
    offer(selector, 0.1, 0.9)
    selector.reset()
    assert selector.count.unused == 2
    assert chosen(selector) == ([], 0)
