# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times that people say, and clocks that jump."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.clock_jump import ClockJump
from minicpmo_ros.watch.schedule import Schedule, parse_day_span, time_zone
from minicpmo_ros.watch.time_phrase import parse_time_phrase

BERLIN = ZoneInfo('Europe/Berlin')


def local(*fields):
    return datetime(*fields, tzinfo=BERLIN).timestamp()


NOON = local(2026, 5, 4, 12, 0)


@pytest.mark.parametrize(
    ('phrase', 'seconds'),
    [
        ('in ten minutes', 600),
        ('in 90 seconds', 90),
        ('in an hour and a half', 5400),
        ('in two and a half hours', 9000),
        ('in twenty-five minutes', 1500),
        ('in 1 hour and 10 minutes', 4200),
        ('in half an hour', 1800),
        ('in a quarter of an hour', 900),
        ('in a day', 86400),
    ],
)
def test_amounts(phrase, seconds):
    assert parse_time_phrase(phrase).seconds == seconds


@pytest.mark.parametrize(
    ('phrase', 'expected'),
    [
        ('at six', (4, 18, 0)),
        ('at 6:05', (4, 18, 5)),
        ('at 06:05', (5, 6, 5)),
        ('at 6 am', (5, 6, 0)),
        ('at half past six', (4, 18, 30)),
        ('at a quarter to seven', (4, 18, 45)),
        ('at ten past one', (4, 13, 10)),
        ("at eleven o'clock", (4, 23, 0)),
        ('at twelve', (5, 0, 0)),
        ('at noon', (5, 12, 0)),
        ('at midnight', (5, 0, 0)),
        ('at 18:00', (4, 18, 0)),
        ('at 11:59', (4, 23, 59)),
        ('tomorrow at six', (5, 6, 0)),
        ('at 8 pm tomorrow', (5, 20, 0)),
        ('every day at 7:30', (5, 7, 30)),
    ],
)
def test_times_of_day(phrase, expected):
    day, hour, minute = expected
    assert parse_time_phrase(phrase).next_after(NOON, BERLIN) == local(2026, 5, day, hour, minute)


@pytest.mark.parametrize(
    'phrase',
    ['', 'soon', 'in', 'in ten', 'in -3 minutes', 'in 0 minutes', 'in 9999 days', 'at', 'at 25:00',
     'at 13 pm', 'at 7:61', 'at 60 past six', 'every day in ten minutes', 'in ten minutes and'],
)  # fmt: skip
def test_other_words_are_refused(phrase):
    with pytest.raises(WatchError):
        parse_time_phrase(phrase)


def test_a_time_that_daylight_saving_leaves_out_comes_an_hour_later():
    evening = local(2026, 3, 28, 20, 0)
    due = parse_time_phrase('every day at 02:30').next_after(evening, BERLIN)
    assert datetime.fromtimestamp(due, BERLIN).strftime('%d %H:%M') == '29 03:30'


def test_a_time_that_happens_twice_means_the_first_and_comes_once():
    phrase = parse_time_phrase('every day at 02:30')
    due = phrase.next_after(local(2026, 10, 24, 20, 0), BERLIN)
    assert due == datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=BERLIN).timestamp()
    following = phrase.next_after(due, BERLIN)
    assert datetime.fromtimestamp(following, BERLIN).strftime('%d %H:%M') == '26 02:30'


def test_relative_times_do_not_care_about_daylight_saving():
    before = local(2026, 3, 29, 1, 55)
    assert parse_time_phrase('in ten minutes').next_after(before, BERLIN) == before + 600


@pytest.mark.parametrize(
    ('moment', 'active'),
    [
        ((2026, 5, 4, 23, 0), True),  # a Monday
        ((2026, 5, 5, 6, 29), True),  # the night that began on Monday
        ((2026, 5, 5, 6, 30), False),
        ((2026, 5, 5, 22, 0), False),
        ((2026, 5, 4, 3, 0), False),
    ],
)
def test_spans_over_midnight_belong_to_the_day_they_begin(moment, active):
    schedule = Schedule(('22:00-06:30',), ('mon',))
    assert schedule.is_active(datetime(*moment, tzinfo=BERLIN)) is active


@pytest.mark.parametrize('text', ['', '9-10', '25:00-26:00', '10:00-10:00', '10:00'])
def test_spans_that_mean_nothing_are_refused(text):
    with pytest.raises(WatchError):
        parse_day_span(text)


def test_unknown_weekdays_and_zones_are_refused():
    with pytest.raises(WatchError, match='weekday'):
        Schedule(weekdays=('monday',))
    with pytest.raises(WatchError, match='time zone'):
        time_zone('Moon/Crater')


def test_the_zone_of_the_machine_is_used_by_default():
    moment = 1_750_000_000.0
    expected = datetime.fromtimestamp(moment).replace(tzinfo=None)
    assert datetime.fromtimestamp(moment, time_zone('')).replace(tzinfo=None) == expected
    assert expected.replace(tzinfo=time_zone('')).timestamp() == moment


def test_only_jumps_of_the_clock_are_jumps():
    clock = ClockJump()
    assert clock.update(1000.0, 10.0) == 0.0
    assert clock.update(1001.5, 11.0) == 0.0
    assert clock.update(4601.5, 11.0) == 3600.0
    assert clock.update(1000.0, 12.0) == pytest.approx(-3602.5)
    clock.reset()
    assert clock.update(5.0, 5.0) == 0.0
