# SPDX-License-Identifier: Apache-2.0
"""Whether the source keeps to the sizes and manners of the house.

Prints ``file:line: sentence`` for what does not, and ends with exit code 1 if
there is anything.  The numbers are in ``doc/source/contributor/testing.rst``;
complexity is left to flake8, and who may import whom to ``.importlinter``.
"""

import ast
import dataclasses
import pathlib
import re
import statistics
import sys

LINES = 300
LINES_LARGE = 400
#: What a worker loads only where keystoneauth1 is.
OPTIONAL = 'qinling/runtimes/python_openstack.py'
MEDIAN = 130
FUNCTION = 40
CONTROLLER = 15
PARAMETERS = 6
CONTRACT = 8
#: Directories whose modules may have LINES_LARGE: drivers, and tests.
LARGE = ('qinling/orchestrators/', 'qinling/storage/', 'qinling/sources/',
         'qinling/runtimes/', 'qinling/tests/')
LARGE_FILES = ('qinling/db/models.py',)
#: Functions as users would write them; only the licence is asked of them.
SAMPLES = ('qinling/tests/functions/', 'tools/samples/')
#: Declarations of tables, which are as long as the tables are.
MIGRATIONS = 'alembic_migrations/versions/'
VAGUE_NAMES = {'utils', 'common', 'helpers'}
LATER = re.compile(r'\b(' + 'TO' 'DO' + '|' + 'FIX' 'ME' + r')\b')
BUILT = {'build', 'dist', '__pycache__', 'node_modules'}
SOURCES = {'.py', '.sh', '.js'}
SCRIPTS = ('.ci/run',)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass
class Source:
    """One file: its path below the root, its text and what Python makes of
    it (nothing, when it is not Python)."""

    path: str
    text: str
    tree: ast.Module = None

    @property
    def name(self):
        """The last part of the path, without its suffix."""
        return pathlib.PurePath(self.path).stem

    @property
    def sample(self):
        return self.path.startswith(SAMPLES)

    def functions(self):
        """Every function and method, also those within others."""
        return [node for node in ast.walk(self.tree)
                if isinstance(node, FUNCTIONS)]

    def imports(self):
        """(line, module) of everything that is imported by its full name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.lineno, node.module


LICENCE = 'SPDX-License-Identifier: Apache-2.0'


def licence(source):
    """Yield a file whose first comment does not name the licence."""
    lines = source.text.splitlines()
    first = lines[1:2] if source.text.startswith('#!') else lines[:1]
    if not any(re.fullmatch(f'(#|//) {LICENCE}', line) for line in first):
        yield 1, f'the comment "{LICENCE}" is missing at the top'


def later(source):
    """Nothing is put off in the source."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := LATER.search(line):
            yield number, (f'{found.group()}: do it, or file it where work '
                           'is planned')


def vague_name(source):
    """A name says what a module is about."""
    parts = pathlib.PurePath(source.path).with_suffix('').parts
    for part in parts:
        if part in VAGUE_NAMES:
            yield 1, f'{part!r} says nothing; name it after what it does'


def package_docstring(source):
    """A package says what lives there."""
    if source.name == '__init__' and not ast.get_docstring(source.tree):
        yield 1, ('the package does not say in a docstring what lives there '
                  'and what must not')


def module_lines(source):
    """A module can be read in one sitting."""
    if source.path.startswith(MIGRATIONS):
        return
    large = source.path.startswith(LARGE) or source.path in LARGE_FILES
    most = LINES_LARGE if large else LINES
    lines = len(source.text.splitlines())
    if lines > most:
        yield most + 1, f'the module has {lines} lines, more than {most}'


def _body_lines(function):
    """Lines of a function from ``def`` on, without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    said = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - said


def _exposed(function):
    """Whether a method is a door of the API."""
    return any(isinstance(decorator, ast.Call)
               and getattr(decorator.func, 'id', '') == 'expose'
               for decorator in function.decorator_list)


def function_lines(source):
    """A function fits on a screen; a controller method reads, makes one call
    of core, and renders."""
    if source.path.startswith(MIGRATIONS):
        return
    for function in source.functions():
        door = (source.path.startswith('qinling/api/controllers/')
                and _exposed(function))
        most, kind = ((CONTROLLER, 'controller method') if door
                      else (FUNCTION, 'function'))
        lines = _body_lines(function)
        if lines > most:
            yield function.lineno, (f'{kind} {function.name} has {lines} '
                                    f'lines, more than {most}')


def parameters(source):
    """Beyond a handful of parameters it is a dataclass."""
    for function in source.functions():
        args = function.args
        names = [arg.arg for arg in
                 (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        count = len(names) - (names[:1] in (['self'], ['cls']))
        if count > PARAMETERS:
            yield function.lineno, (
                f'function {function.name} has {count} parameters, more than '
                f'{PARAMETERS}; make it a dataclass')


def contract(source):
    """The contract of a driver is small."""
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


def global_statement(source):
    """What is shared is built once and handed around."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, ('"global" is not used here; build it in cmd '
                                'and pass it')


def eventlet(source):
    """Threads, never eventlet."""
    for line, module in source.imports():
        if module.split('.')[0] == 'eventlet':
            yield line, 'eventlet is not used here'


def worker_imports(source):
    """What runs in a worker runs on the standard library alone, but for
    what is loaded only where its library is."""
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


def read(root):
    """Every source file below a directory."""
    for path in sorted(root.rglob('*')):
        name = path.relative_to(root)
        hidden = any(part.startswith('.') for part in name.parts)
        if str(name) in SCRIPTS or (path.suffix in SOURCES and not hidden
                                    and not BUILT.intersection(name.parts)):
            source = Source(name.as_posix(), path.read_text('utf-8'))
            if path.suffix == '.py' and not source.sample:
                source.tree = ast.parse(source.text, source.path)
            yield source


def module_median(sources):
    """Most modules are small."""
    lines = [len(source.text.splitlines()) for source in sources
             if source.tree and source.name != '__init__'
             and source.path.startswith('qinling/')
             and not source.path.startswith('qinling/tests/')]
    if lines and (median := statistics.median(lines)) > MEDIAN:
        yield (f'qinling/:1: half of the modules have more than {median:g} '
               f'lines; {MEDIAN} is the most for this median')


def check(root):
    """``file:line: sentence`` for everything that is found below a
    directory."""
    sources = list(read(pathlib.Path(root)))
    for source in sources:
        rules = FOR_ALL + (() if source.sample else FOR_TEXT)
        if source.tree:
            rules += FOR_PYTHON
        for rule in rules:
            for line, sentence in rule(source):
                yield f'{source.path}:{line}: {sentence}.'
    yield from module_median(sources)


def main(words):
    """Check the directory that is named, or the checkout of this file."""
    root = words[0] if words else pathlib.Path(__file__).parents[1]
    found = list(check(root))
    print('\n'.join(found or ['The sizes are kept.']))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
