# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A room with a robot and a person in it, simulated to the sample."""
