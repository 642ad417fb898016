# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When the robot stops talking because a person began to: pure logic, no ROS, no devices."""
