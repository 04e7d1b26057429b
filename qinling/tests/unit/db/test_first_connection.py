# SPDX-License-Identifier: Apache-2.0
"""Starts of processes before the start of the database."""

import types
from unittest import mock

from oslo_db import exception as db_exc
from oslotest import base
import psycopg
import pymysql
import sqlalchemy as sa

from qinling.db import errors
from qinling.db import first_connection
from qinling import exception

#: What servers say while they start, or have no room for a connection.
ABSENCES = (
    psycopg.OperationalError(
        'connection failed: connection to server at "127.0.0.1", port 1 '
        'failed: FATAL:  the database system is not yet accepting '
        'connections\nDETAIL:  Consistent recovery state has not been yet '
        'reached.'),
    psycopg.OperationalError('FATAL:  sorry, too many clients already'),
    pymysql.err.OperationalError(1040, 'Too many connections'),
    pymysql.err.OperationalError(1053, 'Server shutdown in progress'))
REFUSALS = (
    psycopg.OperationalError(
        'FATAL:  password authentication failed for user "qinling"'),
    psycopg.OperationalError('FATAL:  database "qinling" does not exist'),
    psycopg.OperationalError(
        'FATAL:  no pg_hba.conf entry for host "192.0.2.1"'),
    pymysql.err.OperationalError(1045, 'Access denied for user'))


class TestWait(base.BaseTestCase):
    def wait(self, *results, tries=3):
        """Wait for an engine; return the number of tries."""
        engine = mock.Mock()
        engine.connect.side_effect = [
            sa.exc.OperationalError(None, None, result)
            if type(result).__name__ == 'OperationalError' else result
            for result in results]
        try:
            first_connection.wait(types.SimpleNamespace(
                max_retries=tries, retry_interval=0), engine)
        finally:
            self.tries = engine.connect.call_count
        return self.tries

    def test_servers_may_start_later(self):
        for absence in ABSENCES:
            self.assertEqual(3, self.wait(absence, absence, mock.Mock()))
        refused = db_exc.DBConnectionError(pymysql.err.OperationalError(
            2003, 'Connection refused'))
        self.assertEqual(2, self.wait(refused, mock.Mock()))

    def test_connections_may_break_while_they_are_set_up(self):
        engine = sa.create_engine('sqlite://')
        with engine.connect() as connection:
            pass
        broken = self.assertRaises(
            sa.exc.ResourceClosedError, connection.exec_driver_sql, 'SELECT 1')
        self.assertEqual(3, self.wait(broken, broken, mock.Mock()))
        self.assertRaises(exception.Unavailable, self.wait, broken, broken,
                          tries=2)
        # Statements without rows are a fault of the service.
        self.assertFalse(errors.is_transient(sa.exc.ResourceClosedError(
            'This result object does not return rows.')))

    def test_number_of_tries(self):
        for absence in ABSENCES:
            error = self.assertRaises(
                exception.Unavailable, self.wait, absence, absence, tries=2)
            self.assertIn(' '.join(absence.args[-1].split()), str(error))
        self.assertEqual(30, self.wait(
            *ABSENCES[:1] * 29, mock.Mock(), tries=-1))

    def test_refusals_are_final(self):
        for refusal in REFUSALS:
            error = self.assertRaises(ValueError, self.wait, refusal)
            self.assertIn('[database] connection', str(error))
            self.assertIn(' '.join(refusal.args[-1].split()), str(error))
            self.assertEqual(1, self.tries)

    def test_other_errors_are_not_hidden(self):
        fault = sa.exc.ProgrammingError('SELECT', {}, Exception('x'))
        self.assertIs(fault, self.assertRaises(
            sa.exc.ProgrammingError, self.wait, fault))
