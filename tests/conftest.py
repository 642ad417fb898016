# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

from collections.abc import Iterator
import os

import pytest


@pytest.fixture(scope='session')
def ros_domain() -> Iterator[int]:
    """Yield a DDS domain of this test process alone; nothing leaves this machine."""
    domain = 1 + os.getpid() % 100
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    yield domain


@pytest.fixture
def ros(ros_domain: int) -> Iterator[None]:
    """Initialise rclpy for one test."""
    rclpy = pytest.importorskip('rclpy', reason='needs ROS 2: make setup')
    rclpy.init()
    yield
    rclpy.try_shutdown()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs DDS, processes or the whole node set as slow."""
    for item in items:
        if {'node', 'demo'} & set(item.path.parent.parts[-1:]):
            item.add_marker(pytest.mark.slow)
