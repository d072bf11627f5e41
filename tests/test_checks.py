"Do the checks notice what they are for? Small good and bad examples: `python .ci/test_ci.py`."
from configparser import ConfigParser
from pathlib import Path
import atexit, json, os, shutil, subprocess, sys, tempfile, zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import check_docs, check_notebooks, checks

good = bad = 0
tmp = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, tmp, ignore_errors=True)


def expect(complaints, part):
    "`part` is in a complaint, or there is none when `part` is empty."
    global good, bad
    complaints = list(map(str, complaints))
    if (not complaints) if not part else any(part in c for c in complaints): good += 1
    else:
        bad += 1
        print(f'expected {part!r}, got {complaints}')


# --- docs
def docs(src, part=''):
    f = tmp/'mod.py'
    f.write_text(src)
    expect((w for _, w in check_docs.Module(f).check()), part)

F = '''__all__ = ['f']
def f(a, # the first
      *, b:int=1, # the second
     )->int: # the sum
    "Add `a` and `b`."
    return a+b
'''
docs(F)
docs(F.replace('"Add `a` and `b`."', 'a'), 'has no docstring')
docs(F.replace('`b`.', '`b`'), 'not a sentence')
docs(F.replace('`b`.', '`b`. It is fast.'), 'more than one sentence')
docs(F.replace('`b`.', '`b`, e.g. 1. and 2.5.'))
docs(F.replace(' # the first', ''), 'parameter `a`')
docs(F.replace(' # the second', ''), 'parameter `b`')
docs(F.replace(' # the sum', ''), 'result')
docs(F.replace(')->int: # the sum', '):'), 'result')
docs(F.replace(')->int: # the sum', '): # the sum'))
docs(F.replace(')->int: # the sum', ')->None:').replace('return a+b', 'print(a)'))
docs(F.replace('a, # the first', 'a, c, # the first'), 'parameter `a`')
docs(F.replace("['f']", "['f', 'g']"), '`g` is in `__all__`')
docs(F.replace("__all__ = ['f']", ''), 'no `__all__`')
docs('__all__ = []\n@patch\ndef go(self:C, x): # how far\n    "Go."\n')
docs('__all__ = []\n@patch\ndef go(self:C, x):\n    "Go."\n', 'parameter `x`')
docs('__all__ = []\ndef _hidden(x): return x\ndef helper(x): return x\n')
K = '__all__ = ["A", "B"]\nclass A:\n    "A thing."\n    def go(self)->int: # how far\n        "Go."\n        return 1\nclass B(A):\n    "Another."\n    def go(self): return 2\n'
docs(K)
docs(K.replace('B(A)', 'B'), 'has no docstring')
docs(K.replace('        "Go."\n', ''), 'has no docstring')
docs(K.replace('    def go(self): return 2', '    def before_fit(self): return 2'))
docs(K.replace('    def go(self): return 2', '    def before_fit(self, x): return 2'), 'has no docstring')
C = '''__all__ = ['C']
class C:
    "A thing."
    def __init__(self,
                 a=1, # the first
                ):
        self.a = a
    @property
    def double(self):
        "Twice `a`."
        return 2*self.a
    def plus(self,
             x, # how much
            ): # the sum
        "`a` and `x` together."
        return self.a + x
    def _private(self, x): return x
'''
docs(C)
docs(C.replace('    "A thing."\n', ''), 'C has no docstring')
docs(C.replace(' # the first', ''), 'C.__init__: parameter `a`')
docs(C.replace('        "Twice `a`."\n', ''), 'C.double has no docstring')
docs(C.replace(' # how much', ''), 'C.plus: parameter `x`')
docs(C.replace(' # the sum', ''), 'C.plus: the result')
T = '__all__ = ["T"]\nclass T(NamedTuple):\n    "A pair."\n    a:int # one\n    b:int # two\n'
docs(T)
docs(T.replace(' # two', ''), 'field `b`')
docs('from collections import namedtuple\n__all__ = ["T"]\nT = namedtuple("T", "a b")\n', 'NamedTuple')


# --- notebooks
def cell(src, outputs=(), n=None, kind='code'):
    return dict(cell_type=kind, source=src, metadata={}, **(dict(outputs=list(outputs), execution_count=n) if kind == 'code' else {}))

def book(*cells, part='', head='# Title\n\n> One sentence.'):
    f = tmp/'x.ipynb'
    f.write_text(json.dumps(dict(cells=[cell(head, kind='markdown'), *cells], metadata={}, nbformat=4, nbformat_minor=5)))
    expect(check_notebooks.check(f), part)

text = lambda s: dict(output_type='execute_result', data={'text/plain': s}, metadata={}, execution_count=None)
png = dict(output_type='display_data', data={'image/png': 'abc', 'text/plain': '<Figure>'}, metadata={})
html = lambda s: dict(output_type='display_data', data={'text/html': s}, metadata={})
err = dict(output_type='error', ename='ValueError', evalue='no', traceback=[])
warn = dict(output_type='stream', name='stderr', text='UserWarning: old')
book(cell('1+1', [text('2')]))
book(cell('1+1', [text('2')]), head='Title', part='Title')
book(cell('1+1', [text('2')], 1), cell('2', [text('2')], 2))
book(cell('1+1', [text('2')], 1), cell('2', [text('2')], 3), part='number 3 after number 1')
book(cell('raise ValueError', [err]), part='stored error')
book(cell('f()', [warn]), part='stored warning')
book(cell('x = 1\nx', [text('1')]), cell('x'), part='has no output')
book(cell('x', [text('1')]), cell('print(x)'), part='has no output')
book(cell('x', [text('1')]), cell('#| eval: false\nx'))
book(cell('x', [text('1')]), cell('x = 2'), cell('test_eq(x, 2)'), cell('x;'))
book(cell('f(x)'), part='never run')
book(cell('open("/home/me/a.png")', [text('1')]), part='/home/me')
book(cell('p', [text("PosixPath('/root/.cache/a')")]), part='/root/')
book(cell('p', [text("'/tmp/tmpab12/a'")]), part='/tmp/')
book(cell('p', [text("see https://example.org/home/page")]))
book(cell('show_image(x)', [png]), part='fig-alt')
book(cell('#| fig-alt: A grey three on white.\nshow_image(x)', [png]))
book(cell('x', [html('<img src="a.png">')]), part='without `alt`')
book(cell('x', [html('<img src="a.png" alt="A three.">')]))
book(cell('![](a.png)', kind='markdown'), part='without a text')
book(cell('x', [text('a'*500_000)]), part='kB')


# --- the README's commands, the wheel, the tour's results
def readme(text, part=''):
    try: checks.readme_command(text, 'nbdev_test'); got = []
    except checks.Fail as e: got = [e]
    expect(got, part)

readme('Tests:\n\n```sh\npip install . && nbdev_test\n```\n')
readme('Tests:\n\n```python\nnbdev_test\n```\n', '0 ```sh blocks')
readme('```sh\nnbdev_test\n```\n```sh\nnbdev_test\n```\n', '2 ```sh blocks')

expect(checks.unpinned('# x\na==1\nb==2; python_full_version >= "3.12"\n', 'a==1\nb==1'), '')
expect(checks.unpinned('a==1\n', 'a==2'), 'a==2')
expect(checks.unpinned('a==1\n', 'a==1\nc==1'), 'c==1')

cfg = ConfigParser(delimiters=['='])
cfg.read_string('[DEFAULT]\nlib_name=dl_course\nversion=0.1.0\nmin_python=3.11\nrequirements=torch>=2 numpy>=1\n')
META = 'Version: 0.1.0\nRequires-Python: >=3.11\nRequires-Dist: torch>=2\nRequires-Dist: numpy>=1\nProvides-Extra: all\nProvides-Extra: dev\n'
FILES = {'dl_course/a.py': '', 'dl_course/data/d.npz': 'd', 'dl_course/notebooks/f/x.ipynb': '{}', 'dl_course-0.1.0.dist-info/METADATA': META,
         'dl_course-0.1.0.dist-info/entry_points.txt': 'dl_course=dl_course.tools.cli:main\ndl_course._modidx:d'}

def wheel(part='', **change):
    f = tmp/'x.whl'
    with zipfile.ZipFile(f, 'w') as z:
        for k, v in {**FILES, **change}.items():
            if v is not None: z.writestr(k, v)
    expect(checks.wheel_problems(f, ['dl_course/a.py', 'dl_course/data/d.npz', 'nbs/f/x.ipynb', 'nbs/_quarto.yml'], cfg['DEFAULT']), part)

wheel()
wheel('lacks', **{'dl_course/a.py': None})
wheel('lacks', **{'dl_course/notebooks/f/x.ipynb': None})
wheel('no data', **{'dl_course/data/d.npz': None})
wheel('besides', **{'nbs/x.ipynb': '{}'})
wheel('more than 6', **{'dl_course/data/d.npz': bytes(7_000_000)})
wheel('lower bounds', **{'dl_course-0.1.0.dist-info/METADATA': META.replace('torch>=2', 'torch<3,>=2')})
wheel('version', **{'dl_course-0.1.0.dist-info/METADATA': META.replace('0.1.0', '0.2')})
wheel('entry point', **{'dl_course-0.1.0.dist-info/entry_points.txt': ''})

def tour(data, part=''):
    d = Path(tempfile.mkdtemp(dir=tmp))
    if data is not None: (d/'results.json').write_text(json.dumps(dict(seed=42, results=data)))
    try: checks.tour_results(d); got = []
    except checks.Fail as e: got = [e]
    expect(got, part)

tour([dict(model=m, accuracy=.9) for m in 'abc'])
tour([dict(model=m, accuracy=.9) for m in 'ab'], 'of 2 models')
tour(None, 'results.json')
tour([dict(model='a')], 'KeyError')


# --- a name that only the notebook has, and an import left over
def names(src, part=''):
    f = tmp/'mod.py'
    f.write_text(src)
    out = subprocess.run([sys.executable, '-m', 'pyflakes', f.name], cwd=tmp, capture_output=True, text=True)
    expect(checks.names_out_of_place(out.stdout + out.stderr, tmp), part)

N = 'from torch import tensor\n__all__ = ["f"]\ndef f(): return tensor([1])\n'
names(N)
names(N.replace('from torch import tensor\n', ''), "undefined name 'tensor'")
names(N.replace('"f"', '"f", "g"'), "undefined name 'g'")
names(N.replace('import tensor', 'import tensor, nn'), "'torch.nn' imported but unused")
names('import fastcore.xtras # adds `ls` to Path\n' + N)
names(N.replace('return tensor', 'x = 1; return tensor'))
names(N + 'def (:\n', 'def (:')
names('import fastcore.xtras # adds `ls` to Path\n' + N.replace('tensor([1])', 'nn.Linear(1, 1)'), "undefined name 'nn'")


# --- the layers: a module that imports upwards, and one that is not in the list
def layers(files, holds):
    global good, bad
    d = Path(tempfile.mkdtemp(dir=tmp))
    (d/'dl_course').mkdir()
    for k, v in {'__init__': '', **files}.items(): (d/'dl_course'/f'{k}.py').write_text(v)
    conf = Path(__file__).parent.parent/'.importlinter'
    p = subprocess.run(['lint-imports', '--no-cache', '--config', str(conf)], cwd=d, env={**os.environ, 'PYTHONPATH': str(d)},
                       capture_output=True, text=True)
    if (p.returncode == 0) == holds: good += 1
    else:
        bad += 1
        print(f'lint-imports on {files}: {p.stdout[-600:]}{p.stderr[-300:]}')

layers(dict(tensor='', sgd='from dl_course.tensor import x'), True)
layers(dict(sgd='', tensor='from dl_course.sgd import x'), False)
expect(checks.unlisted('(dl_course.tensor)', ['dl_course.__init__', 'dl_course.tensor']), '')
expect(checks.unlisted('(dl_course.tensor)', ['dl_course.tensor', 'dl_course.tools.new']), 'tools.new')

print(f'{good} good, {bad} bad')
sys.exit(bool(bad))
