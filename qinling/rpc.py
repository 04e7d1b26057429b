#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""The message bus: how an API process reaches engines.

Calls and casts carry plain data.  A cast may be lost with the process that
took it, and a message may come twice; both are harmless, since the execution
row says what is to be done.
"""

import dataclasses
import datetime

from oslo_service import backend

# Before oslo.messaging is imported: it would choose eventlet.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging._metrics import client as bus_metrics  # noqa: E402
from oslo_messaging._tracing import client as bus_tracing  # noqa: E402

from qinling import exception  # noqa: E402

#: Seconds that a call may take on the bus beyond the work itself.
MARGIN = 30
#: Seconds without a sign of life after which a call gives an engine up.
MONITOR = 10

_FAULTS = (oslo_messaging.MessagingException,)


def transport(conf):
    """The bus that ``transport_url`` names.

    :param conf: a ``ConfigOpts``; oslo.messaging registers two of its groups
        on the global one only, hence here on this one.
    """
    conf.register_opts(bus_metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(bus_tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    return oslo_messaging.get_rpc_transport(conf)


def server(conf, bus, name, endpoint):
    """A server that hands the messages for engines to ``endpoint``."""
    address = oslo_messaging.Target(topic=conf.engine.topic, server=name)
    return oslo_messaging.get_rpc_server(
        bus, address, [endpoint],
        access_policy=oslo_messaging.DefaultRPCAccessPolicy)


class EngineClient:
    """The engine's verbs, over the bus.

    Every method raises :class:`qinling.exception.Unavailable` when no
    engine answers in time or the bus is down.
    """

    #: No engine is known before one claims the execution.
    owner = None

    def __init__(self, conf, bus):
        self._conf = conf
        self._client = oslo_messaging.get_rpc_client(
            bus, oslo_messaging.Target(topic=conf.engine.topic))

    def run(self, row, target):
        """Run an execution on any engine and wait for its end.

        :returns: the columns written, as a dict, or ``None``.
        """
        timeout = target.timeout + self._conf.engine.queue_timeout + MARGIN
        outcome = self._call('run', timeout, row=_row(row),
                             target=dataclasses.asdict(target))
        if outcome is not None:
            outcome['updated_at'] = datetime.datetime.fromisoformat(
                outcome['updated_at'])
        return outcome

    def start(self, row, target):
        """Wake some engine up for an execution."""
        self._cast('start', row=_row(row), target=dataclasses.asdict(target))

    def cancel(self, id):
        """Have the engine that runs an execution stop it."""
        self._cast('cancel', fanout=True, id=id)

    def ensure_runtime(self, id, previous_image=None):
        """Have all engines make or change a pool."""
        self._cast('ensure_runtime', fanout=True, id=id,
                   previous_image=previous_image)

    def delete_runtime(self, id):
        """Have all engines destroy a pool."""
        self._cast('delete_runtime', fanout=True, id=id)

    def pool(self, id):
        """``{"total", "available"}``, or ``None``."""
        return self._call('pool', MARGIN, id=id)

    def workers(self, function_id, version):
        """Names of the workers that serve a function."""
        return self._call('workers', MARGIN, function_id=function_id,
                          version=version)

    def workers_of(self, runtime_id):
        """Whether any worker of the runtime serves a function."""
        return self._call('workers_of', MARGIN, runtime_id=runtime_id)

    def scale_up(self, target, count):
        """Have ``count`` workers more."""
        self._cast('scale_up', target=dataclasses.asdict(target),
                   count=count)

    def scale_down(self, target, count):
        """Have ``count`` workers less."""
        self._cast('scale_down', target=dataclasses.asdict(target),
                   count=count)

    def detach(self, function_id, version):
        """Have all engines retire the workers of a function."""
        self._cast('detach', fanout=True, function_id=function_id,
                   version=version)

    def _call(self, method, timeout, **arguments):
        try:
            return self._client.prepare(
                timeout=timeout, call_monitor_timeout=MONITOR
            ).call({}, method, **arguments)
        except _FAULTS as e:
            raise exception.Unavailable(
                reason=f'no engine answers ({type(e).__name__}).')

    def _cast(self, method, fanout=False, **arguments):
        try:
            self._client.prepare(fanout=fanout).cast({}, method, **arguments)
        except _FAULTS as e:
            raise exception.Unavailable(
                reason=f'the message bus is down ({type(e).__name__}).')


def _row(row):
    return {name: row[name] for name in ('id', 'input', 'sync', 'owner')}
