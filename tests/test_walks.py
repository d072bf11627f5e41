"Three walks through a running program go down the list of `.importlinter`, and never up."
import re
import sys

import pytest

from common import ROOT

LAYERS = re.findall(r'^ +\(?(dl_course[\w.]+)\)?$', (ROOT/'.importlinter').read_text(encoding='utf-8'), re.M)
HEIGHT = {name: -i for i, name in enumerate(LAYERS)}


def ours(frame): return frame.f_globals.get('__name__', '').startswith('dl_course.')


def steps(walk):
    "Which function of which module called which of another one, while `walk` ran."
    found = {}

    def note(frame, event, _):
        if event != 'call' or not ours(frame): return
        caller = frame.f_back
        while caller is not None and not ours(caller): caller = caller.f_back
        if caller is None: return
        names = [f.f_globals['__name__'] for f in (caller, frame)]
        if names[0] != names[1]: found[f'{caller.f_code.co_qualname} -> {frame.f_code.co_qualname}'] = names
    sys.setprofile(note)
    try: walk()
    finally: sys.setprofile(None)
    return found


# Functions that were handed down as arguments: who calls them doesn't know whose they are.
HANDED_DOWN = {'_read_first -> read_idx'}


def up(found): return {k for k, o in found.items() if HEIGHT[o[0]] <= HEIGHT[o[1]]} - HANDED_DOWN


@pytest.fixture(scope='module')
def digits():
    from dl_course.datasets import URLs, untar_data
    return untar_data(URLs.MNIST_SAMPLE)


@pytest.fixture(scope='module')
def dls(digits):
    from dl_course.images import DataLoaders
    return DataLoaders.from_folder(digits, seed=42)


def a_batch(cls, dls):
    from dl_course.metrics import accuracy
    from dl_course.models import linear
    return steps(lambda: cls(dls, linear(784, 2), metrics=accuracy).fit(1))


def test_from_the_loader_to_the_step(dls):
    from dl_course.learner import Learner
    found = a_batch(Learner, dls)
    assert {'dl_course.prepare', 'dl_course.metrics', 'dl_course.optimizer'} <= {o[1] for o in found.values()}
    assert not up(found)


def test_a_way_up_is_seen(dls):
    "The Learner that people use overrides methods of the core's, and that is a way up."
    from dl_course.lasting.learner import Learner
    assert 'Learner.fit -> Learner.create_opt' in up(a_batch(Learner, dls))


def test_from_an_address_to_a_folder(tmp_path):
    from dl_course.datasets import URLs, untar_data
    found = steps(lambda: untar_data(URLs.MNIST_SAMPLE, base=tmp_path))
    assert {'dl_course.sources', 'dl_course.files'} & {o[1] for o in found.values()}
    assert not up(found)


def test_from_a_model_file_to_an_answer(dls, digits, tmp_path):
    import dl_course.saving  # noqa: F401 brings Learner.export
    from dl_course.lasting.learner import Learner
    from dl_course.models import linear
    from dl_course.predictor import load_predictor
    path = Learner(dls, linear(784, 2)).export(tmp_path/'model.onnx')
    digit = next((digits/'valid').rglob('*.png'))
    found = steps(lambda: load_predictor(path).predict(digit))
    assert {'dl_course.onnxfile', 'dl_course.prepare'} <= {o[1] for o in found.values()}
    assert not up(found)
