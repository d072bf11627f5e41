"""The fixtures: clean clones, the wheel, the site, and a browser with the network cut off.

The tests run in the environment that pytest runs in, and on the checkout they stand in; `.ci/run` makes both new.
"""
import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from common import CONFIG, INSIDE, ROOT, changes, copy_of, ok

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


class Server:
    "A folder that is served on this machine only, and can be stopped; errors of a browser that leaves early are not told."
    def __init__(self, folder, port=0):
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args): pass
        self.folder = folder
        self.server = ThreadingHTTPServer(('127.0.0.1', port), functools.partial(Quiet, directory=str(folder)))
        self.server.handle_error = lambda *args: None
        self.url = f'http://127.0.0.1:{self.server.server_port}/'
        threading.Thread(target=self.server.serve_forever, kwargs=dict(poll_interval=.05), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope='session')
def serve(): return Server


@pytest.fixture(scope='session')
def built(clone, tmp_path_factory):
    "The folder of the rendered site, and what was said while it was built."
    if site := os.environ.get('DL_COURSE_SITE'): return ROOT/site, ''
    said = ok('python', '-m', 'dl_course.tools.site', cwd=clone, env={**INSIDE, 'PYTHONPATH': str(clone)}, limit=600)
    return clone/CONFIG['doc_path'], said


@pytest.fixture(scope='session')
def site(built, serve): return serve(built[0])


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
