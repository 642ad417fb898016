# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Interfaces that no skill may reach, whatever the file says.

Velocity, joint, controller and motor interfaces move a robot without the checks of a planner;
parameter and lifecycle interfaces change the robot itself; the package's own control interfaces
would let the assistant confirm or allow its own actions.
"""

from __future__ import annotations

import re
from typing import Optional

from minicpmo_ros.actions.skill import TargetKind

_TYPE = re.compile(r'[a-z][a-z0-9_]*/(msg|srv|action)/[A-Z][A-Za-z0-9]*')
_NAME = re.compile(r'(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*')
_KIND_OF_TYPE = {
    'msg': TargetKind.TOPIC,
    'srv': TargetKind.SERVICE,
    'action': TargetKind.ACTION,
}
_FORBIDDEN_PACKAGES = frozenset({
    'ackermann_msgs', 'actuator_msgs', 'can_msgs', 'composition_interfaces', 'control_msgs',
    'controller_manager_msgs', 'dynamixel_sdk_custom_interfaces', 'dynamixel_workbench_msgs',
    'gazebo_msgs', 'lifecycle_msgs', 'mavros_msgs', 'micro_ros_msgs', 'minicpmo_ros',
    'moveit_msgs', 'px4_msgs', 'rcl_interfaces', 'ros2_control_msgs', 'ros_gz_interfaces',
    'rosbag2_interfaces', 'trajectory_msgs', 'type_description_interfaces',
})  # fmt: skip
_FORBIDDEN_TYPES = frozenset({
    'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped',
    'geometry_msgs/msg/TwistWithCovariance', 'geometry_msgs/msg/TwistWithCovarianceStamped',
    'geometry_msgs/msg/Wrench', 'geometry_msgs/msg/WrenchStamped',
    'geometry_msgs/msg/Accel', 'geometry_msgs/msg/AccelStamped',
    'nav2_msgs/srv/ManageLifecycleNodes',
    'sensor_msgs/msg/JointState', 'sensor_msgs/msg/MultiDOFJointState', 'sensor_msgs/msg/Joy',
    'std_msgs/msg/Float64MultiArray', 'std_msgs/msg/Float32MultiArray',
})  # fmt: skip
_FORBIDDEN_WORDS = (
    'ackermann', 'action_request', 'action_status', 'actuator', 'actuators', 'arm_disarm',
    'brake', 'brakes', 'cmd', 'cmdvel', 'confirm_action', 'controller', 'controllers', 'e_stop',
    'effort', 'emergency_stop', 'enable_actions', 'estop', 'gpio', 'interruption', 'joint',
    'joints', 'joy', 'joystick', 'motor', 'motors', 'parameter_events', 'pwm', 'servo', 'servos',
    'setpoint', 'teleop', 'throttle', 'thruster', 'thrusters', 'torque', 'trajectory', 'twist',
    'vel', 'velocity', 'wheel', 'wheels',
)  # fmt: skip
_FORBIDDEN_NAME = re.compile(r'(?:^|[/_])(?:' + '|'.join(_FORBIDDEN_WORDS) + r')(?:$|[/_0-9])')
_FORBIDDEN_SUFFIXES = (
    'get_parameters', 'get_parameter_types', 'list_parameters', 'describe_parameters',
    'set_parameters', 'set_parameters_atomically', 'change_state', 'get_state',
    'get_available_states', 'get_available_transitions', 'get_transition_graph',
    'load_node', 'unload_node', 'rosout', 'clock', 'tf', 'tf_static', 'robot_description',
)  # fmt: skip


def refuse_type(kind: TargetKind, type_name: str) -> Optional[str]:
    """Return why the interface type is refused, None when it is allowed."""
    if not _TYPE.fullmatch(type_name):
        return f'type {type_name!r} is not of the form package/msg|srv|action/Name'
    package, interface, _ = type_name.split('/')
    if _KIND_OF_TYPE[interface] is not kind:
        return f'type {type_name!r} is not the type of a {kind.value}'
    if package in _FORBIDDEN_PACKAGES or type_name in _FORBIDDEN_TYPES:
        return f'type {type_name!r} can move, configure or unlock the robot directly'
    return None


def refuse_name(name: str) -> Optional[str]:
    """Return why the target name, as written or as resolved, is refused, None when allowed."""
    if not _NAME.fullmatch(name):
        return f'name {name!r} is not a ROS name'
    lowered = _snake_case(name)
    last = lowered.rsplit('/', 1)[-1]
    if _FORBIDDEN_NAME.search(lowered) or last in _FORBIDDEN_SUFFIXES:
        return f'name {name!r} can move, configure or unlock the robot directly'
    if '_action/' in lowered:
        return f'name {name!r} is an internal interface of an action'
    return None


def _snake_case(name: str) -> str:
    """Return the name in lower case with CamelCase words split, so that CmdVel is cmd_vel."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()
