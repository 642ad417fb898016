# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The way to the home system, with a real broker."""

from dataclasses import replace
import getpass
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.watch import mqtt_bridge
from minicpmo_ros.watch.event_record import EventRecord, EventType, Happening
from minicpmo_ros.watch.home_assistant import HomeTopics
from minicpmo_ros.watch.mqtt_bridge import MqttBridge
from minicpmo_ros.watch.parameter_set import MqttParameters
from minicpmo_ros.watch.watch import Severity

MOSQUITTO = shutil.which('mosquitto', path='/usr/sbin:/usr/bin:/usr/local/sbin')
EVENT = EventRecord('e1', Happening('pot', 'the pot boils', 100.0, 101.0, 'pot'), 100.0)
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason='mosquitto is not installed')


def wait(condition, what, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f'waited in vain for {what}'
        time.sleep(0.02)


class Broker:
    """A mosquitto that keeps its state when it is started again, and a reader of everything."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self._file = folder / 'mosquitto.conf'
        self._file.write_text(
            f'listener {self.port} 127.0.0.1\nallow_anonymous true\n'
            f'persistence true\npersistence_location {folder}/\nuser {getpass.getuser()}\n'
        )
        self._process = None
        self.received = []
        self._ready = threading.Event()

    def start(self):
        self._process = subprocess.Popen(
            [MOSQUITTO, '-c', str(self._file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait(self._is_listening, 'the broker')

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10.0)
            self._process = None

    def read(self):
        from paho.mqtt import client as mqtt

        reader = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id='reader', clean_session=False
        )
        reader.reconnect_delay_set(1, 1)
        reader.on_connect = lambda client, *rest: client.subscribe('#', qos=2)
        reader.on_subscribe = lambda *rest: self._ready.set()
        reader.on_message = lambda client, data, message: self.received.append(message)
        reader.connect('127.0.0.1', self.port)
        reader.loop_start()
        assert self._ready.wait(20.0)
        return reader

    def events(self):
        messages = [m for m in list(self.received) if m.topic.endswith('/event')]
        return [json.loads(message.payload) for message in messages]

    def last(self, topic):
        messages = [m for m in list(self.received) if m.topic == topic]
        return messages[-1].payload.decode() if messages else None

    def _is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0


@pytest.fixture
def broker(tmp_path):
    result = Broker(tmp_path)
    yield result
    result.stop()


@pytest.fixture
def make_bridge(broker, monkeypatch):
    # However long the broker takes to start on a busy machine, the next attempt is a second away.
    monkeypatch.setattr(mqtt_bridge, 'RECONNECT_SECONDS', (1, 1))
    bridges = []

    def make(**given):
        parameters = MqttParameters(enabled=True, host='127.0.0.1', port=broker.port, **given)
        bridges.append(MqttBridge(parameters))
        return bridges[-1]

    yield make
    for bridge in bridges:
        bridge.close()


def numbered(number):
    return replace(EVENT, event_id=f'e{number}')


@needs_broker
def test_home_assistant_finds_the_assistant_and_gets_its_events(broker, make_bridge):
    broker.start()
    reader = broker.read()
    bridge = make_bridge()
    wait(lambda: bridge.connected, 'the connection')
    bridge.send(EVENT, EventType.OPENED)
    bridge.send(replace(EVENT, is_open=False), EventType.CLOSED)
    wait(lambda: len(broker.events()) == 2 and bridge.waiting == 0, 'both events')
    config = json.loads(broker.last('homeassistant/event/minicpmo_minicpmo/event/config'))
    assert config['state_topic'] == 'minicpmo/minicpmo/event'
    assert {event['event_type'] for event in broker.events()} <= set(config['event_types'])
    assert broker.events()[0]['text'] == 'the pot boils'
    assert broker.last(config['availability_topic']) == 'online'
    bridge.close()
    wait(lambda: broker.last(config['availability_topic']) == 'offline', 'goodbye')
    reader.loop_stop()


@needs_broker
def test_events_wait_for_the_broker_and_come_exactly_once(broker, make_bridge):
    bridge = make_bridge()  # there is no broker yet
    bridge.send(numbered(0), EventType.OPENED)
    broker.start()
    reader = broker.read()
    wait(lambda: len(broker.events()) == 1, 'the event from before')
    wait(lambda: bridge.waiting == 0, 'its confirmation')
    broker.stop()
    wait(lambda: not bridge.connected, 'the loss of the connection')
    for number in range(1, 21):
        bridge.send(numbered(number), EventType.OPENED)
    broker.start()
    wait(lambda: bridge.waiting == 0, 'the confirmations')
    wait(lambda: len(broker.events()) >= 21, 'all events')
    time.sleep(0.5)  # what came twice would come now
    assert [event['event_id'] for event in broker.events()] == [f'e{n}' for n in range(21)]
    assert bridge.lost == 0
    reader.loop_stop()


@needs_broker
def test_the_safety_sensor_is_on_until_the_event_is_acknowledged(broker, make_bridge):
    broker.start()
    reader = broker.read()
    bridge = make_bridge()
    topic = bridge.topics.pressing
    fall = replace(EVENT, happening=replace(EVENT.happening, severity=Severity.CRITICAL))
    bridge.send(fall, EventType.OPENED)
    wait(lambda: broker.last(topic) == 'ON', 'the alarm')
    bridge.send(replace(fall, acknowledged=True), EventType.UPDATED)
    wait(lambda: broker.last(topic) == 'OFF', 'its end')
    reader.loop_stop()


def test_a_confirmation_waits_for_nobody_who_publishes(make_bridge):
    """The library holds the lock of ``publish`` while it confirms: waiting here is for ever."""
    bridge = make_bridge()
    confirming = threading.Thread(target=bridge._on_publish, args=(None, None, 1), daemon=True)
    with bridge._lock:  # as while an event is handed over
        confirming.start()
        confirming.join(10.0)
        assert not confirming.is_alive()


def test_the_queue_is_bounded_while_the_broker_is_away(broker, make_bridge):
    bridge = make_bridge(queue_size=5)
    for number in range(12):
        bridge.send(numbered(number), EventType.OPENED)
    assert (bridge.waiting, bridge.lost) == (5, 7)


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'device_id': 'a/#'}, 'device_id'),
        ({'username': 'me', 'password_file': '/no/such/file'}, 'password_file'),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(given, reason):
    with pytest.raises(ParameterError, match=reason):
        MqttBridge(MqttParameters(**given))


def test_discovery_describes_one_device():
    configs = [json.loads(m.payload) for m in HomeTopics('hall').discovery('1.0')]
    assert all(m.retained for m in HomeTopics('hall').discovery('1.0'))
    assert {c['device']['identifiers'][0] for c in configs} == {'minicpmo_hall'}
    assert len({c['unique_id'] for c in configs}) == len(configs)
