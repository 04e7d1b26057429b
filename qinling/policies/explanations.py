# SPDX-License-Identifier: Apache-2.0
"""Policies of explanations."""

from qinling.policies import base

RULES = [
    base.create_rule(
        'execution:explain', base.MEMBER, 'Explain the start of an execution.',
        'POST', '/v1/executions/explain'),
    base.create_rule(
        'function_version:explain', base.MEMBER,
        'Explain the publication of a version.', 'POST',
        '/v1/functions/{id}/versions/explain'),
    base.create_rule(
        'function_alias:explain', base.MEMBER,
        'Explain the creation of an alias.', 'POST', '/v1/aliases/explain'),
    base.create_rule(
        'function_alias:explain_update', base.MEMBER,
        'Explain a change of an alias.', 'POST', '/v1/aliases/{name}/explain'),
    base.create_rule(
        'job:explain', base.MEMBER, 'Explain the creation of a job.', 'POST',
        '/v1/jobs/explain'),
    base.create_rule(
        'webhook:explain', base.MEMBER, 'Explain the creation of a webhook.',
        'POST', '/v1/webhooks/explain'),
    base.create_rule(
        'event_source:explain', base.MEMBER,
        'Explain the creation of an event source.', 'POST',
        '/v1/event_sources/explain'),
]
