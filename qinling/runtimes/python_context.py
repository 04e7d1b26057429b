# SPDX-License-Identifier: Apache-2.0
"""The context of functions, as far as few of them need it.

Beside the bootstrap for Python, which loads this file when it is needed.
"""


class Context(dict):
    """The context of an execution that has a token.

    The token and the session over it are given to who asks for them by name,
    and shown to nobody else: a function that prints or returns its context
    does not give its owner's rights away.

    :param fields: the context as the service sent it.
    :param load: loads a module of this directory.
    """

    def __init__(self, fields, load):
        super().__init__(fields, token=None, os_session=None)
        self._fields = fields
        self._load = load
        self._session = None

    def __getitem__(self, name):
        if name == 'token':
            return self._fields['token']
        if name == 'os_session':
            return self._make_session()
        return super().__getitem__(name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def _make_session(self):
        """A keystoneauth session, or ``None`` where keystoneauth1 is not
        installed."""
        if self._session is None:
            try:
                self._session = self._load('python_openstack').make_session(
                    self._fields)
            except ModuleNotFoundError as error:
                if (error.name or '').split('.')[0] != 'keystoneauth1':
                    raise
        return self._session


def takes_context(function):
    """Whether what is no plain function can be called with ``context``."""
    import inspect
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.kind is each.VAR_KEYWORD
               or each.name == 'context' and each.kind
               in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
               for each in parameters)
