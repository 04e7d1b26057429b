# SPDX-License-Identifier: Apache-2.0
"""Tests of lists and watches."""

import threading

from kubernetes import client
from kubernetes import watch
import urllib3

from qinling.tests.kubernetes import resources
from qinling.tests.unit.kubernetes import base


class TestLists(base.TestCase):

    def setUp(self):
        super().setUp()
        for name, labels in (('a', {'x': '1'}), ('b', {'x': '2', 'y': ''}),
                             ('c', {'y': '1'}), ('d', {})):
            self.core.create_namespaced_secret(base.NAMESPACE, {
                'metadata': {'name': name, 'labels': labels}})

    def list(self, **query):
        return self.core.list_namespaced_secret(base.NAMESPACE, **query)

    def names(self, **query):
        return ''.join(secret.metadata.name for secret in
                       self.list(**query).items)

    def test_labels(self):
        for selector, names in (
                ('x', 'ab'), ('!x', 'cd'), ('x=1', 'a'), ('x==1', 'a'),
                ('x!=1', 'bcd'), ('x in (1,2)', 'ab'), ('x in (1),y', ''),
                ('x notin (1)', 'bcd'), ('x,y', 'b'), ('y=', 'b'),
                ('x=1,y', ''), ('', 'abcd')):
            self.assertEqual(names, self.names(label_selector=selector),
                             selector)

    def test_malformed_label_selector(self):
        for selector in ('x y', 'x in', 'x in 1', '=1', '!x=1'):
            self.check_refused(400, self.list, label_selector=selector)

    def test_fields(self):
        for selector, names in (('metadata.name=a', 'a'),
                                ('metadata.name!=a', 'bcd'),
                                ('metadata.namespace=other', ''),
                                ('type=Opaque,metadata.name=b', 'b')):
            self.assertEqual(names, self.names(field_selector=selector))

    def test_fields_of_pods(self):
        self.create()
        self.await_phase('Running')
        for selector, count in (('status.phase=Running', 1),
                                ('status.phase!=Running', 0),
                                ('spec.nodeName=', 0)):
            self.assertEqual(count, len(self.core.list_namespaced_pod(
                base.NAMESPACE, field_selector=selector).items))

    def test_unknown_field(self):
        body = self.check_refused(400, self.list, field_selector='spec.x=1')
        self.assertEqual('field label not supported: spec.x',
                         body['message'])

    def test_pages(self):
        first = self.list(limit=3)
        self.assertEqual(1, first.metadata.remaining_item_count)
        self.core.delete_namespaced_secret('d', base.NAMESPACE)
        second = self.list(limit=3, _continue=first.metadata._continue)
        # The list is of one moment.
        self.assertEqual('d', second.items[0].metadata.name)
        self.assertEqual(first.metadata.resource_version,
                         second.metadata.resource_version)
        self.assertIsNone(second.metadata._continue)

    def test_expired_page(self):
        token = self.list(limit=1).metadata._continue
        self.cluster.compact()
        body = self.check_refused(410, self.list, limit=1, _continue=token)
        self.assertEqual('Expired', body['reason'])

    def test_list_of_a_past_version(self):
        version = self.list().metadata.resource_version
        self.core.delete_namespaced_secret('a', base.NAMESPACE)
        self.assertEqual('abcd', self.names(
            resource_version=version, resource_version_match='Exact'))
        self.assertEqual('bcd', self.names(resource_version=version))

    def test_wrong_version(self):
        self.check_refused(400, self.list, resource_version='x')


class TestWatches(base.TestCase):

    def read_events(self, **query):
        """Return the events of secrets until the watch ends."""
        query = {'timeout_seconds': 1, **query}
        return [(event['type'], event['object']) for event in
                watch.Watch().stream(self.core.list_namespaced_secret,
                                     base.NAMESPACE, **query)]

    def secret(self, name='s', **labels):
        return self.core.create_namespaced_secret(base.NAMESPACE, {
            'metadata': {'name': name, 'labels': labels}})

    def label(self, **labels):
        return self.core.patch_namespaced_secret(
            's', base.NAMESPACE, {'metadata': {'labels': labels}})

    def version(self):
        return self.core.list_namespaced_secret(
            base.NAMESPACE).metadata.resource_version

    def types(self, **query):
        return [kind for kind, _object in self.read_events(**query)]

    def test_since_a_version(self):
        self.secret('old')
        version = self.version()
        self.secret()
        self.label(a='1')
        self.core.delete_namespaced_secret('s', base.NAMESPACE)
        self.assertEqual(['ADDED', 'MODIFIED', 'DELETED'],
                         self.types(resource_version=version))

    def test_watch_from_the_beginning(self):
        self.secret()
        self.label(a='1')
        self.assertEqual(['ADDED'], self.types())

    def test_objects_enter_and_leave_a_selection(self):
        version = self.version()
        self.secret(a='1')
        self.label(a='2')
        self.label(b='1')
        self.label(a='1')
        events = self.read_events(resource_version=version,
                                  label_selector='a=1')
        self.assertEqual(['ADDED', 'DELETED', 'ADDED'],
                         [kind for kind, _object in events])
        # What leaves is shown as it was, at the version of its leaving.
        self.assertEqual({'a': '1'}, events[1][1].metadata.labels)
        versions = [int(value.metadata.resource_version)
                    for _kind, value in events]
        self.assertEqual(sorted(set(versions)), versions)

    def test_bookmarks(self):
        version = self.version()
        self.create()
        events = self.read_events(resource_version=version,
                                  allow_watch_bookmarks=True)
        self.assertEqual({'BOOKMARK'}, {kind for kind, _object in events})
        self.assertNotIn('BOOKMARK', self.types(resource_version=version))

    def test_events_are_sent_at_once(self):
        timer = threading.Timer(0.2, self.secret)
        timer.start()
        self.addCleanup(timer.join)
        for event in watch.Watch().stream(
                self.core.list_namespaced_secret, base.NAMESPACE,
                timeout_seconds=20):
            self.assertEqual('s', event['object'].metadata.name)
            break

    def test_forgotten_as_an_event(self):
        version = self.version()
        self.cluster.compact()
        error = self.assertRaises(client.ApiException, self.read_events,
                                  resource_version=version)
        self.assertEqual(410, error.status)
        self.assertIn('too old resource version', error.reason)

    def test_forgotten_as_a_status(self):
        version = self.version()
        self.cluster.compact(as_status=True)
        error = self.assertRaises(client.ApiException, self.read_events,
                                  resource_version=version)
        self.assertEqual(410, error.status)
        self.assertIn('Gone', error.reason)

    def test_cut_watch(self):
        """Cut a watch in the middle of an answer."""
        received = threading.Event()

        def cut():
            received.wait(10)
            self.cluster.cut_watches()

        thread = threading.Thread(target=cut)
        thread.start()
        self.addCleanup(thread.join)
        self.secret()
        api = self.core.list_namespaced_secret
        response = api(base.NAMESPACE, watch=True, _preload_content=False)
        response = getattr(response, 'response', response)

        def read():
            for _chunk in response.stream():
                received.set()

        self.assertRaises(urllib3.exceptions.HTTPError, read)
        self.assertTrue(received.is_set())

    def test_initial_events(self):
        self.secret()
        events = self.read_events(send_initial_events=True,
                                  resource_version_match='NotOlderThan',
                                  allow_watch_bookmarks=True)
        kinds = [kind for kind, _object in events]
        self.assertEqual(['ADDED', 'BOOKMARK'], kinds[:2])
        raw = self.cluster.store.list(resources.SECRETS, base.NAMESPACE)
        self.assertEqual(1, len(raw))
