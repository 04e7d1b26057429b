# SPDX-License-Identifier: Apache-2.0
"""Traces with OpenTelemetry, where ``[tracing] enabled`` is set.

The libraries are imported only then: they are the extra ``tracing`` of this
package.  Between processes, and to functions, a span travels as the text
``traceparent`` of W3C Trace Context; what came with a request is handed on
also where nothing is traced.
"""

import contextlib


def make(conf, service):
    """A :class:`Tracer` if the options want one, else ``None``.

    :param service: what the process is called in traces.
    :raises ValueError: the libraries are not there.
    """
    if not conf.tracing.enabled:
        return None
    try:
        return Tracer(conf.tracing, service)
    except ImportError as e:
        raise ValueError(
            '[tracing] enabled needs the extra "tracing" of this package: '
            f'{e}.')


def span(tracer, name, parent, **attributes):
    """A context manager that gives the ``traceparent`` for what happens
    within: that of a new span, or ``parent`` without a tracer."""
    if tracer is None:
        return contextlib.nullcontext(parent)
    return tracer.span(name, parent, attributes)


class Tracer:
    """Makes spans and sends them to a collector, from a thread of its
    own."""

    def __init__(self, options, service, exporter=None):
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
            exporter or _exporter(options)))
        self._tracer = self._provider.get_tracer('qinling')

    @contextlib.contextmanager
    def request(self, environ, key):
        """A span around a request, whose ``traceparent`` is under ``key``
        in the WSGI environment before, and that of the span then."""
        with self._started(environ['REQUEST_METHOD'], environ[key],
                           self._kinds.SERVER, {}) as (made, parent):
            environ[key] = parent
            yield made

    def answered(self, made, route, status):
        """Say what came of a request; ``status`` as in WSGI."""
        code = int(status[:3])
        made.set_attribute('http.response.status_code', code)
        if route is not None:
            made.set_attribute('http.route', route.path)
            made.update_name(f'{route.method} {route.path}')
        if code >= 500:
            made.set_status(self._error)

    @contextlib.contextmanager
    def span(self, name, parent, attributes):
        """See :func:`span`."""
        with self._started(name, parent, self._kinds.INTERNAL,
                           attributes) as (_, traceparent):
            yield traceparent

    @contextlib.contextmanager
    def _started(self, name, parent, kind, attributes):
        above = self._propagator.extract({'traceparent': parent or ''})
        made = self._tracer.start_span(
            name, above, kind, {f'qinling.{key}': value
                                for key, value in attributes.items()})
        with made:
            yield made, self._carried(made)

    def _carried(self, made):
        found = made.get_span_context()
        return (f'00-{found.trace_id:032x}-{found.span_id:016x}-'
                f'{int(found.trace_flags):02x}')

    def close(self):
        """Send what is still to be sent."""
        self._provider.shutdown()


def _exporter(options):
    from opentelemetry.exporter.otlp.proto.http import trace_exporter
    return trace_exporter.OTLPSpanExporter(endpoint=options.endpoint)
