"""The fixtures: clean clones, the wheel, the site, and a browser with the network cut off.

The tests run in the environment that pytest runs in, and on the checkout they stand in; `.ci/run` makes both new.
"""
import os
import shutil

import pytest

from common import CONFIG, INSIDE, ROOT, Server, changes, copy_of, ok, run

FLAGS = ('--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync '
         '--disable-component-update').split()


def pytest_report_header():
    if c := changes(ROOT): return f'not committed, and so not in the clean clones:\n{c}'


@pytest.fixture(scope='session', autouse=True)
def untouched():
    "The checkout, and the folder that it was cloned from, are as they were: asked by .ci/run, where nobody edits."
    folders = [ROOT, *filter(None, [os.environ.get('DL_COURSE_SOURCE')])] if os.environ.get('CI') else []
    before = [changes(f) for f in folders]
    yield
    assert [changes(f) for f in folders] == before, 'the tests changed files'


@pytest.fixture(scope='session')
def clone(tmp_path_factory): return copy_of(ROOT, tmp_path_factory.mktemp('clone')/'dl_course')


@pytest.fixture
def away(tmp_path):
    "An empty folder: beside the package, a folder of its name would be taken for it."
    (tmp_path/'away').mkdir()
    return tmp_path/'away'


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    "The wheel; beside it stands the source distribution that it was built from."
    tmp = tmp_path_factory.mktemp('dist')
    # a copy of its own: the metadata that an editable install leaves would hide what MANIFEST.in forgets
    ok('python', '-m', 'build', '-o', tmp/'dist', cwd=copy_of(ROOT, tmp/'source'), limit=240)
    assert not changes(tmp/'source'), 'building changes files'
    return next((tmp/'dist').glob('*.whl'))


@pytest.fixture(scope='session')
def built(clone, tmp_path_factory):
    "The folder of the rendered site, the exit status of the program that built it, and what it said."
    if site := os.environ.get('DL_COURSE_SITE'): return ROOT/site, 0, ''
    env = {**INSIDE, 'PYTHONPATH': str(clone)}
    return clone/CONFIG['doc_path'], *run('python', '-m', 'dl_course.tools.site', cwd=clone, env=env, limit=600)


@pytest.fixture(scope='session')
def site(built): return Server(built[0])


@pytest.fixture(scope='session')
def browser_type_launch_args(browser_type_launch_args):
    "The Chromium of this machine, which finds no host but this one."
    names = 'chromium', 'chromium-browser', 'google-chrome'
    path = os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, names)), None)
    assert path, 'no Chromium found: install it (Debian: apt-get install chromium), or set CHROMIUM to its path'
    cut_off = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'
    return {**browser_type_launch_args, 'executable_path': path, 'args': [*FLAGS, cut_off]}


@pytest.fixture(scope='session')
def axe():
    "What looks for obstacles to accessibility."
    from axe_playwright_python.sync_playwright import Axe
    return Axe()


@pytest.fixture
def report(subtests):
    "Several results of one test: each with its name, and what is wrong, or nothing."
    def tell(name, problem=''):
        with subtests.test(name):
            if callable(problem): problem = problem()
            assert not problem, problem
    return tell
