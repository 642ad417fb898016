# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From messages of cameras and microphones to units of one second, without ROS."""
