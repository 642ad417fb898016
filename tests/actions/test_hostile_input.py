# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import yaml

from minicpmo_ros.actions.action_manager import ActionManager, SendCommand, StatusCommand
from minicpmo_ros.actions.gate import RobotState
from minicpmo_ros.actions.phrase_pattern import sentences
from minicpmo_ros.actions.skill_file import parse_skills
from minicpmo_ros.actions.trigger import SentenceBuffer, TriggerTable
from minicpmo_ros.errors import LocatedError

INPUTS = yaml.safe_load((Path(__file__).parent / 'hostile_inputs.yaml').read_text())
SKILLS = parse_skills("""
skills:
  go_to:
    description: Drive to a named place.
    target: {kind: action, name: move_to, type: minicpmo_test_interfaces/action/MoveTo}
    arguments: {place: {type: string, choices: [kitchen, hall]}}
    phrases: ["(I'm|I am) going to the {place}"]
    user_phrases: ["[please] go to the {place}"]
    confirm: never
  dock:
    description: Return to the charging station.
    target: {kind: service, name: dock, type: std_srvs/srv/Trigger}
    confirm: never
  wave:
    description: Wave.
    target: {kind: service, name: wave, type: std_srvs/srv/Trigger}
    phrases: ["I'm waving"]
    confirm: never
  call_caregiver:
    description: Call the caregiver.
    target: {kind: topic, name: caregiver_call, type: std_msgs/msg/String}
    phrases: ["(I'm|I am) calling the caregiver"]
    confirm: never
  lamp:
    description: Switch the lamp.
    target: {kind: service, name: lamp, type: std_srvs/srv/SetBool, message: {data: $state}}
    arguments: {state: {type: boolean}}
    phrases: ["I'm turning {state} the lamp"]
    confirm: never
  volume:
    description: Set the volume.
    target: {kind: topic, name: volume, type: std_msgs/msg/Float32, message: {data: $percent}}
    arguments: {percent: {type: number, minimum: 0, maximum: 100}}
    confirm: never
  say:
    description: Show a text.
    target: {kind: topic, name: display, type: std_msgs/msg/String, message: {data: $text}}
    arguments: {text: {type: string, max_length: 40}}
    confirm: never
  asleep:
    description: Switched off.
    target: {kind: service, name: asleep, type: std_srvs/srv/Trigger}
    enabled: false
  untagged:
    description: Not for tags.
    target: {kind: service, name: untagged, type: std_srvs/srv/Trigger}
    tags: false
  private:
    description: Not for other programs.
    target: {kind: service, name: private, type: std_srvs/srv/Trigger}
    requests: false
""")
READY = RobotState(enabled=True, assistant_active=True, assistant_seen=0.0, emergency_stop=False)


def outcomes(entry: dict) -> list[str]:
    """Return what becomes of every proposal an input leads to."""
    table = TriggerTable(SKILLS)
    proposals = []
    for sentence in SentenceBuffer().feed(1, entry.get('text', ''), last=True):
        proposals += table.from_text(sentence, 1, 1)
    for sentence in sentences(entry.get('user', '')):
        proposals += table.from_user(sentence, 1, 1)
    if 'tag' in entry:
        proposals += table.from_tag(entry['tag'], 1, 1)
    if 'request' in entry:
        proposals.append(table.from_request(*entry['request'], request_id='x'))
    return [_outcome(proposal) for proposal in proposals]


def _outcome(proposal) -> str:
    commands = ActionManager(SKILLS).propose(proposal, READY, 0.0)
    for command in commands:
        if isinstance(command, SendCommand):
            return f'sent {command.request.skill.name}'
    return next(command.code for command in commands if isinstance(command, StatusCommand))


@pytest.mark.parametrize('entry', INPUTS, ids=lambda entry: ascii(entry)[:60])
def test_hostile_input_ends_with_its_code(entry):
    if 'file' in entry:
        with pytest.raises(LocatedError, match='line'):
            parse_skills(entry['file'])
    else:
        assert outcomes(entry) == ([] if entry['code'] == 'none' else [entry['code']])


def test_the_list_is_long_enough():
    assert len(INPUTS) >= 60


def test_an_argument_never_changes_the_shape_of_a_message():
    from minicpmo_ros.actions.message_template import fill_template

    skill = SKILLS['say']
    filled = fill_template(skill.target.message, {'text': '$now'}, skill.arguments, now='time')
    assert filled == {'data': '$now'}
