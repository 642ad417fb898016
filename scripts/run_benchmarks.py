# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run all benchmarks one after the other; those that can keep their results do so."""

import argparse
from pathlib import Path
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'benchmarks'


def names() -> list[str]:
    """Return the benchmarks: the modules that can be run."""
    paths = sorted(FOLDER.glob('*.py'))
    return [path.stem for path in paths if "__name__ == '__main__'" in path.read_text()]


def run(name: str) -> int:
    """Run one benchmark and return its exit code."""
    print(f'== {name}', flush=True)
    command = [sys.executable, '-m', f'benchmarks.{name}']
    if '--record' in (FOLDER / f'{name}.py').read_text():
        command.append('--record')  # writes benchmarks/results
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """Run the benchmarks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('name', nargs='*', help=f'one of: {", ".join(names())}')
    wanted = parser.parse_args().name or names()
    failed = [name for name in wanted if run(name) != 0]
    print(f'failed: {", ".join(failed)}' if failed else 'all benchmarks ran')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
