# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run all benchmarks one after the other and keep what they print in benchmarks/results."""

import argparse
from datetime import datetime, timezone
import os
from pathlib import Path
import platform
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'benchmarks'


def names() -> list[str]:
    """Return the benchmarks: the modules that can be run."""
    paths = sorted(FOLDER.glob('*.py'))
    return [path.stem for path in paths if "__name__ == '__main__'" in path.read_text()]


def machine() -> str:
    """Return date, processor, number of cores and load in one line."""
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    model = next((line.split(':')[1].strip() for line in lines if 'model name' in line), '?')
    date = datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f'{date}; {model}, {os.cpu_count()} cores, load {load:.1f}; Python {python}'


def run(name: str) -> int:
    """Run one benchmark, show and keep its output, return its exit code."""
    command = [sys.executable, '-m', f'benchmarks.{name}']
    print(f'== {name}', flush=True)
    header = f'# {machine()}\n# python -m benchmarks.{name}\n\n'
    result = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    print(result.stdout, flush=True)
    (FOLDER / 'results').mkdir(exist_ok=True)
    (FOLDER / 'results' / f'{name}.txt').write_text(header + result.stdout)
    return result.returncode


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
