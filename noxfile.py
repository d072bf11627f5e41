"The sessions, each in a new environment: `nox -l` lists them, `nox -s wheel` runs one, `nox` all tests."
import re
from configparser import ConfigParser
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
nox.options.sessions = ['tests']
IMPORTS = '''
import importlib, pkgutil, dl_course
for m in pkgutil.walk_packages(dl_course.__path__, 'dl_course.'):
    if m.name not in ('dl_course.tools.site', 'dl_course._modidx'): print(importlib.import_module(m.name).__name__)
'''
HEAD = '''\
# The exact versions that were tested together, for every package the development environment holds. Use it as
#
#     pip install -c constraints.txt .             # the package
#     pip install -c constraints.txt -e ".[dev]"   # the package and the tools
#
# It only says which version is taken *if* a package is needed, so that one file serves Linux, macOS and Windows.
# NVIDIA's packages and Triton are left out: torch itself says which ones it needs.
# Made by `nox -s constraints`, which keeps these versions; `nox -s constraints -- --upgrade` takes new ones.

'''


@nox.session
def tests(session):
    "All that pytest finds, with the tested versions."
    session.install('-c', 'constraints.txt', '-e', '.[dev]')
    session.run('pytest', *session.posargs)


@nox.session
def wheel(session):
    "The distributions, and the installed wheel with the network cut off."
    session.install('-c', 'constraints.txt', '-e', '.[dev]')
    session.run('pytest', 'tests/test_wheel.py', *session.posargs)


@nox.session
def lint(session):
    "What pre-commit asks of each commit."
    session.install('-c', 'constraints.txt', '-e', '.[dev]')
    session.run('pre-commit', 'run', '--all-files')


def build(session):
    "The wheel, built anew."
    session.install('build')
    out = session.create_tmp()
    session.run('python', '-m', 'build', '--outdir', out, '.')
    return str(max(Path(out).glob('*.whl'), key=lambda f: f.stat().st_mtime))


def story(session, notebooks):
    "Import every module, run the tour, copy the course, and run notebooks with no tool but IPython: all elsewhere."
    session.chdir(session.create_tmp())
    session.run('python', '-c', IMPORTS)
    for words in (('tour', '--out', 'tour'), ('start', 'course')): session.run('dl_course', *words)
    session.run('python', str(ROOT/'tests'/'run_notebooks.py'), *(str(ROOT/'nbs'/o) for o in notebooks))


@nox.session
def bare(session):
    "The wheel alone, with the tested versions and nothing optional but what exports models."
    session.install('-c', 'constraints.txt', f'{build(session)}[export]')
    story(session, ['foundations', 'lessons'])


@nox.session
def newest(session):
    "The wheel alone, with the newest releases."
    session.install(f'{build(session)}[export]')
    session.run('python', '-m', 'pip', 'list')
    story(session, ['foundations'])


@nox.session(python='3.11', venv_backend='uv')
def oldest(session):
    "The wheel alone, on the oldest Python, with the lower bounds of settings.ini."
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    # named here, because what the wheel asks for is not "direct" to uv, which would take the newest
    lowest = [o for k in ('requirements', 'export_requirements') for o in cfg['DEFAULT'][k].split()]
    session.install('--resolution', 'lowest-direct', '--torch-backend', 'cpu', build(session), *lowest)
    session.run('uv', 'pip', 'list')
    story(session, ['foundations'])


@nox.session
def constraints(session):
    "Make constraints.txt again."
    session.install('uv')
    words = 'uv pip compile -q --universal --python-version 3.11 --extra dev --no-annotate --no-header'.split()
    session.run(*words, 'setup.py', '-o', 'constraints.txt', *session.posargs, silent=True)
    file = ROOT/'constraints.txt'
    left_out = re.compile(r'#|$|nvidia-|cuda-|triton=|pip=')
    pins = [o for o in file.read_text(encoding='utf-8').splitlines() if not left_out.match(o)]
    file.write_text(HEAD + '\n'.join(pins) + '\n', encoding='utf-8')
