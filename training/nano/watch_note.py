# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The lines by which the program states open watches again in the model's context.

A product whose model answers yes-or-no questions also gets these notes
(``minicpmo_ros.watch.restatement``), so the model has to know them.
"""

from __future__ import annotations

from training.nano.watch import CANCELLED, FALL_ALERT, WATCHES, Memory


def open_watches(said: str) -> tuple[str, ...]:
    """Return the names of the watches that what has been said leaves open, oldest first."""
    cancelled = said.rfind(CANCELLED)
    begun = {name: said.rfind(watch.confirmation) for name, watch in WATCHES.items()}
    names = [
        name
        for name, place in begun.items()
        if place > max(cancelled, said.rfind(WATCHES[name].reminder))
    ]
    return tuple(sorted(names, key=lambda name: begun[name]))


def memory_of(said: str) -> Memory:
    """Return what is agreed after all that has been said."""
    reminders = (FALL_ALERT, *(watch.reminder for watch in WATCHES.values()))
    last = max(reminders, key=said.rfind)
    return Memory(open_watches(said), last if last in said else '')


def note(open_now: tuple[str, ...], stated: tuple[str, ...]) -> str:
    """Return the line that states the open watches and takes back those that are over."""
    over = [f'No longer: {WATCHES[name].confirmation}' for name in stated if name not in open_now]
    return ' '.join([*over, *(WATCHES[name].confirmation for name in open_now)])
