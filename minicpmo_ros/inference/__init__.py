# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the inference node does besides talking to ROS: queue, worker, turns, load shedding."""
