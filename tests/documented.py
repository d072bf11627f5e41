"""Is everything public documented?

For each name in a module's `__all__`, and each method that `@patch` adds to a class: a docstring of one sentence, and
beside every parameter and every result other than None a comment that says what it is, as fastcore's docments reads
them.
"""
import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from functools import cached_property
from importlib import import_module

from fastcore.docments import docments

PROPERTIES = property, cached_property
FUNCS = ast.FunctionDef, ast.AsyncFunctionDef
# of a callback: the name says it all
EVENT = re.compile('(before|after)_(create|fit|epoch|train|batch|pred|loss|backward|step|validate|cancel_[a-z]+)')


def sentence(doc):
    "What is wrong with a docstring, or None."
    if not doc or not doc.strip(): return 'has no docstring'
    text = re.sub(r'`[^`]*`', 'code', doc.strip())
    text = re.sub(r'\b(e\.g|i\.e|etc|vs)\.', r'\1', text)
    if '\n\n' in text: return 'has a docstring of more than one paragraph'
    if not re.search(r'[.?!]["\')]*$', text): return 'has a docstring that is not a sentence: it lacks its full stop'
    if re.search(r'[.?!]["\')]*\s+["\'(]*[A-Z]', text): return 'has a docstring of more than one sentence'


def tree(f): return ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]


def gives(node):
    "Does this function give something other than None?"
    none = lambda n: n is None or isinstance(n, ast.Constant) and n.value is None
    if node.returns is not None: return not none(node.returns)
    todo = list(node.body)
    while todo:
        n = todo.pop()
        if isinstance(n, (*FUNCS, ast.ClassDef, ast.Lambda)): continue
        if isinstance(n, (ast.Yield, ast.YieldFrom)) or isinstance(n, ast.Return) and not none(n.value): return True
        todo += ast.iter_child_nodes(n)
    return False


def function(f, label, method=False, init=False, prop=False):
    "What is missing beside a function, each parameter of which has a line of its own."
    f = inspect.unwrap(f)
    if not init and (why := sentence(inspect.getdoc(f) if f.__doc__ else '')): yield f'{label} {why}'
    node, docs = tree(f), docments(f, args_kwargs=True)
    a = node.args
    args = [*a.posonlyargs, *a.args][method:] + [*filter(None, [a.vararg])] + a.kwonlyargs
    delegates = 'delegates' in ast.dump(ast.Module(node.decorator_list, []))
    if a.kwarg and not delegates: args.append(a.kwarg)
    for x in args:
        if not docs.get(x.arg): yield f'{label}: parameter `{x.arg}` is not documented on a line of its own'
    lines = inspect.getsource(f).splitlines()[:node.body[0].lineno]
    said = docs.get('return') or any(re.match(r'.*\)\s*:\s*#\s*\S', line) for line in lines)
    if not (init or prop) and gives(node) and not said: yield f'{label}: the result is not documented'


def bare(m):
    "The function in a property, class method or static method, also in those of fastcore."
    inside = (getattr(m, o, None) for o in ('fget', 'func', '__func__', 'f', '__wrapped__'))
    return next(filter(inspect.isfunction, [m, *inside]), None)


def own(cls, module):
    "The public methods of a class, and its `__init__`; those that take the place of a documented one don't count."
    above = [b for b in cls.__mro__[1:] if b.__module__ == module.__name__]
    for name, m in vars(cls).items():
        f = bare(m)
        if f is None or f.__module__ != module.__name__ or f.__code__.co_filename[0] == '<': continue
        if EVENT.fullmatch(name) and f.__code__.co_argcount == 1: continue
        if any(getattr(vars(b).get(name), '__doc__', None) for b in above): continue
        if name == '__init__' or not name.startswith('_'): yield name, m, f


def fields(cls):
    "The fields of a dataclass or NamedTuple that no comment stands beside."
    lines, _ = inspect.getsourcelines(cls)
    for n in tree(cls).body:
        if not isinstance(n, ast.AnnAssign) or n.target.id.startswith('_'): continue
        above, line = lines[n.lineno-2:n.lineno]
        if '#' not in line and not above.strip().startswith('#'):
            yield f'{cls.__name__}: field `{n.target.id}` is not documented'


def klass(cls, module):
    if why := sentence(inspect.getdoc(cls) if '__doc__' in vars(cls) else ''): yield f'{cls.__name__} {why}'
    if is_dataclass(cls) or issubclass(cls, tuple): yield from fields(cls)
    for name, m, f in own(cls, module):
        if '__wrapped__' not in vars(f) and f.__qualname__ != f'{cls.__name__}.{name}': continue      # patched, or made
        kind = dict(method=not isinstance(m, staticmethod), init=name == '__init__', prop=isinstance(m, PROPERTIES))
        yield from function(f, f'{cls.__name__}.{name}', **kind)


def patched(module):
    "The functions that `@patch` has made methods, each with the class that it went to."
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, FUNCS) or node.name.startswith('_'): continue
        if not re.search(r"'patch(_to|_property)?'", ast.dump(ast.Module(node.decorator_list, []))): continue
        cls = eval(ast.unparse(node.args.args[0].annotation), vars(module))
        yield vars(cls[0] if isinstance(cls, tuple) else cls)[node.name], node.name


def complaints(module):
    "Every complaint about one module, given by its name or itself."
    module = import_module(module) if isinstance(module, str) else module
    if not hasattr(module, '__all__'): yield 'has no `__all__`'
    for n in getattr(module, '__all__', ()):
        o = getattr(module, n, None)
        if o is None: yield f'`{n}` is in `__all__` but not defined'
        elif getattr(o, '__module__', None) != module.__name__: continue
        elif isinstance(o, type) and re.search(rf'^{n}\s*=\s*(\w+\.)?namedtuple\(', inspect.getsource(module), re.M):
            yield f'{n}: write it as a class on `NamedTuple`, so that its fields can be documented'
        elif isinstance(o, type): yield from klass(o, module)
        elif f := bare(o): yield from function(f, n)
    for o, name in patched(module):
        prop = isinstance(o, property)
        yield from function(bare(o), f'(patched) {name}', method=True, prop=prop)
