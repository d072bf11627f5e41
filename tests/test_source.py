"The environment, the modules, their names and documentation, the notebooks as files, the workflows."
import json
import re
import shutil
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from common import CONFIG, INSIDE, OUTSIDE, ROOT, changes, ok, run, tracked
from documented import complaints
from readable import check

NOTEBOOKS = tracked('nbs/*.ipynb')
MODULES = [f for f in tracked('dl_course/*.py') if Path(f).name not in ('__init__.py', '_modidx.py')]
WORKFLOWS = tracked('.github/workflows/*.yml')


def dotted(file): return Path(file).with_suffix('').as_posix().replace('/', '.')


# ---------------------------------------------------------------- the environment

def test_packages_fit_together(): ok('python', '-m', 'pip', 'check')


def reachable(name, dists, extras=()):
    "The names of the packages that `name[extras]` brings in here, itself left out."
    seen, todo = set(), [(canonicalize_name(name), tuple(extras))]
    while todo:
        nm, ex = todo.pop()
        if (nm, ex) in seen or nm not in dists: continue
        seen.add((nm, ex))
        for r in map(Requirement, dists[nm].requires or []):
            envs = [{**default_environment(), 'extra': e} for e in ('', *ex)]
            if r.marker is None or any(r.marker.evaluate(e) for e in envs):
                todo.append((canonicalize_name(r.name), tuple(sorted(r.extras))))
    return {nm for nm, _ in seen} - {canonicalize_name(name)}


def unpinned(constraints, installed):
    "The installed `name==version` that are not in the constraints, unless those hold for newer Pythons only."
    pins = [line.split('#')[0].split(';') for line in constraints.splitlines() if '==' in line and line[0] != '#']
    newer = {p[0].split('==')[0].strip() for p in pins if 'python_full_version >' in ''.join(p[1:])}
    return [o for o in installed if o not in {p[0].strip() for p in pins} and o.split('==')[0] not in newer]


def test_constraints_name_what_is_installed():
    "But for what torch itself pins: NVIDIA's packages and Triton."
    dists = {canonicalize_name(d.metadata['Name']): d for d in distributions()}
    names = [n for n in reachable(CONFIG['lib_name'], dists, ['dev']) if not re.match(r'nvidia-|cuda-|triton$|pip$', n)]
    assert len(names) > 100
    text = (ROOT/'constraints.txt').read_text(encoding='utf-8')
    assert not unpinned(text, [f'{n}=={dists[n].version.split("+")[0]}' for n in sorted(names)])


OPTIONAL = '''
from importlib.util import find_spec
from dl_course.datasets import URLs, untar_data
from dl_course.vision.learner import has_weights
for o in (URLs.STAMPS, URLs.SOLAR_CELLS, URLs.SPOKEN_WORDS): untar_data(o)
assert has_weights() and find_spec('soundfile') and find_spec('gradio')
'''


def test_optional_data_are_here_so_that_the_lessons_assert_their_figures(): ok('python', '-c', OPTIONAL)


def test_no_file_names_the_package_index_of_this_machine():
    said = ok('python', '-m', 'pip', 'config', 'list') + ok('python', '-m', 'pip', 'config', 'debug')
    hosts = {h.split('@')[-1].split(':')[0] for h in re.findall(r"https?://([^/\s'\"]+)", said)}
    asked = [a for h in sorted(hosts) if '.' in h and h != '127.0.0.1' for a in ('-e', h)]
    rc, out = run('git', 'grep', '-lIiF', *asked, env=OUTSIDE) if asked else (1, '')
    assert rc == 1, out


# ---------------------------------------------------------------- the modules

def test_exporting_and_cleaning_change_nothing(clone):
    env = {**INSIDE, 'PYTHONPATH': str(clone)}
    for program in ('nbdev_export', 'nbdev_export', 'nbdev_clean'):
        ok(program, cwd=clone, env=env)
        assert not changes(clone), f'{program} changes files'


def unlisted(config, modules):
    "The modules that the list of layers doesn't name."
    listed = set(re.findall(r'[\w.]+', config))
    return sorted({m for m in modules if m.rpartition('.')[2] not in ('__init__', '_modidx')} - listed)


def test_modules_import_only_downwards(): ok('lint-imports', '--no-cache')


def test_importlinter_names_each_module():
    assert not unlisted((ROOT/'.importlinter').read_text(encoding='utf-8'), map(dotted, MODULES))


def foundations():
    "The package, and the modules that the foundations' notebooks export."
    yield 'dl_course'
    for nb in tracked('nbs/foundations/*.ipynb'):
        m = re.search(r'#\|\s*default_exp\s+([\w.]+)', (ROOT/nb).read_text(encoding='utf-8'))
        if m: yield f'dl_course.{m[1]}'


WITHOUT = '''
import sys, importlib
importlib.import_module(sys.argv[1])
heavy = {o.partition('.')[0] for o in sys.modules} & set(sys.argv[2:])
assert not heavy, f'it imports {sorted(heavy)}'
'''
HEAVY = 'torch', 'torchvision', 'fastai', 'timm', 'pandas', 'matplotlib', 'sklearn', 'onnx', 'onnxscript'
LIGHT = ('check', 'prepare', 'files', 'onnxfile', 'predictor', 'sources', 'app.guard', 'app.serve', 'app.space',
         'app.widget', 'app.page', 'tools.cli')


@pytest.mark.parametrize('module', list(foundations()))
def test_foundations_do_without_fastai(module, away): ok('python', '-c', WITHOUT, module, 'fastai', cwd=away)


@pytest.mark.parametrize('module', LIGHT)
def test_what_uses_a_model_does_without_what_training_needs(module, away):
    ok('python', '-c', WITHOUT, f'dl_course.{module}', *HEAVY, cwd=away)


def names_out_of_place(folder, *files):
    """What ruff says about names: those that nothing defines, and imports that nothing uses, unless a comment beside it
    says what an import is for. In a notebook a name may come from a cell that is not exported, so the notebook's own
    test does not notice."""
    rules = '--isolated', '--select=F401,F821,F822,F823', '--ignore-noqa', '--output-format=json'
    _, out = run('ruff', 'check', '--no-cache', *rules, *files, cwd=folder)
    for o in json.loads(out):
        file, row = Path(o['filename']), o['location']['row']
        explained = o['code'] == 'F401' and '#' in file.read_text(encoding='utf-8').splitlines()[row-1]
        if not explained: yield f'{file.name}:{row}: {o["message"]}'


def test_modules_have_each_name_they_use():
    assert not list(names_out_of_place(ROOT, *(f for f in MODULES if f != 'dl_course/all.py')))


def test_ruff(): ok('ruff', 'check', '--no-cache')


@pytest.mark.parametrize('words', [('pre-commit', 'validate-config'), ('nox', '--list')], ids=' '.join)
def test_tools_can_read_their_files(words): ok(*words)


@pytest.mark.parametrize('module', MODULES)
def test_documented(module): assert not list(complaints(dotted(module)))


# ---------------------------------------------------------------- the notebooks as files, and what runs at GitHub

@pytest.mark.parametrize('notebook', NOTEBOOKS)
def test_fit_to_be_read(notebook): assert not check(ROOT/notebook)


FIXED = r'(?:^\./.*|^docker:.*:\d[\d.]*|@v\d[\w.]*|@release/v\d+|@[0-9a-f]{40})$'   # a file of ours, or a version


@pytest.mark.parametrize('workflow', WORKFLOWS)
def test_workflow(workflow):
    "It is one; it asks for no rights and no second run that it doesn't need; its actions are those of a version."
    ok('check-jsonschema', '--builtin-schema', 'vendor.github-workflows', workflow)
    text = (ROOT/workflow).read_text(encoding='utf-8')
    for key in ('permissions:', 'concurrency:'): assert re.search(rf'^{key}', text, re.M), f'lacks {key}'
    assert not [u for u in re.findall(r'uses:\s*(\S+)', text) if not re.search(FIXED, u)], 'actions without a version'


@pytest.mark.skipif(not shutil.which('actionlint'), reason='actionlint is not here')
def test_actionlint(): ok('actionlint', *WORKFLOWS)
