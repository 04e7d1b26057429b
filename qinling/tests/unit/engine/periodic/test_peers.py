# SPDX-License-Identifier: Apache-2.0
"""Detection of dead engines."""

import socket
from unittest import mock

from qinling.db import crud
from qinling.db import engines
from qinling.db import models
from qinling.engine.periodic import heartbeat
from qinling.engine.periodic import peers
from qinling import exception
from qinling.rpc import roads
from qinling.tests.unit.engine import base


class Clock:
    """Replacement of the module ``time``."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Reaper:
    """Reaper with a record of the dead engines."""

    def __init__(self):
        self.dead = []
        self.is_behind = False

    def take_over(self, owner, died_at):
        self.dead.append(owner)
        return self.is_behind


class TestPeers(base.TestCase):
    """The engine ``me``, and another one that stops its heartbeat."""

    def setUp(self):
        super().setUp()
        self.clock, self.reaper = Clock(), Reaper()
        self.patch(peers, 'time', self.clock)
        self.patch(roads.TcpRoad, 'open', lambda _road: self.open())
        self.answer = ConnectionRefusedError('nothing listens')
        self.heartbeat = heartbeat.Heartbeat(self.conf, self.db, 'me', False)
        self.peers = peers.Peers(self.conf, self.db, self.heartbeat,
                                 self.reaper, 'me')
        self.heartbeat.publish(self.address('me'))
        self.beat()
        self.peers.run()

    def address(self, owner):
        return engines.Address(owner, '127.0.0.1', 1, 'secret', False)

    def beat(self, owner='other'):
        engines.publish_address(self.db, self.address(owner))

    def open(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours, 'other'

    def pass_seconds(self, number, beats=False):
        """Let an engine look each second."""
        for _ in range(number):
            self.clock.now += peers.INTERVAL_SECONDS
            if beats:
                self.beat()
            self.peers.run()

    def owners(self):
        return {address.owner for address in
                engines.list_addresses(self.db, 60)}

    def test_living_engines(self):
        self.pass_seconds(60, beats=True)
        self.assertEqual([], self.reaper.dead)

    def test_another_thread_inserts_the_row(self):
        with mock.patch.object(crud, 'update_all', return_value=0):
            self.beat()
        self.assertEqual({'me', 'other'}, self.owners())

    def test_addresses_are_published_after_an_outage(self):
        engines.withdraw_address(self.db, 'me')
        away = exception.Unavailable(reason='the database does not answer.')
        with mock.patch.object(self.db, 'write', side_effect=away):
            self.heartbeat.publish(self.address('me'))
        self.assertEqual({'other'}, self.owners())
        self.heartbeat.announce()
        self.assertEqual({'me', 'other'}, self.owners())

    def test_nothing_listens(self):
        self.pass_seconds(peers.REFUSED_SECONDS - 1)
        self.assertEqual([], self.reaper.dead)
        self.pass_seconds(1)
        self.assertEqual(['other'], self.reaper.dead)
        # The API no longer connects to it.
        self.assertEqual({'me'}, self.owners())

    def test_nothing_answers(self):
        self.answer = TimeoutError('silence')
        self.pass_seconds(peers.SILENT_SECONDS - 1)
        self.assertEqual([], self.reaper.dead)
        self.pass_seconds(1)
        self.assertEqual(['other'], self.reaper.dead)

    def test_engines_without_a_database_live(self):
        self.answer = None
        self.pass_seconds(100)
        self.assertEqual([], self.reaper.dead)

    def test_large_backlogs_take_several_turns(self):
        self.reaper.is_behind = True
        self.pass_seconds(peers.REFUSED_SECONDS + 1)
        self.assertEqual(['other'] * 2, self.reaper.dead)
        self.assertEqual({'me', 'other'}, self.owners())

    def test_outages_of_the_database_kill_no_engine(self):
        self.clock.now += 100
        self.peers.run()
        self.pass_seconds(peers.REFUSED_SECONDS - 1)
        self.assertEqual([], self.reaper.dead)

    def test_clocks_of_engines_do_not_matter(self):
        self.db.write(lambda tx: base.crud.update_all(
            tx, models.EngineAddress, {'seen_at': base.models.now()
                                       - base.FUTURE},
            models.EngineAddress.id == 'other'))
        self.peers.run()
        self.pass_seconds(peers.REFUSED_SECONDS - 1)
        self.assertEqual([], self.reaper.dead)

    def test_engines_without_an_address_watch_nothing(self):
        self.heartbeat.publish(None)
        self.pass_seconds(100)
        self.assertEqual([], self.reaper.dead)

    def test_each_function_has_one_home(self):
        neighbour = peers.Peers(self.conf, self.db, self.heartbeat,
                                self.reaper, 'other')
        neighbour.run()
        homes = []
        for number in range(50):
            target = base.target(function_id=f'f{number}')
            is_mine = self.peers.is_home(target)
            self.assertNotEqual(is_mine, neighbour.is_home(target))
            homes.append(is_mine)
        self.assertEqual({True, False}, set(homes))
        self.pass_seconds(peers.REFUSED_SECONDS)
        self.assertTrue(all(
            self.peers.is_home(base.target(function_id=f'f{number}'))
            for number in range(50)))
