# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variables for the nodes."""

from pathlib import Path

from minicpmo_ros.node_environment import node_variables
from minicpmo_ros.transport import PROFILE_VARIABLES

ROOT = Path(__file__).resolve().parents[2]


def test_nodes_get_the_transport_profile_and_one_thread_for_small_matrices():
    assert node_variables({}, ROOT).keys() == {*PROFILE_VARIABLES, 'OPENBLAS_NUM_THREADS'}


def test_what_the_user_has_set_stays():
    chosen = {'OPENBLAS_NUM_THREADS': '4', PROFILE_VARIABLES[0]: '/my.xml'}
    assert node_variables(chosen, ROOT) == {}
