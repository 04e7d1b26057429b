#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
