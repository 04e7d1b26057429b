# SPDX-License-Identifier: Apache-2.0
"""Nouns of the API as resources of openstacksdk.

A resource has the fields that the server sends, so that a client knows the
fields of later servers, too; ``doc/source/api`` describes them.  What is
declared here are the addresses, and the filters of lists.
"""

import typing
import urllib.parse

from keystoneauth1 import adapter
from openstack import exceptions
from openstack import resource

from qinling.client.v1 import functions

raise_from_response = exceptions.raise_from_response

#: Query keys of all lists; the SDK adds "limit" and "marker".
_COMMON = ('sort_key', 'sort_dir', 'fields', 'with_count', 'created_at',
           'updated_at')
_OWNED = (*_COMMON, 'all_projects', 'project_id')


class Resource(resource.Resource):
    """Resource with the fields that the server sends."""

    _allow_unknown_attrs_in_body = True
    commit_method = 'PUT'
    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    #: Field that stands in the path.
    address = 'id'

    @property
    def path(self) -> str:
        """Path of the resource."""
        address = self._body.attributes.get(self.address) or self.id
        return '/'.join((self.base_path % self._uri.attributes,
                         urllib.parse.quote(str(address), safe='')))

    def _prepare_request(self, *, requires_id: bool | None = None,
                         base_path: str | None = None,
                         **options: typing.Any) -> typing.Any:
        if requires_id is None:
            requires_id = self.requires_id
        if requires_id:
            base_path = self.path.replace('%', '%%')
        return super()._prepare_request(
            requires_id=False, base_path=base_path, **options)

    def act(self, session: adapter.Adapter, action: str,
            **fields: typing.Any) -> typing.Any:
        """Return the answer to a POST below the resource."""
        response = session.post(f'{self.path}/{action}', json=fields)
        raise_from_response(response)
        return response


class Runtime(Resource):
    """Pool of workers for one language."""

    base_path = '/v1/runtimes'
    resources_key = 'runtimes'
    _query_mapping = resource.QueryParameters(*_COMMON, 'status')


class Function(Resource):
    """Function; :meth:`send` creates and changes it with a package."""

    base_path = '/v1/functions'
    resources_key = 'functions'
    allow_create = False
    allow_commit = False
    _query_mapping = resource.QueryParameters(*_OWNED)

    def send(self, session: adapter.Adapter, package: bytes | None = None
             ) -> typing.Self:
        """Create or change the function.

        :param package: bytes of a ZIP file.
        """
        form = functions.build_form(self._body.dirty, package)
        if self.id is None:
            response = session.post(self.base_path, **form)
        else:
            response = session.put(self.path, **form)
        self._translate_response(response)
        return self


class Version(Resource):
    """Published version of a function; its address is the number."""

    base_path = '/v1/functions/%(function_id)s/versions'
    resources_key = 'function_versions'
    address = 'version_number'
    function_id = resource.URI('function_id')
    _query_mapping = resource.QueryParameters(*_COMMON, 'tags')


class Alias(Resource):
    """Name for a version of a function."""

    base_path = '/v1/aliases'
    resources_key = 'function_aliases'
    address = 'name'
    _query_mapping = resource.QueryParameters(*_OWNED, 'tool')


class Execution(Resource):
    """Run of a function."""

    base_path = '/v1/executions'
    resources_key = 'executions'
    allow_commit = False
    _query_mapping = resource.QueryParameters(
        *_OWNED, 'function_id', 'job_id', 'group_id', 'status', 'reason',
        'fingerprint', 'description', 'trigger', 'sync', 'function_version',
        'function_alias', 'flow_key', 'started_at', 'ended_at', 'duration')


class Job(Resource):
    """Schedule of executions."""

    base_path = '/v1/jobs'
    resources_key = 'jobs'
    _query_mapping = resource.QueryParameters(*_OWNED, 'status')


class Webhook(Resource):
    """URL that runs a function."""

    base_path = '/v1/webhooks'
    resources_key = 'webhooks'
    _query_mapping = resource.QueryParameters(*_OWNED)


class EventSource(Resource):
    """Queue or stream whose events run a function."""

    base_path = '/v1/event_sources'
    resources_key = 'event_sources'
    _query_mapping = resource.QueryParameters(
        *_OWNED, 'kind', 'status', 'state')


class DeadLetter(Resource):
    """Payload that no execution has handled."""

    base_path = '/v1/dead_letters'
    resources_key = 'dead_letters'
    allow_create = False
    allow_commit = False
    _query_mapping = resource.QueryParameters(
        *_OWNED, 'function_id', 'function_version', 'function_alias',
        'trigger', 'source_id', 'execution_id', 'first_at', 'attempts')


class Quota(Resource):
    """Limits of a project; the address is the id of the project."""

    base_path = '/v1/quotas'
    address = 'project_id'
    allow_create = False
    allow_list = False
