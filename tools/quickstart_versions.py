# SPDX-License-Identifier: Apache-2.0
"""Second half of the quickstart: versions and an alias.

Publishes the sample twice, points an alias at one version, moves the alias
and rolls the alias back.  Called by :mod:`quickstart_demo`.
"""

import json
import typing
import urllib.parse

import quickstart_console as console

if typing.TYPE_CHECKING:
    import quickstart_demo

ALIAS = 'greeter-prod'
#: Change of the code for the second version.
CHANGE = (b"'en': 'Hello'", b"'en': 'Good day'")


def publish(api: 'quickstart_demo.Api', function: str, description: str
            ) -> int:
    """Publish the latest code, and return the number of the version."""
    row = api.call('POST', f'/functions/{function}/versions',
                   {'description': description})
    return row['version_number']


def point_alias(api: 'quickstart_demo.Api', function: str, version: int
                ) -> None:
    """Create the alias for a version, or move the alias to a version."""
    names = [row['name']
             for row in api.call('GET', '/aliases')['function_aliases']]
    target = {'function_id': function, 'function_version': version}
    if ALIAS in names:
        api.call('PUT', f'/aliases/{urllib.parse.quote(ALIAS)}', target)
    else:
        api.call('POST', '/aliases', dict(target, name=ALIAS))


def show_greeting(api: 'quickstart_demo.Api') -> None:
    """Run the function through the alias, and print result and version."""
    row = api.call('POST', '/executions', {
        'function_alias': ALIAS, 'input': json.dumps({'name': 'Ada'}),
        'sync': True})
    api.check_success(row)
    greeting = json.loads(row['result'])['output']['greetings']['en']
    console.print_field(ALIAS, greeting, f'version {row["function_version"]}')


def demonstrate(api: 'quickstart_demo.Api', function: str,
                changed_package: bytes) -> None:
    """Publish, move and roll back, step by step.

    :param changed_package: sample after :data:`CHANGE`.
    """
    console.print_title(
        f'Publish a version, and point the alias {ALIAS} at the version')
    first = publish(api, function, 'first upload')
    point_alias(api, function, first)
    show_greeting(api)

    console.print_title(
        'Change the code, and publish again: the alias does not move')
    fields = {'code': '{"source": "package"}'}
    api.upload('PUT', f'/functions/{function}', fields, changed_package)
    second = publish(api, function, 'more polite')
    show_greeting(api)

    console.print_title(f'Move the alias to version {second}')
    point_alias(api, function, second)
    show_greeting(api)

    console.print_title('Roll the alias back')
    api.call('POST', f'/aliases/{ALIAS}/rollback')
    show_greeting(api)
