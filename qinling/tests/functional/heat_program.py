# SPDX-License-Identifier: Apache-2.0
"""Engine of Heat, driven by lines of JSON; runs in an environment with Heat.

The argument is the configuration file of Heat.  Each line of the input is an
object with ``action``, and the answer is a line with the state of the stack.
"""

import json
import sys
import time

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)

from heat.common import context  # noqa: E402
from heat.common import exception  # noqa: E402
from heat.common import messaging  # noqa: E402
from heat.common import template_format  # noqa: E402
from heat.db import api as db_api  # noqa: E402
from heat.db import models  # noqa: E402
from heat.engine import environment  # noqa: E402
from heat.engine import resources  # noqa: E402
from heat.engine import scheduler  # noqa: E402
from heat.engine import stack as stacks  # noqa: E402
from heat.engine import template  # noqa: E402
from oslo_config import cfg  # noqa: E402

#: Name of the engine that owns the locks of stacks.
OWNER = 'tests'


def start(path):
    """Read the configuration, create the tables and load the plugins."""
    cfg.CONF(['--config-file', path], project='heat', prog='heat-engine')
    models.BASE.metadata.create_all(db_api.get_engine())
    messaging.setup('fake://', optional=True)
    resources.initialise()
    # Tasks of Heat wait a second between two steps.
    scheduler.TaskRunner._sleep = lambda self, seconds: time.sleep(0.02)


class Session:
    """Stacks of one user of a cloud."""

    def __init__(self, account):
        self._account = account

    def _context(self):
        return context.RequestContext.from_dict({
            **self._account, 'user_domain_id': 'default', 'is_admin': False})

    def _build(self, ctx, request):
        parsed = template_format.parse(request['template'])
        return stacks.Stack(ctx, request['stack'], template.Template(
            parsed, files=request.get('files'),
            env=environment.Environment(request.get('environment') or {})))

    def _load(self, ctx, request):
        return stacks.Stack.load(ctx, stack_id=request['id'])

    def create(self, request):
        """Create a stack."""
        stack = self._build(self._context(), request)
        stack.validate()
        stack.store()
        stack.create()
        stack.persist_state_and_release_lock(OWNER)
        return stack

    def update(self, request):
        """Change a stack."""
        ctx = self._context()
        stack = self._load(ctx, request)
        changed = self._build(ctx, request)
        changed.validate()
        stack.update(changed)
        stack.persist_state_and_release_lock(OWNER)
        return self._load(self._context(), request)

    def delete(self, request):
        """Delete a stack."""
        stack = self._load(self._context(), request)
        stack.delete()
        return stack

    def types(self, request):
        """Return properties and attributes of types of resources."""
        return {name: describe_type(resources.global_env().get_class(name))
                for name in request['names']}


def describe_type(cls):
    """Return the properties and the attributes of a class."""
    return {'properties': {key: dict(schema) for key, schema
                           in cls.properties_schema.items()},
            'attributes': sorted(cls.attributes_schema)}


def describe(stack):
    """Return the state of a stack and its resources."""
    if stack.action != 'DELETE':
        stack._update_all_resource_data(
            for_resources=False, for_outputs=True)
    return {
        'id': stack.id, 'status': f'{stack.action}_{stack.status}',
        'reason': stack.status_reason,
        'outputs': {name: output.get_value() for name, output
                    in stack.outputs.items() if stack.action != 'DELETE'},
        'resources': {name: {
            'id': resource.resource_id,
            'status': f'{resource.action}_{resource.status}',
            'reason': resource.status_reason}
            for name, resource in stack.items()}}


def main():
    """Answer requests until the end of the input."""
    start(sys.argv[1])
    print(json.dumps({'ready': True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        session = Session(request['account'])
        try:
            answer = getattr(session, request['action'])(request)
            if isinstance(answer, stacks.Stack):
                answer = describe(answer)
        except exception.HeatException as e:
            answer = {'error': str(e)}
        print(json.dumps(answer, default=str), flush=True)


main()
