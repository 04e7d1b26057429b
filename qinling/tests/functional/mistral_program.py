# SPDX-License-Identifier: Apache-2.0
"""Engine of Mistral for workflows; runs in an environment with Mistral.

The argument is the configuration file of Mistral.  Each line of the input is
an object with the text of a ``workflow`` and its ``input``; the answer is a
line with the last state.
"""

import json
import sys
import time

from mistral import config
from mistral import context
from mistral.db.v2 import api as db_api
from mistral.engine import engine_server
from mistral.rpc import base as rpc
from mistral.rpc import clients
from mistral.services import actions
from mistral.services import workflows
from mistral.workflow import states


def start(path):
    """Create the tables and start the engine, with an executor inside."""
    config.parse_args(['--config-file', path])
    db_api.setup_db()
    context.set_ctx(context.MistralContext(
        user_id='tests', project_id='tests', auth_token='', is_admin=True))
    rpc.get_transport()
    server = engine_server.get_oslo_service(setup_profiler=False)
    server.start()
    actions.get_system_action_provider()
    server.wait_started()


def run(request):
    """Run a workflow and return state, output and explanation."""
    workflow, = workflows.create_workflows(request['workflow'])
    execution = clients.get_engine_client().start_workflow(
        workflow.name, wf_input=request['input'])
    while True:
        with db_api.transaction():
            row = db_api.get_workflow_execution(execution['id'])
            if states.is_completed(row.state):
                return {'state': row.state, 'output': row.output,
                        'info': row.state_info}
        time.sleep(0.1)


def main():
    """Answer requests until the end of the input."""
    start(sys.argv[1])
    print(json.dumps({'ready': True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line)), default=str), flush=True)


main()
