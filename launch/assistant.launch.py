# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start the talking assistant; ``ros2 launch minicpmo_ros assistant.launch.py --show-args``."""

from launch import LaunchDescription
from minicpmo_ros.launch_description import describe
from minicpmo_ros.node_table import ASSISTANT


def generate_launch_description() -> LaunchDescription:
    """Return the nodes and arguments of the assistant."""
    return describe(ASSISTANT)
