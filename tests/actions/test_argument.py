# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import pytest

from minicpmo_ros.actions.argument import validate_argument, validate_arguments
from minicpmo_ros.actions.skill import ArgumentSchema, ArgumentType
from minicpmo_ros.errors import ArgumentError

PLACE = ArgumentSchema('place', ArgumentType.STRING, choices={'kitchen': {}, 'hall': {}})
REASON = ArgumentSchema('reason', ArgumentType.STRING, max_length=10)
SPEED = ArgumentSchema('speed', ArgumentType.NUMBER, minimum=0.0, maximum=1.0, default=0.5)
COUNT = ArgumentSchema('count', ArgumentType.INTEGER, minimum=1, maximum=5)
STATE = ArgumentSchema('state', ArgumentType.BOOLEAN)


def test_values_get_the_type_of_their_schema():
    schemas = {schema.name: schema for schema in (PLACE, SPEED, COUNT, STATE)}
    raw = {'place': ' The Kitchen', 'count': '3', 'state': 'Off'}
    assert validate_arguments(schemas, raw) == {
        'place': 'kitchen', 'speed': 0.5, 'count': 3, 'state': False
    }  # fmt: skip


@pytest.mark.parametrize(
    ('schema', 'value', 'code'),
    [
        (PLACE, 'garage', 'not_allowed'),
        (PLACE, 'kitchen; reboot', 'not_allowed'),
        (PLACE, 'k\u0456tchen', 'not_allowed'),
        (PLACE, ['kitchen'], 'wrong_type'),
        (PLACE, None, 'wrong_type'),
        (REASON, '', 'wrong_length'),
        (REASON, 'x' * 11, 'wrong_length'),
        (REASON, 'a\x00b', 'not_printable'),
        (REASON, 'a\u202eb', 'not_printable'),
        (SPEED, 1.01, 'out_of_range'),
        (SPEED, float('nan'), 'out_of_range'),
        (SPEED, 'inf', 'out_of_range'),
        (SPEED, '1e999', 'out_of_range'),
        (SPEED, 10**400, 'wrong_type'),
        (SPEED, '0x1', 'wrong_type'),
        (SPEED, '1_0', 'wrong_type'),
        (SPEED, '\u0661', 'wrong_type'),
        (SPEED, True, 'wrong_type'),
        (SPEED, {}, 'wrong_type'),
        (COUNT, 1.5, 'wrong_type'),
        (COUNT, 6, 'out_of_range'),
        (STATE, 1, 'wrong_type'),
        (STATE, 'maybe', 'wrong_type'),
    ],
)
def test_everything_else_is_refused_with_a_code(schema, value, code):
    with pytest.raises(ArgumentError) as caught:
        validate_argument(schema, value)
    assert caught.value.code == code


def test_unknown_and_missing_arguments():
    with pytest.raises(ArgumentError) as caught:
        validate_arguments({'place': PLACE}, {'place': 'hall', 'speed': 9})
    assert caught.value.code == 'unknown_argument'
    with pytest.raises(ArgumentError) as caught:
        validate_arguments({'place': PLACE}, {})
    assert caught.value.code == 'missing_argument'


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()))
def test_no_value_whatever_gets_past_its_schema(value):
    for schema in (PLACE, REASON, SPEED, COUNT, STATE):
        try:
            result = validate_argument(schema, value)
        except ArgumentError:
            continue
        if schema is PLACE:
            assert result in schema.choices
        elif schema is REASON:
            assert 1 <= len(result) <= 10 and result.isprintable()
        elif schema is STATE:
            assert isinstance(result, bool)
        else:
            assert schema.minimum <= result <= schema.maximum
