# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Playing: order, loop, seek, backpressure, pause, errors."""

import threading
import time

import numpy as np
import pytest

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import Sound
from minicpmo_ros.media.player import Player, PlayerCallbacks, PlayerOptions

PIECE = 320


class Steps:
    """Sound of ``seconds`` in blocks of 0.1 s; sample values say the tenth of a second."""

    def __init__(self, seconds: float = 1.0, error: bool = False) -> None:
        self.duration = seconds
        self.error = error

    def items(self, start: float = 0.0):
        for number in range(round(start * 10), round(self.duration * 10)):
            yield Sound(number / 10, np.full(1600, number, np.int16))
        if self.error:
            raise MediaError('the file is damaged')


class Run:
    """A player that plays into lists."""

    def __init__(self, source, **options) -> None:
        self.items = []
        self.errors = []
        self.done = threading.Event()
        callbacks = PlayerCallbacks(
            lambda item, shift: self.items.append((item.time + shift, int(item.samples[0]))),
            lambda elapsed: None,
            self._finish,
        )
        self.player = Player(source, PlayerOptions(piece=PIECE, **options), callbacks)

    def _finish(self, error) -> None:
        self.errors.append(error)
        self.done.set()

    def finish(self, timeout: float = 10.0) -> 'Run':
        self.player.start()
        assert self.done.wait(timeout)
        return self

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 10.0
        while len(self.items) < count:
            assert time.monotonic() < end, f'{len(self.items)} of {count} items'
            time.sleep(0.005)


def feed(run: Run, units: int) -> None:
    for _ in range(units):
        run.player.unit_done()


def test_everything_is_played_once_in_order():
    run = Run(Steps(), rate=50.0).finish()
    assert len(run.items) == 50 and run.errors == [None]
    times = [t for t, _ in run.items]
    np.testing.assert_allclose(times, np.arange(50) * 0.02)


def test_start_and_end():
    run = Run(Steps(), rate=50.0, start=0.4, end=0.6).finish()
    assert {value for _, value in run.items} == {4, 5}
    assert run.items[0][0] == pytest.approx(0.0), 'times count from the begin of the playing'


def test_loop_goes_on_in_time():
    run = Run(Steps(0.2), rate=50.0, loop=True)
    run.player.start()
    run.wait_for(25)
    run.player.stop()
    times = [t for t, _ in run.items[:25]]
    np.testing.assert_allclose(times, np.arange(25) * 0.02, atol=1e-9)
    assert not run.done.is_set(), 'a stopped player does not report an end'


def test_real_time_is_kept():
    begun = time.monotonic()
    Run(Steps(0.3)).finish()
    assert time.monotonic() - begun >= 0.28


def test_as_fast_as_possible_waits_for_units():
    run = Run(Steps(6.0), rate=0.0)
    run.player.start()
    run.wait_for(100)
    time.sleep(0.2)
    assert len(run.items) == 100, 'two units may be on their way'
    feed(run, 1)
    run.wait_for(150)
    feed(run, 3)
    assert run.done.wait(10.0) and len(run.items) == 300


def test_seek_jumps_and_time_goes_on():
    run = Run(Steps(10.0), rate=0.0)
    run.player.start()
    run.wait_for(100)
    run.player.seek(9.0)
    feed(run, 1)
    assert run.done.wait(10.0)
    times = [t for t, _ in run.items]
    assert run.items[100][1] == 90 and times == sorted(times)
    assert np.max(np.diff(times)) == pytest.approx(0.02)


def test_pause_holds():
    run = Run(Steps(10.0), rate=20.0)
    run.player.start()
    run.wait_for(10)
    run.player.pause(True)
    time.sleep(0.15)
    held = len(run.items)
    time.sleep(0.1)
    assert len(run.items) == held < 500
    run.player.pause(False)
    run.player.set_rate(100.0)
    assert run.done.wait(10.0)


def test_damaged_media_ends_with_its_reason():
    run = Run(Steps(0.2, error=True), rate=50.0).finish()
    assert 'damaged' in str(run.errors[0])
    assert len(run.items) == 10, 'what could be read was played'
