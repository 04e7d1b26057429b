# SPDX-License-Identifier: Apache-2.0
"""Replacement of clock, threads, sockets and bus in the shipped modules."""

import concurrent.futures
import contextlib
import datetime
import importlib
import io
import pkgutil
import random
import threading
import time
import types
from unittest import mock
import uuid

import tenacity

from qinling import core
from qinling.db import columns
from qinling.db import engines
from qinling.db import session
from qinling.db import sqlite
from qinling import engine
from qinling.engine import service
from qinling import rpc
from qinling.rpc import bus
from qinling.rpc import direct_server
from qinling.rpc import direct_tls
from qinling.rpc import roads
from qinling.tests.simulation import database
from qinling.tests.simulation import network
from qinling.tests.simulation import threads
from qinling.tests.simulation import workers

#: Real module -> its replacement.
_MODULES = {id(threading): threads.threading, id(time): threads.time,
            id(random): threads.random,
            id(concurrent.futures): threads.futures}
#: Packages whose modules are patched.
_PACKAGES = (core, engine, rpc)
_SINGLE = ('qinling.circuit_breaker', 'qinling.db.batch_writer')


def _list_modules():
    for package in _PACKAGES:
        for info in pkgutil.walk_packages(
                package.__path__, f'{package.__name__}.'):
            yield importlib.import_module(info.name)
    for name in _SINGLE:
        yield importlib.import_module(name)


def _create_bytes(number):
    return threads.current().random.randbytes(number)


def _create_uuid():
    return uuid.UUID(bytes=_create_bytes(16))


#: What :mod:`qinling.db.columns` and :mod:`qinling.db.engines` use.
_DATETIME = types.SimpleNamespace(**{
    **vars(datetime), 'datetime': types.SimpleNamespace(
        now=lambda zone: threads.current().time())})


def _patch_all(stack):
    for module in _list_modules():
        for name, value in list(vars(module).items()):
            if id(value) in _MODULES:
                stack.enter_context(mock.patch.object(
                    module, name, _MODULES[id(value)]))
    for owner, name, value in (
            (columns, 'datetime', _DATETIME),
            (columns, 'os', types.SimpleNamespace(urandom=_create_bytes)),
            (engines, 'uuid', types.SimpleNamespace(uuid4=_create_uuid)),
            (engines, 'os', types.SimpleNamespace(getpid=lambda: 1)),
            (sqlite, 'fcntl', database.fcntl),
            # A process that ends without a stop would leave files open.
            (sqlite, 'open', lambda path, mode: io.BytesIO()),
            (session, '_create_engine', database.FILE.create_engine),
            (service.invoker, 'Invoker', workers.Invoker),
            (roads, 'socket', network.socket),
            # Takes as long as a quarter of a run.
            (direct_tls, 'create_client', lambda conf: None),
            (direct_server, '_shut_down', network.shut_down),
            (bus.oslo_messaging, 'get_rpc_client',
             lambda transport, target: transport.create_client(
                 transport, target)),
            (tenacity.nap, 'time', threads.time),
            (tenacity, 'time', threads.time)):
        stack.enter_context(mock.patch.object(owner, name, value))


@contextlib.contextmanager
def installed():
    """Let the shipped modules use the simulation."""
    with contextlib.ExitStack() as stack:
        _patch_all(stack)
        yield
