# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A smaller cache makes a smaller basic window, so that memory can be saved on it."""

import pytest

from minicpmo.errors import ConfigurationError
from minicpmo.session_option import STANDARD_OPTIONS, SessionDefaults, duplex_options
from minicpmo.session_option import merged_options as merged

PLAIN = SessionDefaults('any')


@pytest.mark.parametrize('size', [2048, 3000, 4096, 8192, 9024])
def test_the_window_fits_into_the_cache(size):
    options = duplex_options(merged(PLAIN, {'context_tokens': size}))
    assert options.cache_rows == size
    assert options.window.low / options.window.high == pytest.approx(0.75, abs=1e-3)


def test_a_larger_cache_does_not_widen_the_standard_window():
    options = duplex_options(merged(PLAIN, {'context_tokens': 30000}))
    assert options.window.high == STANDARD_OPTIONS['window_high']


def test_a_window_that_was_named_stays():
    given = {'context_tokens': 4096, 'window_high': 3000, 'window_low': 2000}
    window = duplex_options(merged(PLAIN, given)).window
    assert (window.high, window.low) == (3000, 2000)
    folder = SessionDefaults('any', options={'window_high': 2500, 'window_low': 2000})
    assert duplex_options(merged(folder, {'context_tokens': 4096})).window.high == 2500


def test_other_windows_take_the_cache_as_it_is():
    options = duplex_options(merged(PLAIN, {'context_tokens': 1000, 'window_mode': 'context'}))
    assert options.cache_rows == 1000


def test_a_cache_too_small_for_a_basic_window_is_refused():
    with pytest.raises(ConfigurationError, match='2048 or more'):
        merged(PLAIN, {'context_tokens': 2000})
