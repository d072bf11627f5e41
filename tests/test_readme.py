"""The README's two commands, word for word, in new environments.

`.ci/run` has run the second one before, since it makes the environment that these tests run in; what it said is in
DL_COURSE_TEST_LOG. Elsewhere each notebook is tested here.
"""
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from common import OUTSIDE, ROOT, changes, copy_of, ok, readme_command, tail, tracked

NOTEBOOKS = tracked('nbs/*.ipynb')
LOG = os.environ.get('DL_COURSE_TEST_LOG')
SAID = Path(LOG).read_text(encoding='utf-8', errors='replace') if LOG else ''


@pytest.mark.skipif(not os.environ.get('CI'), reason='installs everything anew: set CI')
def test_main_job(tmp_path):
    "In a clean copy of its own, in which it leaves no file that git would see."
    copy = copy_of(ROOT, tmp_path/'main job'/'dl_course')
    ok('bash', '-e', '-c', readme_command('dl_course tour'), cwd=copy, env=OUTSIDE, limit=900)
    assert not changes(copy)
    shutil.rmtree(copy)


@pytest.mark.skipif(not LOG, reason='.ci/run runs it before the tests')
def test_test_command():
    "It ends well, and leaves no file behind."
    status, left = re.search(r'\n== exit status (\d+)\n(.*)\Z', SAID, re.S).groups()
    assert status == '0', tail(SAID)
    assert not left


TESTED = """
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import _keep_file
top = get_config().config_path.resolve()
for f in sorted(nbglob(as_path=True)):
    if _keep_file(f, '.notest'): print(f.resolve().relative_to(top).as_posix())
"""


@pytest.fixture(scope='module')
def tested():
    "The notebooks that nbdev tests."
    return ok('python', '-c', TESTED).split()


@pytest.mark.parametrize('notebook', NOTEBOOKS)
def test_notebook(notebook, tested):
    "nbdev_test tests it and finds it good."
    assert notebook in tested
    text = (ROOT/notebook).read_text(encoding='utf-8')
    assert not re.search(r'skip_exec:\s*true', text), 'none of its cells is ever run'
    if not LOG:
        ok('nbdev_test', '--path', notebook, '--n_workers', '0', limit=1200)
        return
    failing = re.search(r'nbdev Tests Failed On The Following Notebooks:\n=+\n(.*)', SAID, re.S)
    assert failing or '\n== exit status 0\n' in SAID, 'not known, because the command stopped'
    assert not failing or Path(notebook).name not in re.findall(r'[^\s/]+\.ipynb', failing[1]), 'see test_test_command'


def is_slow(notebook):
    cells = json.loads((ROOT/notebook).read_text(encoding='utf-8'))['cells']
    return any(c['cell_type'] == 'code' and re.search(r'^#\|\s*slow\b', ''.join(c['source']), re.M) for c in cells)


@pytest.mark.parametrize('notebook', [*filter(is_slow, NOTEBOOKS)])
def test_slow_cells(notebook): ok('nbdev_test', '--flags', 'slow', '--path', notebook, '--n_workers', '0', limit=1200)
