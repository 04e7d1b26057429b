# SPDX-License-Identifier: Apache-2.0
"""Logging of the programs: no text from outside can forge a log line.

Messages, names of users and texts of exceptions may contain line ends,
sequences for terminals or invalid Unicode.  The formatters of all handlers
escape these; only tracebacks have several lines.
"""

from collections.abc import Iterator
import functools
import logging
import traceback
import types
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import printable

#: Fields of a record with sequences for the terminal of [DEFAULT] log_color.
_COLORS = frozenset(('color', 'reset_color'))
_ExcInfo = tuple[type[BaseException] | None, BaseException | None,
                 types.TracebackType | None]


def setup(conf: cfg.ConfigOpts) -> None:
    """Set up logging as the options say.

    :raises ValueError: a file cannot be read or written.
    """
    try:
        log.setup(conf, 'qinling')
    except (OSError, log.LogConfigError) as e:
        raise ValueError(f'The log cannot be written: {e}')
    protect_handlers()


def protect_handlers() -> None:
    """Let all handlers escape; a second call changes nothing.

    A reload may create handlers from ``log_config_append``.
    """
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values(
        )]
    for logger in loggers:
        for handler in getattr(logger, 'handlers', ()):
            if handler.formatter is None:
                handler.setFormatter(logging.Formatter())
            _protect(handler.formatter)


def _protect(formatter: typing.Any) -> None:
    if not isinstance(formatter, _EscapingFormatter):
        kind: typing.Any = type(formatter)
        formatter.__class__ = _derive(kind)


@functools.lru_cache(maxsize=64)
def _derive(base: typing.Any) -> type[logging.Formatter]:
    """Return a subclass of a formatter that escapes."""
    return type(f'Escaping{base.__name__}', (_EscapingFormatter, base), {})


class _EscapingFormatter(logging.Formatter):
    """Mixin for the formatters of oslo.log and of ``logging``."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        text = super().formatMessage(record)
        if text.isprintable():
            return text
        return super().formatMessage(logging.makeLogRecord({
            name: printable.escape(value.rstrip('\n'))
            if isinstance(value, str) and name not in _COLORS else value
            for name, value in record.__dict__.items()}))

    def formatException(self, ei: _ExcInfo,  # type: ignore[override]
                        **keywords: typing.Any) -> str:
        """Return a traceback whose exceptions have one line each.

        :param keywords: ``record`` if the formatter of oslo.log prefixes each
            line.
        """
        prefix = ''
        if keywords.get('record') is not None:
            # The last line of the empty traceback is empty.
            prefix = printable.escape(super().formatException(
                (None, None, None), **keywords).rpartition('\n')[2])
        return '\n'.join(prefix + line for line in _format_traceback(ei))

    def formatStack(self, stack_info: str) -> str:
        """Return the stack of a record."""
        return '\n'.join(map(printable.escape, stack_info.split('\n')))


def _format_traceback(ei: _ExcInfo) -> Iterator[str]:
    """Yield the lines of a traceback."""
    kind, error, trace_object = ei
    if kind is None or error is None:
        return
    trace = traceback.TracebackException(kind, error, trace_object,
                                         compact=True)
    _escape_texts(trace)
    for text in trace.format():
        for line in text.rstrip('\n').split('\n'):
            yield printable.escape(line)


def _escape_texts(trace: typing.Any) -> None:
    """Escape the texts of an exception and of its causes.

    ``_str`` is private; a unit test proves it.
    """
    for text in ('_str', 'text', 'msg', 'filename'):
        value = getattr(trace, text, None)
        if isinstance(value, str):
            setattr(trace, text, printable.escape(value.rstrip('\n')))
    notes = getattr(trace, '__notes__', None)
    if isinstance(notes, (list, tuple)):
        trace.__notes__ = [printable.escape(str(note)) for note in notes]
    for nested in (trace.__cause__, trace.__context__,
                   *(getattr(trace, 'exceptions', None) or ())):
        if nested is not None:
            _escape_texts(nested)
