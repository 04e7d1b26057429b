# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Job``: executions on a schedule."""

import typing

from qinling.heat import base


class Job(base.Trigger):
    """Job: a function, or the target of an alias, on a schedule."""

    entity = 'jobs'
    properties_schema = {
        'name': base.declare(base.TEXT, 'Name of the job.', max_length=255),
        'function': base.declare_function(replaces=True),
        'function_version': base.declare(
            base.WHOLE_NUMBER, 'Number of a version, 0 for the latest code.',
            minimum=0, replaces=True),
        'function_alias': base.declare(
            base.TEXT, 'Alias to run, in place of function.', max_length=255,
            replaces=True),
        'function_input': base.declare(
            base.ANYTHING, 'Input of each execution.'),
        'pattern': base.declare(
            base.TEXT, 'Cron pattern, such as "30 2 * * *".', max_length=255),
        'first_execution_time': base.declare(
            base.TEXT, 'Time of the first execution; of a job without a '
            'pattern, the only time.', replaces=True),
        'count': base.declare(
            base.WHOLE_NUMBER, 'Number of fire times.', minimum=1,
            replaces=True),
        'timezone': base.declare(
            base.TEXT, 'Time zone of the pattern, such as Europe/Paris.',
            max_length=64),
        'misfire': base.declare(
            base.TEXT, 'What becomes of missed fire times.',
            choices=['skip', 'once', 'all']),
        'overlap': base.declare(
            base.TEXT, 'What becomes of fire times during an execution.',
            choices=['allow', 'skip', 'queue_one', 'queue_all',
                     'cancel_other']),
        'start_at': base.declare(base.TEXT, 'No fire time is before.'),
        'end_at': base.declare(base.TEXT, 'No fire time is after.'),
        'jitter': base.declare(
            base.WHOLE_NUMBER, 'Random delay of at most these seconds.',
            minimum=0),
        'max_failures': base.declare(
            base.WHOLE_NUMBER, 'Failures in a row that pause the job.',
            minimum=0),
        'exclusions': base.declare(
            base.LIST, 'Dates, and ranges of dates, without fire times.'),
        'status': base.declare(
            base.TEXT, 'Whether the job fires.',
            choices=['running', 'paused'])}
    attributes_schema = {
        'next_execution_time': base.declare_attribute(
            'Next fire time.'),
        'status': base.declare_attribute('Status of the job.'),
        'status_reason': base.declare_attribute(
            'Why the service paused the job.')}
    removed = {'function_input': {}, 'timezone': 'UTC', 'misfire': 'once',
               'overlap': 'allow', 'start_at': '', 'end_at': '', 'jitter': 0,
               'max_failures': 0, 'exclusions': [], 'status': 'running'}

    def handle_create(self) -> typing.Any:
        """Create the job; a new job of the API is running."""
        row = super().handle_create()
        if self.properties['status'] == 'paused':
            self.update_fields({'status': 'paused'})
        return row

    def needs_replace_with_prop_diff(
            self, changed_properties_set: set[str], after_props: typing.Any,
            before_props: typing.Any) -> bool:
        """Return whether the job becomes one with or without a pattern."""
        return 'pattern' in changed_properties_set and None in (
            before_props['pattern'], after_props['pattern'])
