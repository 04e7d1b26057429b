# SPDX-License-Identifier: Apache-2.0
"""Traces with OpenTelemetry, if ``[tracing] enabled`` is set.

The libraries, which ``pip install '.[tracing]'`` installs in a checkout, are
imported on demand.
Between processes, and to functions, a span travels as the header
``traceparent`` of W3C Trace Context.  A process without traces passes on the
header of the request.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import typing
from wsgiref import types as wsgi_types

from oslo_config import cfg

if typing.TYPE_CHECKING:
    from qinling.api import route as route_module


def create_tracer(conf: cfg.ConfigOpts, service: str) -> 'Tracer | None':
    """Return the tracer of a process, ``None`` if traces are disabled.

    :param service: name of the process in traces.
    :raises ValueError: the libraries are not installed.
    """
    if not conf.tracing.enabled:
        return None
    try:
        return Tracer(conf.tracing, service)
    except ImportError as e:
        raise ValueError(
            f'[tracing] enabled needs {e.name or e}: run "pip install '
            '\'.[tracing]\'" in the checkout.')


def start_span(tracer: 'Tracer | None', name: str, parent: str | None,
               **attributes: typing.Any
               ) -> contextlib.AbstractContextManager[str | None]:
    """Return a context manager that yields a ``traceparent``.

    The header belongs to a new span, or is ``parent`` without a tracer.
    """
    if tracer is None:
        return contextlib.nullcontext(parent)
    return tracer.start_span(name, parent, attributes)


class Tracer:
    """Factory of spans, which a thread sends to a collector."""

    def __init__(self, options: cfg.ConfigOpts.GroupAttr, service: str,
                 exporter: typing.Any = None) -> None:
        from opentelemetry.sdk import resources
        from opentelemetry.sdk import trace as sdk
        from opentelemetry.sdk.trace import export
        from opentelemetry.sdk.trace import sampling
        from opentelemetry import trace
        from opentelemetry.trace.propagation import tracecontext
        self._kinds = trace.SpanKind
        self._error = trace.Status(trace.StatusCode.ERROR)
        self._propagator = tracecontext.TraceContextTextMapPropagator()
        self._provider = sdk.TracerProvider(
            resource=resources.Resource.create({'service.name': service}),
            sampler=sampling.ParentBased(
                sampling.TraceIdRatioBased(options.sample_ratio)))
        self._provider.add_span_processor(export.BatchSpanProcessor(
            exporter or _create_exporter(options)))
        self._tracer = self._provider.get_tracer('qinling')

    @contextlib.contextmanager
    def trace_request(self, environ: wsgi_types.WSGIEnvironment, key: str
                      ) -> Iterator[typing.Any]:
        """Yield a span around a request.

        :param key: key of the ``traceparent`` in the environment; the span
            replaces the header of the client.
        """
        with self._start(environ['REQUEST_METHOD'], environ[key],
                         self._kinds.SERVER, {}) as (span, traceparent):
            environ[key] = traceparent
            yield span

    def record_response(self, span: typing.Any,
                        route: 'route_module.route | None', status: str
                        ) -> None:
        """Add the route and the WSGI status of a request to the span."""
        code = int(status[:3])
        span.set_attribute('http.response.status_code', code)
        if route is not None:
            span.set_attribute('http.route', route.path)
            span.update_name(f'{route.method} {route.path}')
        if code >= 500:
            span.set_status(self._error)

    @contextlib.contextmanager
    def start_span(self, name: str, parent: str | None,
                   attributes: Mapping[str, typing.Any]) -> Iterator[str]:
        """Yield the ``traceparent`` of a new span."""
        with self._start(name, parent, self._kinds.INTERNAL,
                         attributes) as (_, traceparent):
            yield traceparent

    @contextlib.contextmanager
    def _start(self, name: str, parent: str | None, kind: typing.Any,
               attributes: Mapping[str, typing.Any]
               ) -> Iterator[tuple[typing.Any, str]]:
        """Yield a new span and the ``traceparent`` of the span."""
        context = self._propagator.extract({'traceparent': parent or ''})
        span = self._tracer.start_span(
            name, context, kind, {f'qinling.{key}': value
                                  for key, value in attributes.items()})
        with span:
            yield span, _format_traceparent(span)

    def close(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()


def _format_traceparent(span: typing.Any) -> str:
    context = span.get_span_context()
    return (f'00-{context.trace_id:032x}-{context.span_id:016x}-'
            f'{int(context.trace_flags):02x}')


def _create_exporter(options: cfg.ConfigOpts.GroupAttr) -> typing.Any:
    from opentelemetry.exporter.otlp.proto.http import trace_exporter
    return trace_exporter.OTLPSpanExporter(endpoint=options.endpoint)
