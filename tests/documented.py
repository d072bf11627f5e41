"""Is everything public documented?  `python .ci/check_docs.py [FILE ...] [--json]`, by default every module of the package.

For each name in a module's `__all__`, and each method that `@patch` adds to a class: a docstring of one sentence, and beside every
parameter and every result other than None a comment that says what it is. Nothing is imported: the files are read as text.
"""
from pathlib import Path
import ast, io, json, re, sys, tokenize

ROOT = Path(__file__).resolve().parent.parent
FUNCS = (ast.FunctionDef, ast.AsyncFunctionDef)
EVENT = re.compile('(before|after)_(create|fit|epoch|train|batch|pred|loss|backward|step|validate|cancel_[a-z]+)')     # of a callback: the name says it all


def name_of(node):
    "`a.b.c(...)` as 'c', a plain name as itself."
    if isinstance(node, ast.Call): node = node.func
    return getattr(node, 'attr', None) or getattr(node, 'id', '')


def decorators(node): return {name_of(d) for d in node.decorator_list}


def is_property(node): return bool(decorators(node) & {'property', 'cached_property'}) or any(
    isinstance(d, ast.Call) and any(k.arg == 'as_prop' and getattr(k.value, 'value', 0) for k in d.keywords) for d in node.decorator_list)


def sentence(doc):
    "What is wrong with a docstring, or None."
    if not doc or not doc.strip(): return 'has no docstring'
    text = re.sub(r'`[^`]*`', 'code', doc.strip())
    text = re.sub(r'\b(e\.g|i\.e|etc|vs)\.', r'\1', text)
    if '\n\n' in text: return 'has a docstring of more than one paragraph'
    if not re.search(r'[.?!]["\')]*$', text): return 'has a docstring that is not a sentence: it does not end in a full stop'
    if re.search(r'[.?!]["\')]*\s+["\'(]*[A-Z]', text): return 'has a docstring of more than one sentence'


class Module:
    "One file: what it offers, its comments, and what is missing."
    def __init__(self, path):
        self.path, self.items, self.bad = Path(path), [], []
        src = self.path.read_text(encoding='utf-8')
        self.tree = ast.parse(src, str(path))
        self.comments, self.code = {}, set()
        skip = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
        self.colons = []
        for t in tokenize.generate_tokens(io.StringIO(src).readline):
            if t.type == tokenize.COMMENT:
                if t.string.strip('# '): self.comments[t.start[0]] = t.string
            elif t.type not in skip: self.code.update(range(t.start[0], t.end[0] + 1))
            if t.type == tokenize.OP and t.string == ':': self.colons.append(t.start)

    def fail(self, node, what): self.bad.append((node.lineno, what))

    def beside(self, line, taken=()):
        "Is there a comment on this line, or alone on the line above it?"
        if line in self.comments: return True
        return line - 1 in self.comments and line - 1 not in self.code and line - 1 not in taken

    def top(self, body=None):
        "The module's statements, those inside `if` and `try` too."
        for node in self.tree.body if body is None else body:
            yield node
            if isinstance(node, (ast.If, ast.Try)):
                for part in (node.body, node.orelse, getattr(node, 'finalbody', []), *(h.body for h in getattr(node, 'handlers', []))):
                    yield from self.top(part)

    def exported(self):
        "The names in `__all__`; None when there is no such list."
        found = None
        for node in self.top():
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, 'target', None)
            if getattr(target, 'id', None) == '__all__':
                try: found = (found or []) + list(ast.literal_eval(node.value))
                except ValueError: found = found or []
        return found

    def results(self, node):
        "Does this function give something other than None?"
        if node.returns is not None: return not (isinstance(node.returns, ast.Constant) and node.returns.value is None)
        todo = list(node.body)
        while todo:
            n = todo.pop()
            if isinstance(n, (*FUNCS, ast.ClassDef, ast.Lambda)): continue
            if isinstance(n, (ast.Yield, ast.YieldFrom)): return True
            if isinstance(n, ast.Return) and n.value is not None and not (isinstance(n.value, ast.Constant) and n.value.value is None): return True
            todo += ast.iter_child_nodes(n)
        return False

    def params(self, node, label, method):
        a = node.args
        args = [*a.posonlyargs, *a.args]
        if method and 'staticmethod' not in decorators(node): args = args[1:]
        args += [*([a.vararg] if a.vararg else []), *a.kwonlyargs]
        if a.kwarg and 'delegates' not in decorators(node): args.append(a.kwarg)
        ends = [x.lineno for x in args]
        for i, x in enumerate(args):
            shared = x.lineno in ends[i+1:] or (node.returns is not None and node.returns.lineno == x.lineno)
            if shared or not self.beside(x.lineno, ends): self.fail(x, f'{label}: parameter `{x.arg}` is not documented on a line of its own')
        return ends

    def function(self, node, label, method=False, init=False):
        self.items.append(label)
        if not init and (why := sentence(ast.get_docstring(node))): self.fail(node, f'{label} {why}')
        ends = self.params(node, label, method)
        if init or is_property(node) or not self.results(node): return
        body = (node.body[0].lineno, node.body[0].col_offset)
        close = max((c for c in self.colons if (node.lineno, 0) <= c < body), default=(node.lineno, 0))[0]
        lines = {close} | ({node.returns.lineno} if node.returns is not None else set())
        if not any(l not in ends and self.beside(l, ends) or l in ends and node.returns is not None and l in self.comments for l in lines):
            self.fail(node, f'{label}: the result is not documented')

    def inherited(self, node):
        "The methods that a class's bases in this file document; one that takes their place needs no docstring of its own."
        bases = {name_of(b) for b in node.bases}
        return {n.name for c in self.top() if isinstance(c, ast.ClassDef) and c is not node and c.name in bases
                for n in c.body if isinstance(n, FUNCS) and ast.get_docstring(n)} | {
                m for c in self.top() if isinstance(c, ast.ClassDef) and c is not node and c.name in bases for m in self.inherited(c)}

    def klass(self, node):
        self.items.append(node.name)
        if why := sentence(ast.get_docstring(node)): self.fail(node, f'{node.name} {why}')
        fields = 'dataclass' in decorators(node) or {name_of(b) for b in node.bases} & {'NamedTuple', 'TypedDict'}
        for n in node.body:
            if fields and isinstance(n, ast.AnnAssign) and not n.target.id.startswith('_') and not self.beside(n.lineno):
                self.fail(n, f'{node.name}: field `{n.target.id}` is not documented')
            if not isinstance(n, FUNCS): continue
            if EVENT.fullmatch(n.name) and len(n.args.args) == 1 or n.name in self.inherited(node): continue
            if n.name == '__init__': self.function(n, f'{node.name}.__init__', True, init=True)
            elif not n.name.startswith('_') and not any(name_of(d) in ('setter', 'deleter') for d in n.decorator_list):
                self.function(n, f'{node.name}.{n.name}', True)

    def check(self):
        public = self.exported()
        if public is None: self.bad.append((1, 'has no `__all__`')); public = []
        defined = {}
        for node in self.top():
            if isinstance(node, (*FUNCS, ast.ClassDef)): defined[node.name] = node
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for n in node.names: defined.setdefault((n.asname or n.name).split('.')[0], None)
            else:
                for n in ast.walk(node):
                    if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store): defined.setdefault(n.id, node)
            patched = isinstance(node, FUNCS) and decorators(node) & {'patch', 'patch_to', 'patch_property'}
            if patched and not node.name.startswith('_'): self.function(node, f'(patched) {node.name}', method=True)
            elif isinstance(node, FUNCS) and node.name in public: self.function(node, node.name)
            elif isinstance(node, ast.ClassDef) and node.name in public: self.klass(node)
        if '*' not in defined:
            for n in public:
                if n not in defined and '__getattr__' not in defined: self.bad.append((1, f'`{n}` is in `__all__` but not defined'))
        for n in public:
            if isinstance(defined.get(n), ast.Assign) and name_of(defined[n].value) == 'namedtuple':
                self.fail(defined[n], f'{n}: write it as a class on `NamedTuple`, so that its fields can be documented')
        return sorted(self.bad)


def main(args):
    files = [Path(a) for a in args if not a.startswith('-')] or [
        p for p in sorted((ROOT/'dl_course').rglob('*.py')) if p.name not in ('__init__.py', '_modidx.py')]
    res = []
    for f in files:
        name = f.resolve().relative_to(ROOT).as_posix() if f.resolve().is_relative_to(ROOT) else f.name
        try:
            m = Module(f)
            bad = m.check()
        except SyntaxError as e:
            res.append(dict(file=name, items=0, bad=[f'{name}:{e.lineno}: {e.msg}']))
            continue
        res.append(dict(file=name, items=len(m.items), bad=[f'{name}:{l}: {w}' for l, w in bad]))
    if '--json' in args: print(json.dumps(res))
    else:
        for r in res:
            print(*r['bad'], sep='\n', end='\n' if r['bad'] else '')
            print(f"{r['file']}: {r['items']} public things, {len(r['bad'])} complaints")
    return any(r['bad'] for r in res)


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
