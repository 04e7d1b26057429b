# SPDX-License-Identifier: Apache-2.0
"""Check the sizes, the manners and the words of the source.

Print ``file:line: sentence`` for each finding and exit with code 1 if there is
any.  ``HACKING.rst`` explains the rules; flake8 checks the complexity,
``.importlinter`` the imports, and ``check_words.py`` the words.
"""

import ast
from collections.abc import Iterator
import dataclasses
import pathlib
import re
import statistics
import sys
import typing

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import check_words  # noqa: E402

LINES = 300
LINES_LARGE = 400
#: Module that workers load only with keystoneauth1.
OPTIONAL = 'qinling/runtimes/python_openstack.py'
MEDIAN = 130
FUNCTION = 40
CONTROLLER = 15
PARAMETERS = 6
CONTRACT = 8
#: Directories whose modules may have LINES_LARGE: drivers, and tests.
LARGE = ('qinling/orchestrators/', 'qinling/storage/', 'qinling/sources/',
         'qinling/runtimes/', 'qinling/tests/')
LARGE_FILES = ('qinling/db/models.py', 'qinling/exception.py')
#: Functions as users write them; only the licence is checked.
SAMPLES = ('qinling/tests/functions/', 'tools/samples/')
#: Declarations of tables, as long as the tables.
MIGRATIONS = 'alembic_migrations/versions/'
VAGUE_NAMES = {'utils', 'common', 'helpers'}
LATER = re.compile(r'\b(' + 'TO' 'DO' + '|' + 'FIX' 'ME' + r')\b')
BUILT = {'build', 'dist', '__pycache__', 'node_modules'}
SOURCES = {'.py', '.sh', '.js'}
SCRIPTS = ('.ci/run',)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

#: (line, sentence) pairs.
Findings = Iterator[tuple[int, str]]


@dataclasses.dataclass
class Source:
    """One file: path below the root, text and syntax tree of Python."""

    path: str
    text: str
    tree: typing.Any = None

    @property
    def name(self) -> str:
        """Return the last part of the path, without its suffix."""
        return pathlib.PurePath(self.path).stem

    @property
    def sample(self) -> bool:
        """Return whether the file is a function of a user."""
        return self.path.startswith(SAMPLES)

    def functions(self) -> list[typing.Any]:
        """Return every function and method, nested ones included."""
        return [node for node in ast.walk(self.tree)
                if isinstance(node, FUNCTIONS)]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, module) of every absolute import."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif (isinstance(node, ast.ImportFrom) and not node.level
                    and node.module):
                yield node.lineno, node.module


LICENCE = 'SPDX-License-Identifier: Apache-2.0'


def licence(source: Source) -> Findings:
    """Yield a file whose first comment does not name the licence."""
    lines = source.text.splitlines()
    first = lines[1:2] if source.text.startswith('#!') else lines[:1]
    if not any(re.fullmatch(f'(#|//) {LICENCE}', line) for line in first):
        yield 1, f'the comment "{LICENCE}" is missing at the top'


def later(source: Source) -> Findings:
    """Yield the lines that put work off."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if match := LATER.search(line):
            yield number, (f'{match.group()}: finish the work, or file an '
                           'issue')


def vague_name(source: Source) -> Findings:
    """Yield the modules whose name says nothing."""
    parts = pathlib.PurePath(source.path).with_suffix('').parts
    for part in parts:
        if part in VAGUE_NAMES:
            yield 1, f'{part!r} says nothing; name it after what it does'


def package_docstring(source: Source) -> Findings:
    """Yield the packages without a docstring."""
    if source.name == '__init__' and not ast.get_docstring(source.tree):
        yield 1, ('the package does not say in a docstring what lives there '
                  'and what must not')


def module_lines(source: Source) -> Findings:
    """Yield the modules that are too long."""
    if source.path.startswith(MIGRATIONS):
        return
    large = source.path.startswith(LARGE) or source.path in LARGE_FILES
    limit = LINES_LARGE if large else LINES
    lines = len(source.text.splitlines())
    if lines > limit:
        yield limit + 1, f'the module has {lines} lines, more than {limit}'


def _body_lines(function: typing.Any) -> int:
    """Return the lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def _is_route(function: typing.Any) -> bool:
    """Return whether a method is a route of the API."""
    return any(isinstance(decorator, ast.Call)
               and getattr(decorator.func, 'id', '') == 'route'
               for decorator in function.decorator_list)


def function_lines(source: Source) -> Findings:
    """Yield the functions and controller methods that are too long."""
    if source.path.startswith(MIGRATIONS):
        return
    for function in source.functions():
        is_route = (source.path.startswith('qinling/api/controllers/')
                    and _is_route(function))
        limit, kind = ((CONTROLLER, 'controller method') if is_route
                       else (FUNCTION, 'function'))
        lines = _body_lines(function)
        if lines > limit:
            yield function.lineno, (f'{kind} {function.name} has {lines} '
                                    f'lines, more than {limit}')


def parameters(source: Source) -> Findings:
    """Yield the functions with too many parameters."""
    for function in source.functions():
        args = function.args
        names = [arg.arg for arg in
                 (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        count = len(names) - (names[:1] in (['self'], ['cls']))
        if count > PARAMETERS:
            yield function.lineno, (
                f'function {function.name} has {count} parameters, more than '
                f'{PARAMETERS}; make it a dataclass')


def contract(source: Source) -> Findings:
    """Yield the driver contracts with too many methods."""
    if source.name != 'base' or source.path.startswith('qinling/tests/'):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        count = sum('abstractmethod' in ast.dump(decorator)
                    for method in node.body if isinstance(method, FUNCTIONS)
                    for decorator in method.decorator_list)
        if count > CONTRACT:
            yield node.lineno, (f'contract {node.name} has {count} abstract '
                                f'methods, more than {CONTRACT}')


def global_statement(source: Source) -> Findings:
    """Yield the global statements."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, ('"global" is not used here; build it in cmd '
                                'and pass it')


def eventlet(source: Source) -> Findings:
    """Yield the imports of eventlet."""
    for line, module in source.imports():
        if module.split('.')[0] == 'eventlet':
            yield line, 'eventlet is not used here'


def worker_imports(source: Source) -> Findings:
    """Yield the third-party imports of the code in workers."""
    if (not source.path.startswith('qinling/runtimes/')
            or source.path == OPTIONAL):
        return
    for line, module in source.imports():
        first = module.split('.')[0]
        if not (first in sys.stdlib_module_names
                or first.startswith('agent')):
            yield line, (f'{first} is not in the standard library, which is '
                         'all that workers have')


FOR_ALL = (licence,)
FOR_TEXT = (later, vague_name)
FOR_PYTHON = (package_docstring, module_lines, function_lines, parameters,
              contract, global_statement, eventlet, worker_imports)


def read(root: pathlib.Path) -> Iterator[Source]:
    """Yield every source file below a directory."""
    for path in sorted(root.rglob('*')):
        name = path.relative_to(root)
        hidden = any(part.startswith('.') for part in name.parts)
        if str(name) in SCRIPTS or (path.suffix in SOURCES and not hidden
                                    and not BUILT.intersection(name.parts)):
            source = Source(name.as_posix(), path.read_text('utf-8'))
            if path.suffix == '.py' and not source.sample:
                source.tree = ast.parse(source.text, source.path)
            yield source


def module_median(sources: list[Source]) -> Iterator[str]:
    """Yield a finding when half of the modules are too long."""
    lines = [len(source.text.splitlines()) for source in sources
             if source.tree and source.name != '__init__'
             and source.path.startswith('qinling/')
             and not source.path.startswith('qinling/tests/')]
    if lines and (median := statistics.median(lines)) > MEDIAN:
        yield (f'qinling/:1: half of the modules have more than {median:g} '
               f'lines; {MEDIAN} is the most for this median')


def check(root: str | pathlib.Path) -> Iterator[str]:
    """Yield ``file:line: sentence`` for each finding below a directory."""
    sources = list(read(pathlib.Path(root)))
    for source in sources:
        rules = FOR_ALL + (() if source.sample else FOR_TEXT)
        if source.tree:
            rules += FOR_PYTHON
        for rule in rules:
            for line, sentence in rule(source):
                yield f'{source.path}:{line}: {sentence}.'
    yield from module_median(sources)


def main(arguments: list[str]) -> int:
    """Check the named directory, or the checkout of this file."""
    root = arguments[0] if arguments else pathlib.Path(__file__).parents[1]
    findings = list(check(root))
    if not arguments:
        findings += check_words.check(pathlib.Path(root))
    print('\n'.join(findings or ['Sizes and words are as agreed.']))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
