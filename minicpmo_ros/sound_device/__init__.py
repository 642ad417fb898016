# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Microphone, loudspeaker and echo canceller as one full-duplex device, without ROS."""
