# SPDX-License-Identifier: Apache-2.0
"""Functions that look at what they may do in OpenStack."""

import json


def asked(context):
    return [context[name] if subscript else context.get(name)
            for name in ('token', 'project_id')
            for subscript in (True, False)]


def shown(context):
    return [str(context), json.dumps(context), dict(context),
            list(context.values()), {**context}, context.copy()]


def session(context):
    return [context['os_session'], context.get('os_session'),
            'os_session' in context, context.get('none', 1)]


def changed(context):
    context['mine'] = 1
    return [context['mine'], sorted(context)]
