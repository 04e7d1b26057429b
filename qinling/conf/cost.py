# SPDX-License-Identifier: Apache-2.0
"""Options of the cost of executions."""

from oslo_config import cfg

GROUP = 'cost'
GROUP_HELP = ('Prices of executions. With a price, statistics show costs, and '
              'projects can have a budget for each month.')

OPTS = [
    cfg.FloatOpt('gb_second_price', default=0, min=0, mutable=True,
                 help='Price of one GB-second: the duration of an execution '
                      'in seconds, multiplied by the memory limit of the '
                      'function in GiB. 0 for no price.'),
    cfg.FloatOpt('million_executions_price', default=0, min=0, mutable=True,
                 help='Price of one million executions. 0 for no price.'),
    cfg.StrOpt('currency', default='EUR', mutable=True,
               help='Currency of the prices; only shown.'),
    cfg.FloatOpt('warning_timeout', default=10, min=0.1,
                 help='Seconds that the receiver of a warning about a budget '
                      'has for the answer.'),
]
