# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trains the network that hears a person beside the robot's own echo."""
