# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from minicpmo_ros.actions.skill_file import load_skill_file, parse_skills
from minicpmo_ros.errors import LocatedError

SKILLS = Path(__file__).parents[2] / 'config' / 'skills.yaml'

GOOD = """\
skills:
  wave:
    description: Wave.
    target: {kind: service, name: wave, type: std_srvs/srv/Trigger}
"""


def entry(**replaced: str) -> str:
    fields = {
        'description': 'Wave.',
        'target': '{kind: service, name: wave, type: std_srvs/srv/Trigger}',
        **replaced,
    }
    lines = [f'    {key}: {value}' for key, value in fields.items() if value is not None]
    return 'skills:\n  wave:\n' + '\n'.join(lines) + '\n'


def test_shipped_file_is_valid_and_entirely_switched_off():
    skills = load_skill_file(SKILLS)
    assert set(skills) == {'go_to', 'dock', 'look_at', 'wave', 'call_caregiver', 'lamp'}
    assert not any(skill.enabled for skill in skills.values())


def test_defaults_are_the_careful_ones():
    skill = parse_skills(GOOD)['wave']
    assert skill.confirm.value == 'always'
    assert skill.cooldown > 0.0 and skill.timeout > 0.0
    assert skill.line == 3


@pytest.mark.parametrize(
    ('text', 'line', 'reason'),
    [
        ('', 1, 'empty'),
        ('[]', 1, 'expected a mapping'),
        ('skills: {', 1, ''),
        ('skillz: {}', 1, "unknown key 'skillz'"),
        ('skills: 3', 1, 'expected a mapping'),
        ('skills:\n  a: &x {b: 1}\n  c: *x\n', 2, 'anchors'),
        ('skills: !!python/object/apply:os.system [echo]', 1, ''),
        (GOOD + GOOD, 5, 'twice'),
        ('skills:\n  Wave: {}\n', 2, 'a name has a-z'),
        (entry(target=None), 3, "'target' is missing"),
        (entry(descriptoin='x'), 5, "unknown key 'descriptoin'"),
        (entry(enabled='maybe'), 5, 'not true or false'),
        (entry(confirm='sometimes'), 5, 'never, always'),
        (entry(cooldown='.nan'), 5, 'not a finite number'),
        (entry(cooldown='-1'), 5, 'not in [0'),
        (entry(timeout='0'), 5, 'must be able to end'),
        (entry(phrases='[""]'), 5, 'expected a text'),
        (entry(phrases='["go to {place}"]'), 5, 'not an argument'),
        (entry(phrases='["(go"]'), 5, 'not closed'),
        (entry(phrases='["go)"]'), 5, 'closes nothing'),
        (entry(phrases='["a|b"]'), 5, 'outside of parentheses'),
        (entry(phrases='["go.*"]'), 5, 'no meaning'),
        (entry(events='[{kind: Fall}]'), 5, 'not an event kind'),
        (entry(events='[{kind: fall, min_severity: huge}]'), 5, 'info, notice'),
        (entry(arguments='{x: {type: number}}'), 5, 'minimum and maximum'),
        (entry(arguments='{x: {type: number, minimum: 2, maximum: 1}}'), 5, 'larger'),
        (entry(arguments='{x: {type: string}}'), 5, 'choices or max_length'),
        (entry(arguments='{x: {type: string, max_length: 0}}'), 5, 'positive'),
        (entry(arguments='{x: {type: string, choices: []}}'), 5, 'no choice'),
        (entry(arguments='{x: {type: string, choices: [a, a]}}'), 5, 'repeated'),
        (entry(arguments='{x: {type: boolean, minimum: 1}}'), 5, 'for numbers'),
        (entry(arguments='{x: {type: list}}'), 5, 'string, integer'),
        (entry(arguments='{now: {type: boolean}}'), 5, 'not usable'),
        (
            entry(arguments='{x: {type: number, minimum: 0, maximum: 1, default: 2}}'),
            5,
            'not in [0',
        ),
        (
            entry(target='{kind: topic, name: t, type: std_msgs/msg/Bool, message: {data: $x}}'),
            4,
            'not an argument',
        ),
    ],
)
def test_every_mistake_is_refused_with_its_line(text, line, reason):
    with pytest.raises(LocatedError) as caught:
        parse_skills(text)
    assert caught.value.line == line, str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ('kind', 'name', 'type_name'),
    [
        ('topic', '/cmd_vel', 'std_msgs/msg/String'),
        ('topic', 'base/cmd_vel_smoothed', 'std_msgs/msg/String'),
        ('topic', 'CmdVel', 'std_msgs/msg/String'),
        ('topic', 'drive', 'geometry_msgs/msg/Twist'),
        ('topic', 'drive', 'geometry_msgs/msg/TwistStamped'),
        ('topic', 'drive', 'ackermann_msgs/msg/AckermannDriveStamped'),
        ('topic', 'arm', 'trajectory_msgs/msg/JointTrajectory'),
        ('topic', 'joint_states', 'std_msgs/msg/String'),
        ('topic', 'left_joint_1', 'std_msgs/msg/String'),
        ('topic', 'wheel_effort', 'std_msgs/msg/Float64'),
        ('topic', 'commands', 'std_msgs/msg/Float64MultiArray'),
        ('topic', 'joy', 'sensor_msgs/msg/Joy'),
        ('topic', '/tf', 'std_msgs/msg/String'),
        ('topic', '/emergency_stop', 'std_msgs/msg/Bool'),
        ('topic', 'interruption', 'std_msgs/msg/String'),
        ('service', '/motors/enable', 'std_srvs/srv/SetBool'),
        ('service', 'enable_motor', 'std_srvs/srv/SetBool'),
        ('service', 'bridge/enable_actions', 'std_srvs/srv/SetBool'),
        ('service', 'bridge/confirm_action', 'std_srvs/srv/SetBool'),
        ('service', 'camera/set_parameters', 'std_srvs/srv/Trigger'),
        ('service', 'node/change_state', 'std_srvs/srv/Trigger'),
        ('service', 'x', 'rcl_interfaces/srv/SetParameters'),
        ('service', 'x', 'lifecycle_msgs/srv/ChangeState'),
        ('service', 'x', 'controller_manager_msgs/srv/SwitchController'),
        ('service', 'dock/_action/cancel_goal', 'std_srvs/srv/Trigger'),
        ('action', 'arm', 'control_msgs/action/FollowJointTrajectory'),
        ('action', 'move', 'moveit_msgs/action/MoveGroup'),
        ('action', 'x', 'std_srvs/srv/Trigger'),
        ('topic', 'x', 'std_msgs/String'),
        ('topic', 'x', 'std_msgs/msg/String; import os'),
        ('topic', 'a b', 'std_msgs/msg/String'),
        ('topic', '../x', 'std_msgs/msg/String'),
        ('topic', 'x//y', 'std_msgs/msg/String'),
    ],
)
def test_direct_control_of_the_robot_is_refused_at_load(kind, name, type_name):
    target = f"{{kind: {kind}, name: '{name}', type: '{type_name}'}}"
    with pytest.raises(LocatedError):
        parse_skills(entry(target=target))


def test_a_yaml_bomb_is_refused_without_being_expanded():
    levels = '\n'.join(f'a{n}: &a{n} [{", ".join([f"*a{n - 1}"] * 9)}]' for n in range(1, 9))
    with pytest.raises(LocatedError, match='anchors'):
        parse_skills('a0: &a0 [lol]\n' + levels)


def test_too_large_too_deep_and_unreadable_files_are_refused(tmp_path):
    with pytest.raises(LocatedError, match='larger'):
        parse_skills('# ' + 'x' * 300_000)
    with pytest.raises(LocatedError, match='deeper'):
        parse_skills('skills: ' + '[' * 40 + ']' * 40)
    with pytest.raises(LocatedError, match='deeper|readable'):
        parse_skills('skills: ' + '[' * 20_000)
    binary = tmp_path / 'skills.yaml'
    binary.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(LocatedError, match='cannot be read'):
        load_skill_file(binary)
    with pytest.raises(LocatedError, match='cannot be read'):
        load_skill_file(tmp_path / 'missing.yaml')
