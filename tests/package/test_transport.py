# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choice of the Fast DDS profile."""

from pathlib import Path
import xml.etree.ElementTree as ElementTree

import pytest

from minicpmo_ros.transport import PROFILE_VARIABLES, profile_variables

ROOT = Path(__file__).resolve().parents[2]


def test_profile_is_used_by_default():
    chosen = profile_variables({}, ROOT)
    assert set(chosen) == set(PROFILE_VARIABLES)
    assert all(Path(path).is_file() for path in chosen.values())


@pytest.mark.parametrize('name', PROFILE_VARIABLES)
def test_own_profile_of_the_user_wins(name):
    assert profile_variables({name: '/my.xml'}, ROOT) == {}


def test_other_middleware_gets_no_profile():
    assert profile_variables({'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'}, ROOT) == {}


def test_segment_holds_several_frames_of_full_high_definition():
    tree = ElementTree.parse(ROOT / 'config' / 'fastdds.xml')
    spaces = {'d': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}
    size = int(tree.find('.//d:segment_size', spaces).text)
    assert size >= 4 * 1920 * 1080 * 3
