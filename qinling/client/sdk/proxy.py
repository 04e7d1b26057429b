# SPDX-License-Identifier: Apache-2.0
"""Calls of ``conn.function_engine``."""

from collections.abc import Iterator
import typing

from openstack import resource as sdk_resource

from qinling.client.sdk import events
from qinling.client.sdk import functions
from qinling.client.sdk import resources

#: Statuses of an execution that has ended without success.
FAILURES = ['failed', 'error', 'cancelled']


class Proxy(functions.Functions, events.Events):
    """Functions, versions, aliases, executions, jobs, webhooks and runtimes.

    A resource stands for its address: the id, of an alias the name, of a
    version the number, of a quota the id of the project.  Fields are those of
    the REST API.
    """

    def aliases(self, **query: typing.Any) -> Iterator[resources.Alias]:
        """Iterate over aliases.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Alias, **query)

    def create_alias(self, **fields: typing.Any) -> resources.Alias:
        """Create an alias."""
        return self._create(resources.Alias, **fields)

    def get_alias(self, alias: resources.Alias | str
                  ) -> resources.Alias:
        """Return an alias."""
        return self._get(resources.Alias, alias)

    def find_alias(self, name_or_id: str, ignore_missing: bool = True
                   ) -> resources.Alias | None:
        """Return the alias with a name or an id, or ``None``."""
        return self._find(resources.Alias, name_or_id, ignore_missing)

    def update_alias(self, alias: resources.Alias | str,
                     **fields: typing.Any) -> resources.Alias:
        """Change an alias."""
        return self._update(resources.Alias, alias, **fields)

    def delete_alias(self, alias: resources.Alias | str,
                     ignore_missing: bool = True) -> None:
        """Delete an alias."""
        self._delete(resources.Alias, alias, ignore_missing)

    def roll_back_alias(self, alias: resources.Alias | str,
                        **fields: typing.Any) -> typing.Any:
        """Point an alias at its previous target, and return the answer.

        :param fields: ``revision`` for another entry of the history.
        """
        resource = self._get_resource(resources.Alias, alias)
        return resource.act(self, 'rollback', **fields).json()

    def executions(self, **query: typing.Any) -> Iterator[resources.Execution]:
        """Iterate over executions.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Execution, **query)

    def create_execution(self, **fields: typing.Any) -> resources.Execution:
        """Create an execution; ``sync=False`` returns at once."""
        return self._create(resources.Execution, **fields)

    def get_execution(self, execution: resources.Execution | str
                      ) -> resources.Execution:
        """Return an execution."""
        return self._get(resources.Execution, execution)

    def delete_execution(self, execution: resources.Execution | str,
                         ignore_missing: bool = True) -> None:
        """Delete an execution."""
        self._delete(resources.Execution, execution, ignore_missing)

    def wait_for_execution(self, execution: resources.Execution,
                           interval: float = 1, timeout: float = 120
                           ) -> resources.Execution:
        """Wait for the end of an execution, and return it.

        :param interval: seconds between two looks.
        :param timeout: seconds.
        :raises ResourceFailure: the execution failed.
        :raises ResourceTimeout: the time ran out.
        """
        return sdk_resource.wait_for_status(
            self, execution, 'success', FAILURES, interval, timeout)

    def cancel_execution(self, execution: resources.Execution | str
                         ) -> None:
        """Cancel an execution."""
        self._get_resource(resources.Execution, execution).act(self, 'cancel')

    def rerun_execution(self, execution: resources.Execution | str,
                        **fields: typing.Any) -> resources.Execution:
        """Run the input of an execution once more, and return the new one.

        :param fields: such as ``function_version`` and ``sync``.
        """
        resource = self._get_resource(resources.Execution, execution)
        return resources.Execution.existing(
            **resource.act(self, 'rerun', **fields).json())

    def get_execution_log(self, execution: resources.Execution | str
                          ) -> str:
        """Return the log of an execution."""
        resource = self._get_resource(resources.Execution, execution)
        response = self.get(f'{resource.path}/log')
        resources.raise_from_response(response)
        return response.text

    def jobs(self, **query: typing.Any) -> Iterator[resources.Job]:
        """Iterate over jobs.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Job, **query)

    def create_job(self, **fields: typing.Any) -> resources.Job:
        """Create a job."""
        return self._create(resources.Job, **fields)

    def get_job(self, job: resources.Job | str
                ) -> resources.Job:
        """Return a job."""
        return self._get(resources.Job, job)

    def find_job(self, name_or_id: str, ignore_missing: bool = True
                 ) -> resources.Job | None:
        """Return the job with a name or an id, or ``None``."""
        return self._find(resources.Job, name_or_id, ignore_missing)

    def update_job(self, job: resources.Job | str,
                   **fields: typing.Any) -> resources.Job:
        """Change a job."""
        return self._update(resources.Job, job, **fields)

    def delete_job(self, job: resources.Job | str,
                   ignore_missing: bool = True) -> None:
        """Delete a job."""
        self._delete(resources.Job, job, ignore_missing)

    def run_job(self, job: resources.Job | str) -> resources.Execution:
        """Run a job now, and return the execution."""
        resource = self._get_resource(resources.Job, job)
        return resources.Execution.existing(**resource.act(self, 'run').json())

    def webhooks(self, **query: typing.Any) -> Iterator[resources.Webhook]:
        """Iterate over webhooks.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Webhook, **query)

    def create_webhook(self, **fields: typing.Any) -> resources.Webhook:
        """Create a webhook."""
        return self._create(resources.Webhook, **fields)

    def get_webhook(self, webhook: resources.Webhook | str
                    ) -> resources.Webhook:
        """Return a webhook."""
        return self._get(resources.Webhook, webhook)

    def update_webhook(self, webhook: resources.Webhook | str,
                       **fields: typing.Any) -> resources.Webhook:
        """Change a webhook."""
        return self._update(resources.Webhook, webhook, **fields)

    def delete_webhook(self, webhook: resources.Webhook | str,
                       ignore_missing: bool = True) -> None:
        """Delete a webhook."""
        self._delete(resources.Webhook, webhook, ignore_missing)

    def runtimes(self, **query: typing.Any) -> Iterator[resources.Runtime]:
        """Iterate over runtimes.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Runtime, **query)

    def create_runtime(self, **fields: typing.Any) -> resources.Runtime:
        """Create a runtime."""
        return self._create(resources.Runtime, **fields)

    def get_runtime(self, runtime: resources.Runtime | str
                    ) -> resources.Runtime:
        """Return a runtime."""
        return self._get(resources.Runtime, runtime)

    def find_runtime(self, name_or_id: str, ignore_missing: bool = True
                     ) -> resources.Runtime | None:
        """Return the runtime with a name or an id, or ``None``."""
        return self._find(resources.Runtime, name_or_id, ignore_missing)

    def update_runtime(self, runtime: resources.Runtime | str,
                       **fields: typing.Any) -> resources.Runtime:
        """Change a runtime."""
        return self._update(resources.Runtime, runtime, **fields)

    def delete_runtime(self, runtime: resources.Runtime | str,
                       ignore_missing: bool = True) -> None:
        """Delete a runtime."""
        self._delete(resources.Runtime, runtime, ignore_missing)

    def get_quota(self, project_id: str) -> resources.Quota:
        """Return limits and usage of a project."""
        return self._get(resources.Quota, project_id)

    def update_quota(self, project_id: str, **limits: typing.Any
                     ) -> resources.Quota:
        """Change the limits of a project; -1 removes one."""
        return self._update(resources.Quota, project_id, **limits)

    def delete_quota(self, project_id: str) -> None:
        """Restore the default limits of a project."""
        self._delete(resources.Quota, project_id)
