# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start a set of nodes without the ``launch`` package: one process per node.

Arguments are written as for ``ros2 launch``: ``name:=value``. The output of each node is prefixed
with its name. The first node that ends by itself ends the set, with its reason. ``--show-args``
lists the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import ctypes
from functools import partial
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Optional

from minicpmo_ros.errors import AssistantError, ParameterError
from minicpmo_ros.installation import share_folder
from minicpmo_ros.node_environment import node_variables
from minicpmo_ros.node_table import NODE_SETS, NodeEntry, NodeSet

# How long nodes may take to end before they are killed [s].
END_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


class NodeProcess:
    """A running node whose output is passed on line by line."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        write: Callable[[str], None],
    ) -> None:
        self.name = name
        self.last_line = ''
        self._write = write
        # A session of its own: Ctrl-C reaches the nodes once, through us.
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            bufsize=1,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def exit_code(self) -> Optional[int]:
        """Return the exit code, None while the node runs."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the node if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def join(self, timeout: float) -> bool:
        """Wait for the end; return whether it came within ``timeout`` [s]."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._reader.join(1.0)
        return True

    def _pass_on(self) -> None:
        for line in self._process.stdout:
            self.last_line = line.rstrip() or self.last_line
            self._write(line)


class Bringup:
    """A running node set; use as a context manager, its end ends all nodes.

    :param write: takes every line of output, with its line end; default: print.
    """

    def __init__(
        self,
        node_set: NodeSet,
        given: dict[str, str],
        write: Optional[Callable[[str], None]] = None,
    ) -> None:
        self._arguments = node_set.complete(given)
        self._set = node_set
        self._write = write or partial(print, end='', flush=True)
        self.processes: list[NodeProcess] = []

    def __enter__(self) -> Bringup:
        share = share_folder()
        environment = {**os.environ, **node_variables(os.environ, share)}
        environment['PYTHONUNBUFFERED'] = '1'
        wanted = [entry for entry in self._set.nodes if entry.is_wanted(self._arguments)]
        width = max(len(entry.executable) for entry in wanted)
        default_file = str(share / 'config' / f'{self._set.name}.yaml')
        for entry in wanted:
            command = self._command(entry, default_file)
            write = partial(self._write_line, f'[{entry.executable}]'.ljust(width + 3))
            self.processes.append(NodeProcess(entry.executable, command, environment, write))
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    def ended(self) -> Optional[NodeProcess]:
        """Return the first node that has ended, None while all run."""
        return next((p for p in self.processes if p.exit_code is not None), None)

    def wait(self, until: Callable[[], bool] = lambda: False) -> Optional[NodeProcess]:
        """Return the node that ended, or None as soon as ``until()`` is true."""
        while not until():
            ended = self.ended()
            if ended is not None:
                ended.join(1.0)
                return ended
            time.sleep(0.1)
        return None

    def stop(self) -> None:
        """End all nodes: politely first, by force after END_SECONDS."""
        for process in self.processes:
            process.send(signal.SIGINT)
        deadline = time.monotonic() + END_SECONDS
        for process in self.processes:
            if not process.join(max(0.1, deadline - time.monotonic())):
                print(f'{process.name} did not end in time and is killed', flush=True)
                process.send(signal.SIGKILL)
                process.join(1.0)

    def _write_line(self, prefix: str, line: str) -> None:
        self._write(prefix + line)

    def _command(self, entry: NodeEntry, default_file: str) -> list[str]:
        options = self._set.ros_arguments(entry, self._arguments, default_file)
        return [sys.executable, '-m', entry.module, *options]


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the bring-up dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """Return ``name:=value`` words as a mapping.

    :raises ParameterError: for a word of another form.
    """
    result = {}
    for word in words:
        name, separator, value = word.partition(':=')
        if not separator:
            raise ParameterError(f'{word!r} is not of the form name:=value')
        result[name] = value
    return result


def manual(node_set: NodeSet) -> str:
    """Return the arguments of a node set as text for people."""
    lines = [node_set.description, '', 'Arguments (name:=value):', '']
    for argument in node_set.arguments:
        choices = f' One of: {", ".join(map(repr, argument.choices))}.' if argument.choices else ''
        lines.append(f"    '{argument.name}':")
        lines.append(f'        {argument.description}.{choices}')
        lines.append(f'        (default: {argument.default!r})')
    return '\n'.join(lines)


def run(node_set: NodeSet, given: dict[str, str]) -> int:
    """Run a node set until Ctrl-C, SIGTERM or the end of a node; return an exit code."""
    with Bringup(node_set, given) as bringup:
        try:
            ended = bringup.wait()
        except KeyboardInterrupt:
            return 0
    if ended is None or ended.exit_code == 0:
        return 0
    print(f'{ended.name} ended with code {ended.exit_code}: {ended.last_line}', file=sys.stderr)
    return 1


def main(words: Optional[list[str]] = None) -> int:
    """Run the set named by the first word (assistant when there is none)."""
    words = list(sys.argv[1:] if words is None else words)
    name = words.pop(0) if words and words[0] in NODE_SETS else 'assistant'
    if {'-h', '--help', '-s', '--show-args'} & set(words):
        print(manual(NODE_SETS[name]))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return run(NODE_SETS[name], parse_arguments(words))
    except AssistantError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
