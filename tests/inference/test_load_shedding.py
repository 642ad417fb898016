# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ladder of load shedding: its table row by row, and whole courses on a made-up clock."""

import pytest

from minicpmo_ros.inference.load_shedding import (
    EXTREME_LOAD,
    MOST_PATIENCE_UNITS,
    PATIENCE_UNITS,
    RULES,
    LoadLadder,
    Rung,
    Step,
    demanded_by_waiting,
    next_step,
)


def ladder(vision: bool = True, model_speech: bool = True) -> LoadLadder:
    return LoadLadder(vision, model_speech)


def run(of: LoadLadder, seconds: float, units: int, spoke: bool = True) -> list[Rung]:
    """Feed units that take ``seconds``; return the rung after each."""
    rungs = []
    for _ in range(units):
        of.finish(seconds, spoke, waiting=0)
        rungs.append(of.rung)
    return rungs


@pytest.mark.parametrize(
    ('load', 'enter', 'measured', 'calm', 'patience', 'step'),
    [
        # not loaded, first rung: nothing happens, however long
        (0.2, 0.9, 50, 50, None, Step.STAY),
        # loaded but not settled
        (0.95, 0.9, 1, 0, None, Step.STAY),
        # loaded and settled
        (0.95, 0.9, 2, 0, None, Step.ENTER),
        (0.90, 0.9, 2, 0, None, Step.ENTER),
        (0.89, 0.9, 2, 0, None, Step.STAY),
        # an extreme load needs one unit only
        (EXTREME_LOAD, 0.9, 1, 0, 10, Step.ENTER),
        # between the limits of a rung nothing happens
        (0.8, 0.95, 99, 0, 10, Step.STAY),
        # calm, but not long enough; then long enough
        (0.5, 0.95, 9, 9, 10, Step.STAY),
        (0.5, 0.95, 10, 10, 10, Step.LEAVE),
        # the last rung has none behind it
        (5.0, None, 50, 0, 10, Step.STAY),
        (0.1, None, 50, 10, 10, Step.LEAVE),
    ],
)
def test_every_row_of_the_table(load, enter, measured, calm, patience, step):
    assert next_step(load, enter, measured, calm, patience) is step


@pytest.mark.parametrize('rung', list(RULES))
def test_a_rung_is_left_far_below_where_it_is_entered(rung):
    assert RULES[rung].leave <= RULES[rung].enter - 0.2


def test_limits_never_ease_up_the_ladder():
    rules = [RULES[rung] for rung in sorted(RULES)]
    for milder, harder in zip(rules, rules[1:], strict=False):
        assert milder.enter <= harder.enter and milder.leave >= harder.leave


def test_overload_climbs_one_rung_at_a_time_to_the_top():
    rungs = run(ladder(), 1.15, 10)
    assert rungs == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_it_stops_climbing_where_the_load_is_bearable():
    one = ladder()
    run(one, 0.93, 2)
    assert one.rung is Rung.ONE_PICTURE
    assert set(run(one, 0.8, 50)) == {Rung.ONE_PICTURE}


def test_it_recovers_by_itself_rung_by_rung():
    one = ladder()
    run(one, 1.2, 10)
    assert one.rung is Rung.TEXT_ONLY
    rungs = run(one, 0.3, 5 * PATIENCE_UNITS)
    assert rungs[PATIENCE_UNITS - 1] is Rung.NO_PICTURE
    assert rungs[-1] is Rung.EVERYTHING
    assert sorted(rungs, reverse=True) == rungs


def test_a_unit_that_waits_breaks_the_calm():
    one = ladder()
    run(one, 0.93, 2)
    for _ in range(PATIENCE_UNITS - 1):
        one.finish(0.2, True, waiting=0)
    one.finish(0.2, True, waiting=1)
    assert one.rung is Rung.ONE_PICTURE and one.state.calm == 0


def test_one_slow_unit_among_fast_ones_costs_little():
    one = ladder()
    run(one, 0.2, 10)
    one.finish(3.0, True, waiting=0)
    assert set(run(one, 0.2, 2 * PATIENCE_UNITS)) <= {Rung.EVERYTHING, Rung.ONE_PICTURE}
    assert one.rung is Rung.EVERYTHING


def test_slow_speech_is_seen_among_fast_listening():
    one = ladder()
    for _ in range(6):
        one.finish(0.05, False, waiting=0)
        one.finish(0.95, True, waiting=0)
    assert one.rung > Rung.EVERYTHING


def test_relapses_double_the_patience_up_to_a_limit():
    one, waits = ladder(vision=True, model_speech=False), []
    for _ in range(7):
        run(one, 0.92, 2)
        assert one.rung is Rung.ONE_PICTURE
        waits.append(0)
        while one.rung is Rung.ONE_PICTURE:
            one.finish(0.3, True, waiting=0)
            waits[-1] += 1
    assert waits == [10, 20, 40, 80, MOST_PATIENCE_UNITS, *[MOST_PATIENCE_UNITS] * 2]


def test_patience_is_forgiven_after_a_long_good_time():
    one = ladder()
    for _ in range(2):
        run(one, 0.92, 2)
        run(one, 0.3, 20)
    run(one, 0.3, 4 * PATIENCE_UNITS)
    run(one, 0.92, 10)
    assert one.state.patience[Rung.ONE_PICTURE] == PATIENCE_UNITS


@pytest.mark.parametrize(
    ('vision', 'speech', 'left'),
    [
        (True, True, [0, 1, 2, 3, 4, 5]),
        (True, False, [0, 1, 2, 4]),
        (False, True, [0, 3, 5]),
        (False, False, [0]),
    ],
)
def test_rungs_without_effect_are_not_used(vision, speech, left):
    one = ladder(vision, speech)
    assert list(one.rungs) == left
    run(one, 2.0, 30)
    assert one.rung == left[-1]


@pytest.mark.parametrize(
    ('waiting', 'rung'),
    [(0, 0), (1, Rung.ONE_PICTURE), (2, Rung.NO_PICTURE), (9, Rung.NO_PICTURE)],
)
def test_waiting_units_demand_their_rung_at_once_and_only_while_they_wait(waiting, rung):
    one = ladder()
    assert one.shedding(waiting).rung == rung == demanded_by_waiting(waiting, one.rungs)
    assert one.shedding(0).rung is Rung.EVERYTHING
    assert bool(one.shedding(waiting).reason) == bool(waiting)


@pytest.mark.parametrize(
    ('rung', 'pictures', 'side', 'slices', 'stride', 'silent'),
    [
        (Rung.EVERYTHING, None, None, None, 1, False),
        (Rung.ONE_PICTURE, 1, None, None, 1, False),
        (Rung.SMALL_PICTURE, 1, 224, 1, 1, False),
        (Rung.HALF_FLOW_STEPS, 1, 224, 1, 2, False),
        (Rung.NO_PICTURE, 0, 224, 1, 2, False),
        (Rung.TEXT_ONLY, 0, 224, 1, 2, True),
    ],
)
def test_each_rung_includes_those_before_it(rung, pictures, side, slices, stride, silent):
    one = ladder()
    one.state.position = one.rungs.index(rung)
    shed = one.shedding(0)
    assert (shed.pictures, shed.longest_side, shed.max_slices) == (pictures, side, slices)
    assert (shed.flow_stride, shed.text_only) == (stride, silent)


def test_units_relieved_because_others_wait_do_not_prove_that_all_is_well():
    one = ladder()
    one.finish(0.85, True, waiting=2)
    one.finish(0.1, True, waiting=2, used=Rung.NO_PICTURE)
    assert one.load == pytest.approx(0.85)
    one.finish(1.25, True, waiting=2, used=Rung.NO_PICTURE)
    assert one.rung is Rung.ONE_PICTURE, 'slow even so: that is proof enough'
    one.reset()
    one.finish(0.85, True, waiting=0)
    one.finish(0.1, True, waiting=0, used=Rung.EVERYTHING)
    assert one.load < 0.85


def test_reset_forgets_everything():
    one = ladder()
    run(one, 2.0, 9)
    one.reset()
    assert one.rung is Rung.EVERYTHING and one.load == 0.0 and not one.state.patience


def test_messages_use_the_same_numbers():
    report = pytest.importorskip('minicpmo_ros.msg').UnitReport
    named = (
        *('SHED_NOTHING', 'SHED_PICTURES', 'SHED_PICTURE_SIZE', 'SHED_FLOW_STEPS'),
        *('SHED_ALL_PICTURES', 'SHED_SPEECH'),
    )
    assert [getattr(report, name) for name in named] == list(Rung)
