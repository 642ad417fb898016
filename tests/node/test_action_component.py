# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The action hooks against real topics, services and action servers over DDS."""

from collections.abc import Iterator
import json
import time

from geometry_msgs.msg import PointStamped
from minicpmo_test_interfaces.action import MoveTo
import pytest
import rclpy
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import String, UInt8
from std_srvs.srv import SetBool, Trigger

from minicpmo_ros.actions.action_component import ActionComponent
from minicpmo_ros.barge_in.emergency_stop import EmergencyStop
from minicpmo_ros.errors import LocatedError
from minicpmo_ros.msg import (
    ActionRequest,
    ActionStatus,
    ContextNote,
    DuplexState,
    Interruption,
    ProactiveEvent,
    TextDelta,
)
from minicpmo_ros.qos import EVENT, STATE, STREAM

SKILLS = """
skills:
  go_to:
    description: Drive to a named place.
    target:
      kind: action
      name: move_to
      type: minicpmo_test_interfaces/action/MoveTo
      message:
        pose:
          header: {frame_id: map, stamp: $now}
          pose: {position: {x: $place.x, y: $place.y}}
    arguments:
      place:
        type: string
        choices: {kitchen: {x: 3.0, y: 1.5}, hall: {x: 0.5, y: -2}}
    phrases: ["(I'm|I am) going to the {place}"]
    confirm: never
    cooldown: 0.0
    timeout: 3.0
  dock:
    description: Return to the charging station.
    target: {kind: service, name: dock, type: std_srvs/srv/Trigger}
    confirm: never
    cooldown: 0.0
  wave:
    description: Wave.
    target: {kind: service, name: wave, type: std_srvs/srv/Trigger}
    phrases: ["(I'm|I am) waving"]
    confirm: never
    cooldown: 0.0
    timeout: 0.5
  look_at:
    description: Look at a point.
    target:
      kind: topic
      name: look_at
      type: geometry_msgs/msg/PointStamped
      message: {header: {frame_id: base_link, stamp: $now}, point: {x: $x, y: 0, z: 1.2}}
    arguments: {x: {type: number, minimum: 0.2, maximum: 10.0}}
    confirm: never
    cooldown: 0.0
  call_caregiver:
    description: Call the caregiver.
    target: {kind: topic, name: caregiver_call, type: std_msgs/msg/String, message: {data: Come!}}
    events: [{kind: fall, min_severity: critical}]
    confirm: never
    cooldown: 0.0
  lamp:
    description: Switch the lamp.
    target: {kind: service, name: lamp, type: std_srvs/srv/SetBool, message: {data: $state}}
    arguments: {state: {type: boolean}}
    confirm: always
    question: Shall I switch the lamp?
    cooldown: 0.0
  count:
    description: Count.
    target: {kind: topic, name: count, type: std_msgs/msg/UInt8, message: {data: $count}}
    arguments: {count: {type: integer, minimum: 0, maximum: 1000}}
    confirm: never
    cooldown: 0.0
  remapped:
    description: Harmless by name only.
    target: {kind: topic, name: greeting, type: std_msgs/msg/String, message: {data: hi}}
    confirm: never
  missing:
    description: Its package is not installed.
    target: {kind: service, name: other, type: nowhere_msgs/srv/Nothing}
    confirm: never
  misfit:
    description: Its message does not fit.
    target: {kind: topic, name: misfit, type: std_msgs/msg/String, message: {datum: hi}}
    confirm: never
"""


class Robot:
    """Servers, a bridge and an operator in one executor."""

    def __init__(self, folder) -> None:
        self.executor = SingleThreadedExecutor()
        self.node = rclpy.create_node('robot')
        self.audit = folder / 'actions.jsonl'
        skills = folder / 'skills.yaml'
        skills.write_text(SKILLS)
        self.bridge = rclpy.create_node(
            'bridge',
            cli_args=['--ros-args', '-r', 'greeting:=/base/cmd_vel'],
            parameter_overrides=[
                Parameter('skills_file', value=str(skills)),
                Parameter('actions_enabled', value=True),
                Parameter('audit_file', value=str(self.audit)),
                Parameter('max_actions_per_minute', value=120),
            ],
        )
        self.emergency = EmergencyStop()
        self.component = ActionComponent(self.bridge, self.emergency)
        self._create_servers()
        self._create_operator()
        self.executor.add_node(self.node)
        self.executor.add_node(self.bridge)
        self.turn = 0
        self.publish_state()
        self.until(self._connected)

    def _create_servers(self) -> None:
        self.calls, self.goals, self.cancels = [], [], []
        self.finish_goal, self.accept_goals, self.hang = False, True, False
        node = self.node
        node.create_service(Trigger, 'dock', self._serve('dock'))
        node.create_service(SetBool, 'lamp', self._serve('lamp'))
        node.create_service(Trigger, 'wave', self._serve('wave', success=False))
        node.create_subscription(PointStamped, 'look_at', self.calls.append, 10)
        node.create_subscription(String, 'caregiver_call', self.calls.append, 10)
        node.create_subscription(UInt8, 'count', self.calls.append, 10)
        node.create_subscription(String, '/base/cmd_vel', self.calls.append, 10)
        self.server = ActionServer(
            node,
            MoveTo,
            'move_to',
            execute_callback=self._execute,
            goal_callback=self._goal,
            handle_accepted_callback=self.goals.append,
            cancel_callback=self._cancel,
        )

    def _serve(self, name, success=True):
        def answer(request, response):
            self.calls.append((name, getattr(request, 'data', None)))
            response.success = success
            response.message = '' if success else 'the arm is stuck'
            return response

        return answer

    def _goal(self, goal):
        self.received = goal
        return GoalResponse.ACCEPT if self.accept_goals else GoalResponse.REJECT

    def _cancel(self, handle):
        self.cancels.append(time.monotonic())
        return CancelResponse.ACCEPT

    def _execute(self, handle):
        if handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.succeed()
        return MoveTo.Result()

    def _create_operator(self) -> None:
        node = self.node
        self.statuses, self.requests, self.notes = [], [], []
        node.create_subscription(ActionStatus, 'action_status', self.statuses.append, EVENT)
        node.create_subscription(ActionRequest, 'action_request', self.requests.append, EVENT)
        node.create_subscription(ContextNote, 'context_note', self.notes.append, EVENT)
        self.text = node.create_publisher(TextDelta, 'text_delta', STREAM)
        self.events = node.create_publisher(ProactiveEvent, 'events', EVENT)
        self.interruptions = node.create_publisher(Interruption, 'interruption', EVENT)
        self.state = node.create_publisher(DuplexState, 'duplex_state', STATE)
        self.proposals = node.create_publisher(ActionRequest, 'action_proposal', EVENT)
        self.user_text = node.create_publisher(String, 'user_text', EVENT)
        self.confirm = node.create_client(SetBool, 'bridge/confirm_action')
        self.enable = node.create_client(SetBool, 'bridge/enable_actions')

    def _connected(self) -> bool:
        self.publish_state()
        publishers = (self.text, self.events, self.interruptions, self.state, self.proposals)
        clients = self.component._executor._clients
        return (
            all(publisher.get_subscription_count() for publisher in publishers)
            and self.user_text.get_subscription_count()
            and self.confirm.service_is_ready()
            and all(clients[name]._client.service_is_ready() for name in ('dock', 'lamp', 'wave'))
            and clients['go_to']._client.server_is_ready()
            and clients['look_at']._publisher.get_subscription_count()
            and clients['call_caregiver']._publisher.get_subscription_count()
            and self.bridge.count_subscribers('action_status')
            and self.component._publisher._statuses.get_subscription_count()
            and self.component._state.assistant_active
        )

    def refresh(self) -> None:
        seen = self.component._state.assistant_seen
        self.publish_state()
        self.until(lambda: self.component._state.assistant_seen > seen)

    def publish_state(self) -> None:
        self.state.publish(DuplexState(state=DuplexState.LISTENING, epoch=1))

    def until(self, condition, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, 'nothing happened'
            self.executor.spin_once(timeout_sec=0.01)

    def say(self, text: str, tags: tuple[str, ...] = ()) -> None:
        self.turn += 1
        self.refresh()
        self.text.publish(
            TextDelta(turn_id=self.turn, epoch=1, delta=text, action_tags=list(tags), last=True)
        )

    def outcome(self) -> ActionStatus:
        """Spin until the next final status and return it."""
        self.until(lambda: any(s.state > ActionStatus.RUNNING for s in self.statuses))
        found = next(s for s in self.statuses if s.state > ActionStatus.RUNNING)
        self.statuses.clear()
        return found

    def interrupt(self, reason: int, stage: int = Interruption.CONFIRM, turn_id: int = 0) -> None:
        self.interruptions.publish(
            Interruption(stage=stage, reason=reason, turn_id=turn_id, epoch=0)
        )

    def destroy_server(self) -> None:
        if self.server is not None:
            self.server.destroy()
            self.server = None

    def close(self) -> None:
        self.component.close()
        self.executor.shutdown()
        self.destroy_server()
        self.bridge.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def robot(ros, tmp_path) -> Iterator[Robot]:
    robot = Robot(tmp_path)
    yield robot
    robot.close()


def test_a_spoken_commitment_becomes_a_goal_with_the_chosen_pose(robot):
    robot.say("Okay, I'm going to the kitchen.")
    robot.until(lambda: robot.goals)
    position = robot.received.pose.pose.position
    assert (position.x, position.y) == (3.0, 1.5)
    assert robot.received.pose.header.frame_id == 'map'
    assert robot.received.pose.header.stamp.sec > 0
    robot.goals[0].execute()
    assert robot.outcome().state == ActionStatus.SUCCEEDED
    robot.until(lambda: robot.notes)
    assert robot.notes[-1].text == 'Action go_to is done.'
    [request] = robot.requests
    assert (request.skill, json.loads(request.arguments)) == ('go_to', {'place': 'kitchen'})


@pytest.mark.parametrize(
    'reason', [Interruption.STOP_PHRASE, Interruption.EMERGENCY_STOP, Interruption.REQUEST]
)
def test_a_stop_cancels_a_running_goal(robot, reason):
    robot.say("I'm going to the hall.")
    robot.until(lambda: robot.goals)
    robot.until(lambda: any(s.state == ActionStatus.RUNNING for s in robot.statuses))
    robot.interrupt(reason)
    robot.until(lambda: robot.cancels)
    robot.goals[0].execute()
    status = robot.outcome()
    assert status.state == ActionStatus.CANCELED
    assert status.code in ('stop_phrase', 'emergency_stop', 'stop_request')


def test_talking_over_the_commitment_cancels_it_and_a_later_turn_does_not(robot):
    robot.say("I'm going to the hall.")
    robot.until(lambda: robot.goals)
    robot.interrupt(Interruption.USER_SPEECH, turn_id=99)
    robot.interrupt(Interruption.USER_SPEECH, Interruption.PAUSE, turn_id=robot.turn)
    robot.say('Yes?')
    for _ in range(20):
        robot.executor.spin_once(timeout_sec=0.01)
    assert not robot.cancels
    robot.interrupt(Interruption.USER_SPEECH, turn_id=1)
    robot.until(lambda: robot.cancels)


def test_a_goal_accepted_after_the_stop_is_cancelled_too(robot):
    robot.say("I'm going to the hall.")
    robot.until(lambda: robot.component._manager.current is not None)
    robot.component._stop('stop_phrase', 'a person said stop')
    robot.until(lambda: robot.cancels)


def test_a_refused_goal_and_a_hanging_goal_fail(robot):
    robot.accept_goals = False
    robot.say("I'm going to the hall.")
    assert robot.outcome().code == 'goal_refused'
    robot.accept_goals = True
    robot.say("I'm going to the hall.")
    robot.until(lambda: robot.goals)
    assert robot.outcome().code == 'timeout'
    robot.until(lambda: robot.cancels)


def test_services_topics_events_and_tags_reach_their_targets(robot):
    robot.say('I will rest.', ('[do dock]',))
    assert robot.outcome().state == ActionStatus.SUCCEEDED
    robot.say("I'm waving.")
    failed = robot.outcome()
    assert (failed.state, failed.message) == (ActionStatus.FAILED, 'the arm is stuck')
    robot.proposals.publish(ActionRequest(skill='look_at', arguments='{"x": 2}', action_id='a1'))
    assert robot.outcome().action_id == 'a1'
    robot.refresh()
    robot.events.publish(ProactiveEvent(kind='fall', severity=ProactiveEvent.CRITICAL))
    assert robot.outcome().state == ActionStatus.SUCCEEDED
    robot.until(lambda: len(robot.calls) == 4)
    assert robot.calls[0] == ('dock', None) and robot.calls[1] == ('wave', None)
    assert robot.calls[2].point.x == 2.0 and robot.calls[2].point.z == 1.2
    assert robot.calls[3].data == 'Come!'


def test_a_question_is_answered_by_service_by_voice_or_by_silence(robot):
    robot.say('Sure.', ('[do lamp state=true]',))
    robot.until(lambda: robot.notes)
    assert 'Shall I switch the lamp?' in robot.notes[0].text
    robot.confirm.call_async(SetBool.Request(data=True))
    assert robot.outcome().state == ActionStatus.SUCCEEDED
    assert robot.calls == [('lamp', True)]
    robot.say('Sure.', ('[do lamp state=false]',))
    robot.until(lambda: any(s.state == ActionStatus.PENDING for s in robot.statuses))
    robot.user_text.publish(String(data='No, thanks!'))
    assert robot.outcome().code == 'declined'
    assert robot.calls == [('lamp', True)]
    robot.say('Sure.', ('[do lamp state=false]',))
    robot.until(lambda: any(s.state == ActionStatus.PENDING for s in robot.statuses))
    robot.user_text.publish(String(data='Yes, please.'))
    assert robot.outcome().state == ActionStatus.SUCCEEDED
    assert robot.calls == [('lamp', True), ('lamp', False)]


def test_what_cannot_be_trusted_is_refused_with_its_code(robot):
    for skill, code in (
        ('remapped', 'forbidden_target'),
        ('missing', 'type_not_installed'),
        ('misfit', 'wrong_message'),
        ('nothing', 'unknown_skill'),
    ):
        robot.refresh()
        robot.proposals.publish(ActionRequest(skill=skill))
        assert robot.outcome().code == code
    assert robot.calls == []
    assert robot.component.status().level == 1


def test_switched_off_stopped_and_doubled_bridges_refuse(robot):
    robot.emergency.update(True, time.monotonic())
    robot.say('x', ('[do dock]',))
    assert robot.outcome().code == 'emergency_stop'
    robot.emergency.update(False, time.monotonic())
    twin = robot.node.create_publisher(ActionRequest, 'action_request', EVENT)
    robot.until(lambda: robot.component._publisher.other_bridges() == 1)
    robot.say('x', ('[do dock]',))
    assert robot.outcome().code == 'two_bridges'
    robot.node.destroy_publisher(twin)
    robot.until(lambda: robot.component._publisher.other_bridges() == 0)
    answer = robot.enable.call_async(SetBool.Request(data=False))
    robot.until(answer.done)
    robot.say('x', ('[do dock]',))
    assert robot.outcome().code == 'actions_disabled'
    assert robot.calls == []


def test_a_missing_server_is_a_failure_and_everything_is_audited(robot):
    robot.destroy_server()
    robot.until(lambda: not robot.component._executor._clients['go_to']._client.server_is_ready())
    robot.say("I'm going to the hall.")
    assert robot.outcome().code == 'no_server'
    lines = [json.loads(line) for line in robot.audit.read_text().splitlines()]
    assert [line['phase'] for line in lines] == ['sending', 'failed']
    assert lines[0]['rationale'] == "I'm going to the hall."


def test_a_bridge_does_not_start_with_a_broken_allow_list(ros, tmp_path):
    broken = tmp_path / 'skills.yaml'
    broken.write_text('skills: {wave: {}}')
    node = rclpy.create_node(
        'bridge', parameter_overrides=[Parameter('skills_file', value=str(broken))]
    )
    with pytest.raises(LocatedError, match='line 1'):
        ActionComponent(node, EmergencyStop())
    node.destroy_node()


def test_a_server_that_vanishes_with_a_running_goal_is_a_failure(robot):
    robot.say("I'm going to the kitchen.")
    robot.until(lambda: any(s.state == ActionStatus.RUNNING for s in robot.statuses))
    robot.until(lambda: robot.goals)
    robot.destroy_server()
    assert robot.outcome().code in ('server_lost', 'timeout')


def test_a_value_that_does_not_fit_its_field_fails_and_the_next_request_works(robot):
    for count, state in ((300, ActionStatus.FAILED), (3, ActionStatus.SUCCEEDED)):
        robot.refresh()
        request = ActionRequest(skill='count', arguments=json.dumps({'count': count}))
        robot.proposals.publish(request)
        assert robot.outcome().state == state
    robot.until(lambda: robot.calls)
    assert robot.calls[-1].data == 3


@pytest.mark.parametrize('rule', ['rover:=/cmd_vel', 'rover/_action/cancel_goal:=/motor/stop'])
def test_remapped_actions_are_refused(ros, tmp_path, rule):
    skills = tmp_path / 'skills.yaml'
    skills.write_text(SKILLS.replace('name: move_to', 'name: rover'))
    node = rclpy.create_node(
        'bridge',
        cli_args=['--ros-args', '-r', rule],
        parameter_overrides=[
            Parameter('skills_file', value=str(skills)),
            Parameter('audit_file', value=''),
        ],
    )
    component = ActionComponent(node, EmergencyStop())
    assert component._executor.refused['go_to'] == 'forbidden_target'
    component.close()
    node.destroy_node()


def test_a_flood_of_requests_leaves_one_in_flight_and_the_bridge_alive(robot):
    for _ in range(500):
        robot.proposals.publish(ActionRequest(skill='lamp', arguments='{"state": true}'))
        robot.proposals.publish(ActionRequest(skill='x' * 500, arguments='[' * 1900))
        robot.executor.spin_once(timeout_sec=0.0)
    robot.until(lambda: robot.component._manager.current is not None)
    robot.interrupt(Interruption.STOP_PHRASE)
    robot.until(lambda: robot.component._manager.current is None)
    assert robot.calls == []


def test_execution_can_be_left_to_a_behaviour_tree(robot):
    robot.bridge.set_parameters([Parameter('execution', value='external')])
    robot.say("I'm going to the kitchen.")
    status = robot.outcome()
    assert (status.state, status.code) == (ActionStatus.SUCCEEDED, 'delegated')
    [request] = robot.requests
    assert json.loads(request.arguments) == {'place': 'kitchen'}
    assert not robot.goals
