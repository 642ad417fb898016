# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from minicpmo_ros.watch.restatement import Restatement
from minicpmo_ros.watch.watch import Watch
from training.nano.watch import CANCELLED, WATCHES
from training.nano.watch_note import note, open_watches


def test_the_open_watches_are_read_from_what_was_said():
    pot, door = WATCHES['pot_boils'], WATCHES['door_opens']
    said = f'Hello. {door.confirmation} {pot.confirmation}'
    assert open_watches(said) == ('door_opens', 'pot_boils')
    assert open_watches(said + door.reminder) == ('pot_boils',)
    assert open_watches(said + CANCELLED) == ()
    assert open_watches(said + door.reminder + door.confirmation) == ('pot_boils', 'door_opens')
    assert open_watches('') == ()


def test_a_note_is_what_the_events_node_would_write():
    texts = {name: watch.event for name, watch in WATCHES.items()}
    restatement = Restatement()
    both = [Watch('a', texts['pot_boils']), Watch('b', texts['lamp_off'])]
    assert restatement.next_note(both, 0.0) == note(('pot_boils', 'lamp_off'), ())
    gone = restatement.next_note(both[1:], 1.0)
    assert gone == 'No longer: ' + WATCHES['pot_boils'].confirmation
    assert note(('lamp_off',), ('pot_boils', 'lamp_off')).startswith(gone)
