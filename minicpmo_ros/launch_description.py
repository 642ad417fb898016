# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn a node set of the node table into a launch description."""

from __future__ import annotations

import os

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable, Shutdown
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from minicpmo_ros.installation import share_folder
from minicpmo_ros.node_environment import node_variables
from minicpmo_ros.node_table import PACKAGE, LaunchArgument, NodeSet


def describe(node_set: NodeSet) -> LaunchDescription:
    """Return the arguments and nodes of ``node_set``; the first crash ends the set."""
    share = share_folder()
    variables = node_variables(os.environ, share)
    default_file = str(share / 'config' / f'{node_set.name}.yaml')

    def start_nodes(context: LaunchContext) -> list[Node]:
        values = dict(context.launch_configurations)
        given = {a.name: values[a.name] for a in node_set.arguments}
        arguments = node_set.complete(given)
        return [
            Node(
                package=PACKAGE,
                executable=entry.executable,
                arguments=node_set.ros_arguments(entry, arguments, default_file),
                output='screen',
                emulate_tty=True,
                on_exit=Shutdown(reason=f'{entry.executable} ended'),
            )
            for entry in node_set.nodes
            if entry.is_wanted(arguments)
        ]

    return LaunchDescription(
        [SetEnvironmentVariable(name, value) for name, value in variables.items()]
        + [_declare(argument) for argument in node_set.arguments]
        # The same function makes the command lines of the bring-up without launch.
        + [OpaqueFunction(function=start_nodes)]
    )


def _declare(argument: LaunchArgument) -> DeclareLaunchArgument:
    options = {'choices': list(argument.choices)} if argument.choices else {}
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description,
        **options,
    )
