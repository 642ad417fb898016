# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches, reminders and events: what shall be noticed, and what becomes of it."""
