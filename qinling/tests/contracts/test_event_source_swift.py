# SPDX-License-Identifier: Apache-2.0
"""Events of containers in a real Swift, with a real Keystone."""

import urllib.parse
import uuid

from oslotest import base
import requests

from qinling.event_sources import base as drivers
from qinling.event_sources import swift
from qinling.tests.contracts import network_stores
from qinling.tests.contracts import test_event_sources
from qinling.tests.functional import keystone as keystones


class TestSwift(network_stores.OneSwift, test_event_sources.Sources,
                base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.account = self.keystone.user(self.keystone.project(), 'member')
        self.session = self.account.session()
        answer = self.session.post(
            f'{self.keystone.url}/users/{self.account.user_id}'
            '/application_credentials', json={'application_credential': {
                'name': 'source', 'roles': [{'name': 'member'}]}})
        self.credential = answer.json()['application_credential']
        self.container = f'container-{uuid.uuid4().hex[:8]}'
        self.send('PUT', '')

    def send(self, method, path, data=b''):
        """Send a request to the container."""
        answer = requests.request(
            method, f'{self.swift.url}/v1/AUTH_{self.account.project_id}/'
            f'{self.container}{urllib.parse.quote(path)}', data=data,
            headers={'X-Auth-Token': self.session.get_token()})
        answer.raise_for_status()

    def write(self, *names):
        """Write objects."""
        for name in names:
            self.send('PUT', f'/{name}', name.encode())

    def create_source(self, settings=(), **fields):
        return self.create('swift', {
            'url': self.keystone.url, 'container': self.container,
            **dict(settings)}, **{'credentials': {
                'application_credential_id': self.credential['id'],
                'application_credential_secret':
                    self.credential['secret']}, **fields})

    def list_names(self):
        return [event['body']['name'] for event in self.list_events()]

    def test_objects_become_executions_once(self):
        names = ['2026/01 ä', '2026/02', '2026/03?&=']
        self.write('2025/12', 'other/1', *names)
        id = self.create_source({'prefix': '2026/', 'region':
                                 keystones.REGION}, batch_size=2)
        self.wait(lambda: len(self.list_names()) >= 3)
        self.assertEqual(names, self.list_names())
        event = self.list_events()[0]
        self.assertEqual('object', event['type'])
        self.assertEqual((self.container, 10), (
            event['body']['container'], event['body']['bytes']))
        self.assertEqual(2, len(self.list_executions()))
        # The position follows the executions.
        self.wait(lambda: self.get(id).position == names[-1])
        # Another engine goes on behind the position.
        self.stopped.set()
        self.write('2026/00', '2026/04')
        _peer, turns, _stopped = self.open_engine()
        self.wait(lambda: len(self.list_names()) >= 4, turns)
        self.assertEqual([*names, '2026/04'], self.list_names())

    def test_marker_and_lag(self):
        self.write('a', 'b', 'c')
        reader = self.open_reader({'marker': 'a'})
        self.assertEqual(2, reader.measure().waiting)
        self.assertGreaterEqual(reader.measure().seconds, 0)
        reader.position = 'c'
        self.assertEqual(drivers.Lag(0, 0), reader.measure())

    def open_reader(self, settings=()):
        """Return a reader of the container without an engine."""
        row = self.get(self.create_source(settings))
        reader = swift.Driver.open(drivers.Access(
            row.id, row.settings, {
                name: self.credential[name.rpartition('_')[2]]
                for name in swift.Driver.CREDENTIALS},
            self.turns._tools.guard, None, 10))
        self.addCleanup(reader.close)
        return reader

    def test_token_that_expires(self):
        self.write('a')
        reader = self.open_reader()
        reader._token = 'expired'
        self.assertEqual(1, reader.measure().waiting)

    def test_problems_are_shown(self):
        for settings, fields, words in (
                ({'container': 'none'}, {}, 'There is no container none'),
                ({'region': 'none'}, {}, 'in the region none'),
                ({}, {'credentials': {}}, 'has no credentials'),
                ({}, {'credentials': {
                    'application_credential_id': self.credential['id'],
                    'application_credential_secret': 'wrong-secret'}},
                 'refuses the application credential')):
            id = self.create_source(settings, **fields)
            self.wait(lambda: self.get(id).state == 'error')
            self.assertIn(words, self.get(id).state_reason)
            self.assertNotIn('wrong-secret', self.get(id).state_reason)
            self.noun.delete(self.ctx, id)
