"Do the checks notice what they are for? Small good and bad examples; a check that is new adds its own."
import json
import subprocess
import zipfile
from configparser import ConfigParser

import pytest

from common import INSIDE, ROOT, readme_command
from documented import complaints
from readable import check
from test_source import names_out_of_place, unlisted, unpinned
from test_wheel import tour_results, wheel_problems


def expect(complaints, part):
    "`part` is in a complaint, or there is none when `part` is empty."
    complaints = list(map(str, complaints))
    assert any(part in c for c in complaints) if part else not complaints


def raised(f, *args):
    "What a check that raises says."
    try: f(*args)
    except Exception as e: return [f'{type(e).__name__}: {e}']
    return []


# ---------------------------------------------------------------- documentation

F = '''__all__ = ['f']
def f(a, # the first
      *, b:int=1, # the second
     )->int: # the sum
    "Add `a` and `b`."
    return a+b
'''
K = '''__all__ = ["A", "B"]
class A:
    "A thing."
    def go(self)->int: # how far
        "Go."
        return 1
class B(A):
    "Another."
    def go(self): return 2
'''
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
T = '__all__ = ["T"]\nclass T(NamedTuple):\n    "A pair."\n    a:int # one\n    b:int # two\n'
HEAD = 'from typing import NamedTuple\nfrom fastcore.all import patch\nclass C: pass\n'


@pytest.mark.parametrize('src, part', [
    (F, ''),
    (F.replace('"Add `a` and `b`."', 'a'), 'has no docstring'),
    (F.replace('`b`.', '`b`'), 'not a sentence'),
    (F.replace('`b`.', '`b`. It is fast.'), 'more than one sentence'),
    (F.replace('`b`.', '`b`, e.g. 1. and 2.5.'), ''),
    (F.replace(' # the first', ''), 'parameter `a`'),
    (F.replace(' # the second', ''), 'parameter `b`'),
    (F.replace(' # the sum', ''), 'result'),
    (F.replace(')->int: # the sum', '):'), 'result'),
    (F.replace(')->int: # the sum', '): # the sum'), ''),
    (F.replace(')->int: # the sum', ')->None:').replace('return a+b', 'print(a)'), ''),
    (F.replace('a, # the first', 'a, c, # the first'), 'parameter `a`'),
    (F.replace("['f']", "['f', 'g']"), '`g` is in `__all__`'),
    (F.replace("__all__ = ['f']", ''), 'no `__all__`'),
    ('__all__ = []\n@patch\ndef go(self:C, x): # how far\n    "Go."\n', ''),
    ('__all__ = []\n@patch\ndef go(self:C, x):\n    "Go."\n', 'parameter `x`'),
    ('__all__ = []\ndef _hidden(x): return x\ndef helper(x): return x\n', ''),
    (K, ''),
    (K.replace('B(A)', 'B'), 'has no docstring'),
    (K.replace('        "Go."\n', ''), 'has no docstring'),
    (K.replace('    def go(self): return 2', '    def before_fit(self): return 2'), ''),
    (K.replace('    def go(self): return 2', '    def before_fit(self, x): return 2'), 'has no docstring'),
    (C, ''),
    (C.replace('    "A thing."\n', ''), 'C has no docstring'),
    (C.replace(' # the first', ''), 'C.__init__: parameter `a`'),
    (C.replace('        "Twice `a`."\n', ''), 'C.double has no docstring'),
    (C.replace(' # how much', ''), 'C.plus: parameter `x`'),
    (C.replace(' # the sum', ''), 'C.plus: the result'),
    (T, ''),
    (T.replace(' # two', ''), 'field `b`'),
    ('from collections import namedtuple\n__all__ = ["T"]\nT = namedtuple("T", "a b")\n', 'NamedTuple'),
])
def test_docs(src, part, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f'example_{abs(hash(src))}'
    (tmp_path/f'{name}.py').write_text(HEAD + src)
    expect(complaints(name), part)


# ---------------------------------------------------------------- notebooks

def cell(src, outputs=(), n=None, kind='code'):
    more = dict(outputs=list(outputs), execution_count=n) if kind == 'code' else {}
    return dict(cell_type=kind, source=src, metadata={}, **more)


text = lambda s: dict(output_type='execute_result', data={'text/plain': s}, metadata={}, execution_count=None)
png = dict(output_type='display_data', data={'image/png': 'abc', 'text/plain': '<Figure>'}, metadata={})
html = lambda s: dict(output_type='display_data', data={'text/html': s}, metadata={})
err = dict(output_type='error', ename='ValueError', evalue='no', traceback=[])
warn = dict(output_type='stream', name='stderr', text='UserWarning: old')


@pytest.mark.parametrize('head', ['# Title\n\n> One sentence.'])
@pytest.mark.parametrize('cells, part', [
    ([cell('1+1', [text('2')])], ''),
    ([cell('1+1', [text('2')], 1), cell('2', [text('2')], 2)], ''),
    ([cell('1+1', [text('2')], 1), cell('2', [text('2')], 3)], 'number 3 after number 1'),
    ([cell('raise ValueError', [err])], 'stored error'),
    ([cell('f()', [warn])], 'stored warning'),
    ([cell('x = 1\nx', [text('1')]), cell('x')], 'has no output'),
    ([cell('x', [text('1')]), cell('print(x)')], 'has no output'),
    ([cell('x', [text('1')]), cell('#| eval: false\nx')], ''),
    ([cell('x', [text('1')]), cell('x = 2'), cell('test_eq(x, 2)'), cell('x;')], ''),
    ([cell('f(x)')], 'never run'),
    ([cell('open("/home/me/a.png")', [text('1')])], '/home/me'),
    ([cell('p', [text("PosixPath('/root/.cache/a')")])], '/root/'),
    ([cell('p', [text("'/tmp/tmpab12/a'")])], '/tmp/'),
    ([cell('p', [text("see https://example.org/home/page")])], ''),
    ([cell('show_image(x)', [png])], 'fig-alt'),
    ([cell('#| fig-alt: A grey three on white.\nshow_image(x)', [png])], ''),
    ([cell('x', [html('<img src="a.png">')])], 'without `alt`'),
    ([cell('x', [html('<img src="a.png" alt="A three.">')])], ''),
    ([cell('![](a.png)', kind='markdown')], 'without a text'),
    ([cell('x', [text('a'*500_000)])], 'kB'),
])
def test_notebooks(cells, part, head, tmp_path):
    cells = [cell(head, kind='markdown'), *cells]
    (tmp_path/'x.ipynb').write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    expect(check(tmp_path/'x.ipynb'), part)


def test_notebooks_begin_with_a_title(tmp_path): test_notebooks([cell('1+1', [text('2')])], 'Title', 'Title', tmp_path)


# ---------------------------------------------------------------- the README's commands, the wheel, the tour's results

@pytest.mark.parametrize('text, part', [
    ('Tests:\n\n```sh\npip install . && nbdev_test\n```\n', ''),
    ('Tests:\n\n```python\nnbdev_test\n```\n', '0 ```sh blocks'),
    ('```sh\nnbdev_test\n```\n```sh\nnbdev_test\n```\n', '2 ```sh blocks'),
])
def test_readme(text, part): expect(raised(readme_command, 'nbdev_test', text), part)


@pytest.mark.parametrize('constraints, installed, part', [
    ('# x\na==1\nb==2 ; python_full_version >= "3.12"\n', ['a==1', 'b==1'], ''),
    ('a==1 ; sys_platform != "win32"\n', ['a==1'], ''),
    ('a==1\n', ['a==2'], 'a==2'),
    ('a==1 ; sys_platform != "win32"\n', ['a==2'], 'a==2'),
    ('a==1\n', ['a==1', 'c==1'], 'c==1'),
])
def test_constraints(constraints, installed, part): expect(unpinned(constraints, installed), part)


CFG = ConfigParser(delimiters=['='])
CFG.read_string('[DEFAULT]\nlib_name=dl_course\nversion=0.1.0\nmin_python=3.11\nrequirements=torch>=2 numpy>=1\n')
META = """Version: 0.1.0
Requires-Python: >=3.11
Requires-Dist: torch>=2
Requires-Dist: numpy>=1
Provides-Extra: all
Provides-Extra: dev
"""
INFO = 'dl_course-0.1.0.dist-info'
FILES = {'dl_course/a.py': '', 'dl_course/data/d.npz': 'd', 'dl_course/notebooks/f/x.ipynb': '{}',
         f'{INFO}/METADATA': META,
         f'{INFO}/entry_points.txt': 'dl_course=dl_course.tools.cli:main\ndl_course._modidx:d'}


@pytest.mark.parametrize('part, change', [
    ('', {}),
    ('lacks', {'dl_course/a.py': None}),
    ('lacks', {'dl_course/notebooks/f/x.ipynb': None}),
    ('no data', {'dl_course/data/d.npz': None}),
    ('besides', {'nbs/x.ipynb': '{}'}),
    ('more than 6', {'dl_course/data/d.npz': bytes(7_000_000)}),
    ('lower bounds', {f'{INFO}/METADATA': META.replace('torch>=2', 'torch<3,>=2')}),
    ('version', {f'{INFO}/METADATA': META.replace('0.1.0', '0.2')}),
    ('entry point', {f'{INFO}/entry_points.txt': ''}),
])
def test_wheels(part, change, tmp_path):
    with zipfile.ZipFile(tmp_path/'x.whl', 'w') as z:
        for k, v in {**FILES, **change}.items():
            if v is not None: z.writestr(k, v)
    there = ['dl_course/a.py', 'dl_course/data/d.npz', 'nbs/f/x.ipynb', 'nbs/_quarto.yml']
    expect(wheel_problems(tmp_path/'x.whl', there, CFG['DEFAULT']), part)


@pytest.mark.parametrize('data, part', [
    ([dict(model=m, accuracy=.9) for m in 'abc'], ''),
    ([dict(model=m, accuracy=.9) for m in 'ab'], 'of 2 models'),
    (None, 'results.json'),
    ([dict(model='a')], 'KeyError'),
])
def test_tours(data, part, tmp_path):
    if data is not None: (tmp_path/'results.json').write_text(json.dumps(dict(seed=42, results=data)))
    expect(raised(tour_results, tmp_path), part)


# ---------------------------------------------------------------- names and layers

N = 'from torch import tensor\n__all__ = ["f"]\ndef f(): return tensor([1])\n'


@pytest.mark.parametrize('src, part', [
    (N, ''),
    (N.replace('from torch import tensor\n', ''), 'Undefined name `tensor`'),
    (N.replace('"f"', '"f", "g"'), 'Undefined name `g`'),
    (N.replace('import tensor', 'import tensor, nn'), '`torch.nn` imported but unused'),
    ('import fastcore.xtras # adds `ls` to Path\n' + N, ''),
    (N.replace('return tensor', 'x = 1; return tensor'), ''),
    (N + 'def (:\n', 'xpected'),
    ('import fastcore.xtras # adds `ls`\n' + N.replace('tensor([1])', 'nn.Linear(1, 1)'), 'Undefined name `nn`'),
])
def test_names(src, part, tmp_path):
    (tmp_path/'mod.py').write_text(src)
    expect(names_out_of_place(tmp_path, 'mod.py'), part)


@pytest.mark.parametrize('files, status', [
    (dict(tensor='', sgd='from dl_course.tensor import x'), 0),
    (dict(sgd='', tensor='from dl_course.sgd import x'), 1),
])
def test_layers(files, status, tmp_path):
    (tmp_path/'dl_course').mkdir()
    for k, v in {'__init__': '', **files}.items(): (tmp_path/'dl_course'/f'{k}.py').write_text(v)
    words = 'lint-imports', '--no-cache', '--config', ROOT/'.importlinter'
    assert subprocess.run(words, cwd=tmp_path, env={**INSIDE, 'PYTHONPATH': str(tmp_path)}).returncode == status


@pytest.mark.parametrize('modules, part', [
    (['dl_course.__init__', 'dl_course.tensor'], ''),
    (['dl_course.tensor', 'dl_course.tools.new'], 'tools.new'),
])
def test_listed(modules, part): expect(unlisted('(dl_course.tensor)', modules), part)
