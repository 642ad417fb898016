# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run the assistant on a recording, show it live, and leave a timeline to look at."""
