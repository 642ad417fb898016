# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run one node as a process: start, spin, and end cleanly on Ctrl-C or SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
import os
import signal
import sys
import threading
import traceback
from typing import Optional

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from minicpmo_ros.errors import AssistantError

# How long one wait of the executor may delay the reaction to a signal [s].
WAIT_SECONDS = 0.25
# A node whose device hangs is ended by force so that a restart finds nothing left over [s].
SHUTDOWN_SECONDS = 2.0


def run_node(factory: Callable[[], Node], args: Optional[list[str]] = None) -> int:
    """Run the node made by ``factory`` until it is told to stop and return an exit code.

    1 when the node cannot start or a callback fails unexpectedly. After Ctrl-C or SIGTERM the
    process ends here with code 0: taking down an interpreter that holds torch can last longer
    than all the rest. The signal handlers of rclpy are not used: they invalidate the context
    before the node can say goodbye on its topics.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node: Optional[Node] = None
    code = 0
    stopped = False
    try:
        node = factory()
        _spin(node)
    except KeyboardInterrupt:
        stopped = True
    except AssistantError as error:
        name = node.get_name() if node is not None else factory.__name__
        print(f'{name}: {error}', file=sys.stderr, flush=True)
        code = 1
    except Exception:  # the one handler of this thread: say all and end
        traceback.print_exc()
        code = 1
    if node is not None:
        node.destroy_node()
    rclpy.try_shutdown()
    if stopped:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return code


def _spin(node: Node) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while rclpy.ok():
            executor.spin_once(timeout_sec=WAIT_SECONDS)
    except ExternalShutdownException:
        pass
    finally:
        executor.remove_node(node)
        executor.shutdown()


def _on_signal(number: int, frame: object) -> None:
    for same in (signal.SIGINT, signal.SIGTERM):
        signal.signal(same, signal.SIG_IGN)  # once is enough; cleaning up must not be cut short
    deadline = threading.Timer(SHUTDOWN_SECONDS - WAIT_SECONDS, _end_by_force)
    deadline.daemon = True
    deadline.start()
    raise KeyboardInterrupt


def _end_by_force() -> None:
    print('the node did not end in time and is ended by force', file=sys.stderr, flush=True)
    os._exit(0)
