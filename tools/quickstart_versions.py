# SPDX-License-Identifier: Apache-2.0
"""The second half of the quickstart: versions and an alias.

Publishes the sample twice, points an alias at one version, moves it and
rolls it back.  It uses what :mod:`quickstart_demo` hands it.
"""

import json
import urllib.parse

ALIAS = 'greeter-prod'
#: What the second version says instead.
CHANGE = (b"'en': 'Hello'", b"'en': 'Good day'")


def publish(api, function, description):
    """The number of a new version of the latest code."""
    row = api.call('POST', f'/functions/{function}/versions',
                   {'description': description})
    return row['version_number']


def point(api, function, version):
    """Have the alias lead to a version, whether it exists or not."""
    names = [row['name']
             for row in api.call('GET', '/aliases')['function_aliases']]
    target = {'function_id': function, 'function_version': version}
    if ALIAS in names:
        api.call('PUT', f'/aliases/{urllib.parse.quote(ALIAS)}', target)
    else:
        api.call('POST', '/aliases', dict(target, name=ALIAS))


def greet(api, demo):
    """What an execution through the alias says, and what it ran."""
    row = api.call('POST', '/executions', {
        'function_alias': ALIAS, 'input': json.dumps({'name': 'Ada'}),
        'sync': True})
    if row['status'] != 'success':
        raise demo.Trouble(f'Execution {row["id"]} ended as '
                           f'{row["status"]}: {row["result"]}')
    said = json.loads(row['result'])['output']['greetings']['en']
    demo.show(ALIAS, said, f'version {row["function_version"]}')


def demonstrate(api, function, demo):
    """Everything, step by step.

    :param demo: the module :mod:`quickstart_demo`.
    """
    demo.title(f'Publish a version, and point the alias {ALIAS} at it')
    first = publish(api, function, 'as it was uploaded')
    point(api, function, first)
    greet(api, demo)

    demo.title('Change the code, and publish it: the alias stays where it is')
    code, _ = demo.package(CHANGE)
    fields = {'code': '{"source": "package"}'}
    api.upload('PUT', f'/functions/{function}', fields, code)
    second = publish(api, function, 'more polite')
    greet(api, demo)

    demo.title(f'Move the alias to version {second}')
    point(api, function, second)
    greet(api, demo)

    demo.title('Roll it back')
    api.call('POST', f'/aliases/{ALIAS}/rollback')
    greet(api, demo)
