# SPDX-License-Identifier: Apache-2.0
"""Filters of lists, and values of options, equal those of the server."""

from oslotest import base

from qinling.api import listing
from qinling.api import root
from qinling.client.commands import aliases
from qinling.client.commands import dead_letters
from qinling.client.commands import delivery_records
from qinling.client.commands import event_sources
from qinling.client.commands import executions
from qinling.client.commands import failure_groups
from qinling.client.commands import functions
from qinling.client.commands import jobs
from qinling.client.commands import operations
from qinling.client.commands import replays
from qinling.client.commands import runtimes
from qinling.client.commands import tables
from qinling.client.commands import versions
from qinling.client.commands import webhooks
from qinling.core.trigger import event_sources as core_event_sources
from qinling.core.trigger import methods
from qinling.core.trigger import signatures
from qinling.core.trigger import stream_modes
from qinling import states
from qinling.tests.unit.api import cases
from qinling.tests.unit.client import stub

LISTS = {
    '/v1/aliases': aliases.List, '/v1/dead_letters': dead_letters.List,
    '/v1/webhooks/{id}/deliveries': delivery_records.List,
    '/v1/event_sources': event_sources.List,
    '/v1/executions': executions.List, '/v1/failures': failure_groups.List,
    '/v1/functions': functions.List, '/v1/jobs': jobs.List,
    '/v1/operations': operations.List,
    '/v1/operations/{id}/results': replays.ListResults,
    '/v1/runtimes': runtimes.List,
    '/v1/functions/{id}/versions': versions.List,
    '/v1/webhooks': webhooks.List}
#: Keys of a query that select a part of the list.
PAGE = set(listing.PAGE) - {'created_at', 'updated_at'}


class TestKeys(cases.ApiTest):
    def test_keys_of_all_lists(self):
        lists = {handler.route.path: set(handler.route.query) - PAGE
                 for handler in root.Root(self.api.services).routes
                 if set(listing.PAGE) <= set(handler.route.query)}
        self.assertEqual(lists, {
            path: set(command.filters) | set(tables.TIMES)
            for path, command in LISTS.items()})


class TestValues(base.BaseTestCase):
    """Values that shells complete."""

    def complete(self, *words):
        code, out, errors = stub.Server().run(
            'complete', '--words', '--', *words)
        self.assertEqual((0, ''), (code, errors))
        return out.split()

    def test_values_equal_those_of_the_server(self):
        for words, expected in (
                ('execution list --status', states.ExecutionStatus),
                ('webhook create --signature', signatures.FORMS),
                ('webhook create --method', methods.METHODS),
                ('webhook create --stream', stream_modes.MODES),
                ('event source create --kind',
                 core_event_sources.list_kinds())):
            with self.subTest(words=words):
                self.assertEqual(
                    sorted(getattr(item, 'value', item) for item in expected),
                    self.complete(*words.split(), ''))
        self.assertEqual(['success'], self.complete(
            'execution', 'list', '--status', 'su'))

    def test_commands_after_help(self):
        self.assertIn('execution', self.complete('help', ''))
        self.assertEqual(['list'], self.complete('help', 'execution', 'li'))
        self.assertEqual([], self.complete('help', 'execution', 'list', ''))

    def test_other_values_are_sent(self):
        server = stub.Server(stub.answer(body={'executions': []}))
        code, _out, errors = server.run('execution', 'list', '--status',
                                        'in:failed,error')
        self.assertEqual((0, 0), (code, 'invalid choice' in errors))


class TestResults(base.BaseTestCase):

    def test_filters_of_results(self):
        server = stub.Server(stub.answer(body={'results': []}))
        code, _out, errors = server.run(
            'operation', 'result', 'list',
            '11111111-2222-4333-8444-555555555555', '--filter',
            'different=false', '--filter', 'created_at=gte:2026-01-01')
        self.assertEqual(0, code, errors)
        self.assertIn('different=false', server.paths[0])
        self.assertIn('created_at=gte', server.paths[0])

    def test_help_lists_the_keys(self):
        _code, out, _errors = stub.Server().run(
            'help', 'operation', 'result', 'list')
        self.assertIn('Keys: different, created_at, updated_at.',
                      ' '.join(out.split()))
