# SPDX-License-Identifier: Apache-2.0
"""Page in HTML that shows a document; it needs no script."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import html
import json
import typing

from qinling.api.openapi import document as document_module

STYLE = '''\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto;
       max-width: 60rem; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.875rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; }
details { border-top: 1px solid; padding: 0.5rem 0; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid; padding: 0.25rem 1rem 0.25rem 0;
         text-align: left; vertical-align: top; }
'''
_HEAD = '''\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Qinling API</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<h1>Qinling API</h1>
<p>Made from <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
'''


def create_page(document: document_module.Document) -> str:
    """Return the page of a document."""
    parts = [_HEAD]
    by_tag: dict[str, list[str]] = {}
    for path, item in document['paths'].items():
        for method, operation in item.items():
            by_tag.setdefault(operation['tags'][0], []).append(''.join(
                _show_operation(method, path, operation)))
    for tag, operations in sorted(by_tag.items()):
        parts.append(f'<h2>{_escape(tag.capitalize())}</h2>\n')
        parts += operations
    parts.append('<h2>Schemas</h2>\n')
    for name, schema in sorted(document['components']['schemas'].items()):
        parts.append(
            f'<details id="{_escape(name)}"><summary><code>{_escape(name)}'
            f'</code></summary>\n{_show_json(schema)}</details>\n')
    return ''.join([*parts, '</body>\n</html>\n'])


def _show_operation(method: str, path: str, operation: typing.Any
                    ) -> Iterator[str]:
    """Yield the HTML of an operation."""
    yield (f'<details id="{operation["operationId"]}"><summary><code>'
           f'{method.upper()} {_escape(path)}</code> '
           f'{_escape(operation["summary"])}</summary>\n'
           f'<p>{_escape(operation["description"])}</p>\n')
    rows = [(parameter['name'], parameter['in'],
             json.dumps(parameter['schema']),
             parameter.get('description', ''))
            for parameter in operation['parameters']]
    yield _show_table(('Parameter', 'In', 'Schema', 'Meaning'), rows)
    body = operation.get('requestBody', {})
    yield from _show_content('Request', body.get('content', {}))
    for status, answer in operation['responses'].items():
        yield from _show_content(f'Answer {status}',
                                 answer.get('content', {}))
    faults = [status for status, answer in operation['responses'].items()
              if '$ref' in answer]
    yield f'<p>Faults: {", ".join(faults)}.</p>\n</details>\n'


def _show_content(title: str, content: Mapping[str, typing.Any]
                  ) -> Iterator[str]:
    for media_type, value in content.items():
        yield f'<h4>{title}, <code>{_escape(media_type)}</code></h4>\n'
        if '$ref' in value.get('schema', {}):
            name = value['schema']['$ref'].rpartition('/')[2]
            yield f'<p><a href="#{name}"><code>{name}</code></a></p>\n'
        if 'example' in value:
            yield _show_json(value['example'])


def _show_table(titles: Sequence[str], rows: Sequence[Sequence[str]]
                ) -> str:
    if not rows:
        return ''
    head = ''.join(f'<th>{title}</th>' for title in titles)
    body = ''.join('<tr>' + ''.join(
        f'<td>{_escape(cell)}</td>' for cell in row) + '</tr>\n'
        for row in rows)
    return f'<table>\n<tr>{head}</tr>\n{body}</table>\n'


def _show_json(value: typing.Any) -> str:
    return f'<pre>{_escape(json.dumps(value, indent=2))}</pre>\n'


def _escape(text: str) -> str:
    return html.escape(text)
