"""The web app in a real browser, and under malformed requests.

A browser uses all that puts a model in front of people: `dl_course serve`, the folder that `dl_course space` writes
(started with nothing but the packages of its own list), the widget under Voila, and models for photos, one of them
with hostile class names. Then an app gets 500 malformed uploads and other hostile requests, 4 at a time. A Space
gets the same uploads, and those requests that ask for files and addresses.
"""
import importlib.metadata
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import ROOT, TOO_WIDE, free_port

WIDTHS = ((1100, 'light'), (390, 'dark'))
UNLIKE = 'This is unlike what the model knows'
CHECKOUT = {'PYTHONPATH': str(ROOT)}
CLI = 'import sys; from dl_course.tools.cli import main; sys.exit(main(sys.argv[1:]))'


def memory(p): return int(re.search(r'VmRSS:\s+(\d+)', Path(f'/proc/{p.pid}/status').read_text())[1])/1000      # MB


class Place:
    "A folder for all that the tests write: home, temporary files and working folder of the programs that are tested."
    def __init__(self, folder):
        self.folder = Path(folder)
        self.tmp, self.home, self.work = [self.folder/o for o in ('tmp', 'home', 'work')]
        for o in (self.tmp, self.home, self.work): o.mkdir()
        drop = ('PYTHONPATH', 'GRADIO_', 'JUPYTER_', 'IPYTHON')
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        self.env.update(TMPDIR=str(self.tmp), HOME=str(self.home), XDG_CACHE_HOME=str(self.home/'.cache'),
                        IPYTHONDIR=str(self.home/'.ipython'), MPLCONFIGDIR=str(self.home/'.mpl'),
                        PYTHONDONTWRITEBYTECODE='1', PYTHONUNBUFFERED='1', OMP_NUM_THREADS='2')

    def files(self):
        "The files that are there; what disappears meanwhile is passed over."
        found = (Path(d)/name for d, _, names in os.walk(self.folder) for name in names)
        return {o.relative_to(self.folder).as_posix() for o in found if o.is_file()}

    @contextmanager
    def running(self, *cmd, cwd=None, env=None, ready=r'(http://\S+)', limit=240):
        "A program, and the address that it prints; stopped with Ctrl-C at the end."
        log = (self.folder/f'log-{len(list(self.folder.glob("log-*")))}').open('w+')
        p = subprocess.Popen([sys.executable, *map(str, cmd)], cwd=cwd or self.work, env={**self.env, **(env or {})},
                             stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        try:
            end, m = time.time() + limit, None
            while not m:
                text = Path(log.name).read_text(errors='replace')
                m = re.search(ready, text)
                if not m and (p.poll() is not None or time.time() > end):
                    raise RuntimeError(f'{cmd[:3]} does not start: {text[-500:]}')
                time.sleep(.1)
            p.url, p.log = m[1].rstrip('/'), Path(log.name)
            yield p
        finally:
            p.send_signal(signal.SIGINT)
            try: p.wait(60)
            except subprocess.TimeoutExpired: p.kill()
            log.close()


MODEL = '''
import sys
from dl_course.datasets import URLs, untar_data
from dl_course.images import DataLoaders
from dl_course.lasting.learner import Learner
from dl_course.metrics import accuracy
from dl_course.lasting.state import set_seed
from dl_course.models import mlp
from dl_course.optimizer import AdamW
import dl_course.saving
set_seed(42)
dls = DataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE), seed=42)
learn = Learner(dls, mlp(28*28, 2, (30,)), opt_func=AdamW, metrics=accuracy)
with learn.no_bar(), learn.no_logging(): learn.fit(2, 5e-3)
learn.export(sys.argv[1], novelty=True)
print(dls.path)
'''

PHOTOS = '''
import json, sys
from pathlib import Path
import torch
from fastai.vision.all import ImageDataLoaders, Resize
from dl_course.datasets import URLs, untar_data
from dl_course.sources import get_image_files
from dl_course.lasting.state import set_seed
from dl_course.predictor import load_predictor
from dl_course.vision.learner import export, has_weights, vision_learner
torch.set_num_threads(1)
try: stamps = untar_data(URLs.STAMPS)
except Exception as e: sys.exit('the Tux Paint stamps are missing: ' + ' '.join(str(e).split()))
if not has_weights(): sys.exit('the weights of efficientnet_lite0 are missing')
classes = 'animals', 'food', 'plants'
set_seed(42)
files = [f for o in classes for f in sorted(get_image_files(stamps/o))[:40]]
dls = ImageDataLoaders.from_path_func(stamps, files, lambda f: f.relative_to(stamps).parts[0],
                                      item_tfms=Resize(96, method='squish'), bs=16, num_workers=0)
learn = vision_learner(dls, lin_ftrs=[], concat_pool=False)
with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, 1e-2)
predictor = load_predictor(export(learn, sys.argv[1]))
photos = [sorted(get_image_files(stamps/o))[0] for o in classes]
print(json.dumps([(str(f), predictor.predict(f).label) for f in photos]))
'''


NAMES = ['<img src=x onerror="window.evil=1">', '</script><script>window.evil=1</script>',
         '![a](http://example.com/a.png)', '\ud800', 7, 2.5]
SHOWN = [*NAMES[:3], r'\ud800', '7', '2.5']
HOSTILE = f'''
import sys
import torch
from torch import nn
from dl_course.prepare import Prepare
from dl_course.saving import export_onnx
torch.manual_seed(42)
net = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(6))
net(torch.zeros(1, 3, 40, 56))
steps = [['longest', 60, 'bicubic'], ['resize', 40, 56, 'pad', 'reflection', 'lanczos']]
prepare = Prepare('image', mode='RGB', size=(40, 56), read='photo', steps=steps)
export_onnx(sys.argv[1], net, prepare, {ascii(NAMES)}, 'sigmoid')
'''

# Runs a program with nothing but the packages in a folder, and those of Python itself.
ALONE = '''
import runpy, sys
sys.path.append(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
'''


def borrow(requirements, folder):
    "Fill a folder with links to what these packages have installed, and nothing else: it stands for a new environment."
    folder.mkdir()
    names = [o.partition('==')[0] for o in requirements.read_text().splitlines() if o[:1] not in ('', '#')]
    for dist in map(importlib.metadata.distribution, names):
        for top in {o.parts[0] for o in dist.files if o.parts[0] != '..' and '__pycache__' not in o.parts[0]}:
            if not (folder/top).exists(): (folder/top).symlink_to(dist.locate_file(top))
    return folder


def png(width, height, rows=None, depth=8, colour=0):
    "A PNG file by hand, so that it can claim to be larger than it is."
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind+data))
    data = zlib.compress(b'\0'*(width+1)*(height if rows is None else rows), 9)
    head = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', data) + chunk(b'IEND', b'')


# ---------------------------------------------------------------- in the browser

@pytest.fixture
def opened(new_context):
    "Opens a page, and gives with it the list of what went wrong in it: errors, and requests to other hosts."
    @contextmanager
    def go(url, width, scheme, allowed=()):
        log, context = [], new_context(viewport=dict(width=width, height=900), color_scheme=scheme)
        def decide(route):
            asked = route.request.url
            if asked.startswith((url, 'data:', 'blob:', *allowed)): return route.continue_()
            log.append(f'asks another host: {asked[:100]}')
            route.abort()
        context.route('**/*', decide)
        page = context.new_page()
        page.on('console', lambda m: log.append(f'console: {m.text}') if m.type == 'error' else None)
        page.on('pageerror', lambda e: log.append(f'script error: {e}'))
        page.on('response', lambda r: log.append(f'{r.status}: {r.url[:100]}') if r.status >= 400 else None)
        page.set_default_timeout(90_000)         # a slow machine is no failure
        page.goto(url)
        yield page, log
        context.close()
    return go


@pytest.fixture(scope='module')
def place(tmp_path_factory): return Place(tmp_path_factory.mktemp('app tests '))


@pytest.fixture(scope='module')
def digits(place):
    "A model for digits, and the folder of its data."
    model, env = place.folder/'digits.onnx', {**place.env, **CHECKOUT, 'HOME': os.environ.get('HOME', '/')}
    made = subprocess.run([sys.executable, '-c', MODEL, model], env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return model, Path(made.stdout.splitlines()[-1])


@pytest.fixture(scope='module')
def pictures(place, digits):
    "A digit, examples of another one, and what is not like a digit, no picture, too large."
    from PIL import Image
    noise, text, large = [place.work/f'{o}.png' for o in ('noise', 'text', 'large')]
    Image.frombytes('L', (28, 28), random.Random(42).randbytes(28*28)).save(noise)
    text.write_text('This is no picture.')
    large.write_bytes(png(28, 28) + bytes(11_000_000))
    good, examples = sorted((digits[1]/'valid'/'7').iterdir())[0], digits[1]/'valid'/'3'
    return SimpleNamespace(good=good, examples=examples, noise=noise, text=text, large=large)


@pytest.fixture(scope='module')
def the_space(place, digits, pictures):
    "The folder that `dl_course space` writes."
    out = place.folder/'the space'
    words = '-c', CLI, 'space', digits[0], out, '--title', '3 or 7?', '--examples', pictures.examples
    made = subprocess.run([sys.executable, *map(str, words)], cwd=place.work, env={**place.env, **CHECKOUT},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-500:]
    return out


@contextmanager
def alone(place, out):
    "The app in a folder, running with nothing but its own packages."
    packages = place.folder/f'packages of {out.name}'
    if not packages.exists(): borrow(out/'requirements.txt', packages)
    words = '-I', '-S', '-B', '-u', '-c', ALONE, packages, 'app.py'
    env = {'GRADIO_SERVER_PORT': str(free_port()), 'GRADIO_TEMP_DIR': str(place.tmp/'gradio')}
    with place.running(*words, cwd=out, env=env) as p: yield p


def use_gradio(opened, pictures, url, width, scheme, below=True):
    "Use the Gradio page; with `below`, messages stand below the picture."
    with opened(url, width, scheme) as (page, log):
        def upload(file):
            clear = 'button[aria-label="Clear"], button[title="Clear"], button[aria-label="Remove Image"]'
            if (x := page.locator(clear).first).is_visible(): x.click()
            page.wait_for_selector('input[type=file]', state='attached')
            page.set_input_files('input[type=file]', str(file))
        upload(pictures.good)
        page.get_by_test_id('label-output-value').get_by_text('7', exact=True).wait_for()
        shown = "() => [...document.images].some(i => i.src.includes('/file=') && i.naturalWidth === 28)"
        page.wait_for_function(shown)
        if wide := page.evaluate(TOO_WIDE): return f'too wide: {wide}'
        unlike = page.get_by_text(UNLIKE)
        if unlike.is_visible(): return 'a digit is called unlike what the model knows'
        upload(pictures.noise)
        unlike.wait_for()
        upload(pictures.text)
        page.get_by_text("This file isn't a picture").wait_for()
        top = "document.querySelector('.toast-body').getBoundingClientRect().top"
        if below: page.wait_for_function(f'() => {top} > innerHeight/2')
        unlike.wait_for(state='hidden')
        page.get_by_test_id('toast-close').first.click()
        upload(pictures.large)
        page.get_by_text(re.compile('maximum allowed size|more than 10 MB', re.I)).first.wait_for()
        bad = log[:]                # before the page is left: leaving it while it waits for an answer prints an error
    with opened(url, width, scheme) as (page, log):
        page.locator('.gallery-item').first.click()
        page.get_by_test_id('label-output-value').get_by_text('3', exact=True).wait_for()
        return '; '.join(dict.fromkeys(bad + log))


def test_serve(place, digits, pictures, opened, report):
    "A photo is answered, noise gets a warning, a text file and a large one a message, an example works."
    words = '-c', CLI, 'serve', digits[0], '--examples', pictures.examples, '--port', free_port()
    with place.running(*words, env=CHECKOUT) as p:
        for width, scheme in WIDTHS:
            report(f'{width} px, {scheme}', lambda w=width, s=scheme: use_gradio(opened, pictures, p.url, w, s))
        said = p.log.read_text()
    fine = p.returncode == 0 and len(said.splitlines()) == 1 and 'Everybody' not in said
    report('ends with Ctrl-C, says nothing but its address, and is not open to everybody',
           '' if fine else f'exit status {p.returncode}: {said[-300:]}')
    report('leaves no file', '; '.join(map(str, place.tmp.glob('dl_course-app*'))))


def test_serve_photos(place, opened):
    "Stamps get the labels that the model's Predictor gives."
    model = place.folder/'photos.onnx'
    home = {k: os.environ[k] for k in ('HOME', 'XDG_CACHE_HOME') if k in os.environ}
    made = subprocess.run([sys.executable, '-c', PHOTOS, model], env={**place.env, **home, **CHECKOUT},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    answers = json.loads(made.stdout.splitlines()[-1])
    with place.running('-c', CLI, 'serve', model, '--port', free_port(), env=CHECKOUT) as p:
        for photo, label in answers:
            with opened(p.url, 390, 'light') as (page, log):
                page.wait_for_selector('input[type=file]', state='attached')
                page.set_input_files('input[type=file]', photo)
                page.get_by_test_id('label-output-value').get_by_text(label, exact=True).wait_for()
                assert not log
    assert len({label for _, label in answers}) > 1, 'the model calls everything the same, so the test says little'


def test_space(place, the_space, pictures, opened, report):
    "The same in the folder for Spaces, which runs with nothing but the packages of its list."
    before = place.files()
    with alone(place, the_space) as p:
        maps = Path(f'/proc/{p.pid}/maps')
        foreign = re.findall(r'\S*(?:/torch/|/fastai/|/matplotlib/)\S*', maps.read_text()) if maps.exists() else []
        report('runs with only the packages of its list', '; '.join(foreign))
        report('in the browser', lambda: use_gradio(opened, pictures, p.url, *WIDTHS[1], below=False))
    allowed = r'log-\d+$|packages of|^home/|/\d\d\.png$'           # 01.png is an example
    report('ends with Ctrl-C', p.returncode and f'exit status {p.returncode}: {p.log.read_text()[-300:]}')
    report('leaves no upload', '; '.join(o for o in place.files() - before if not re.search(allowed, o)))


@pytest.fixture(scope='module')
def hostile(place):
    "A model for photos whose class names are code, numbers and half a character, and the Space made of it."
    model, out = place.folder/'hostile.onnx', place.folder/'hostile space'
    title = '</title><script>window.evil=1</script> *a* @NAME@ "\''
    for words in (('-c', HOSTILE, model), ('-c', CLI, 'space', model, out, '--title', title)):
        made = subprocess.run([sys.executable, *map(str, words)], env={**place.env, **CHECKOUT},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[-300:]
    return model, out


@pytest.mark.parametrize('where', ['serve', 'the Space'])
def test_hostile_names(place, hostile, pictures, opened, where):
    "Class names that are code, numbers and half a character are shown as they are; several can be right."
    model, out = hostile
    served = '-c', CLI, 'serve', model, '--port', free_port()
    with place.running(*served, env=CHECKOUT) if where == 'serve' else alone(place, out) as p:
        with opened(p.url, *WIDTHS[0]) as (page, log):
            page.wait_for_selector('input[type=file]', state='attached')
            page.set_input_files('input[type=file]', str(pictures.noise))
            page.get_by_test_id('label-output-value').wait_for()
            page.get_by_text('several can be right: those above 50%').wait_for()
            text = page.locator('body').inner_text()
            assert not page.evaluate('window.evil'), 'a name or the title was run as a script'
            assert sum(o not in text for o in SHOWN) <= 1               # five of the six are shown
            assert not log


def test_voila(place, digits, pictures, opened):
    "A photo is answered, noise gets a warning, a text file a message."
    out, port = place.work/'voila', free_port()
    out.mkdir()
    shutil.copyfile(digits[0], out/'model.onnx')
    cell = dict(cell_type='code', metadata={}, outputs=[], execution_count=None)
    lines = 'from dl_course.app.widget import upload_widget', "upload_widget('model.onnx')"
    cells = [dict(cell, id=f'cell-{i}', source=o) for i, o in enumerate(lines)]
    meta = dict(kernelspec=dict(display_name='Python 3', language='python', name='python3'))
    (out/'app.ipynb').write_text(json.dumps(dict(cells=cells, metadata=meta, nbformat=4, nbformat_minor=5)))
    # jupytext may be among the developer's tools, and is too new for Voila
    words = ('-m', 'voila', 'app.ipynb', f'--port={port}', '--no-browser', '--Voila.ip=127.0.0.1',
             "--VoilaConfiguration.extension_denylist=['jupyterlab-jupytext']")
    icons = 'https://cdn.jsdelivr.net/npm/@fortawesome/'      # Voila's own page asks for them, and does without
    ready = r'(http://(?:localhost|127\.0\.0\.1):\d+)'
    with place.running(*words, cwd=out, env=CHECKOUT, ready=ready):
        with opened(f'http://127.0.0.1:{port}/', *WIDTHS[1]) as (page, log):
            def upload(file):
                with page.expect_file_chooser() as chooser: page.get_by_role('button', name='Choose a picture').click()
                chooser.value.set_files(str(file))
            upload(pictures.good)
            page.get_by_role('cell', name='7', exact=True).wait_for()
            page.wait_for_function("() => [...document.images].some(i => i.naturalWidth === 28)")
            assert not page.evaluate(TOO_WIDE)
            upload(pictures.noise)
            page.get_by_text(UNLIKE).wait_for()
            upload(pictures.text)
            page.get_by_text("This file isn't a picture").wait_for()
            assert not [o for o in log if icons not in o and o != 'console: Failed to load resource: net::ERR_FAILED']


# ---------------------------------------------------------------- what strangers send

def bad_files(good, rng):
    "Files that are no pictures, or no good ones, each with a name."
    from PIL import Image
    def save(kind, size=(64, 64), mode='RGB', **kw):
        f = io.BytesIO()
        Image.frombytes(mode, size, rng.randbytes(size[0]*size[1]*len(mode))).save(f, kind, **kw)
        return f.getvalue()
    def zipped():
        f = io.BytesIO()
        with zipfile.ZipFile(f, 'w') as z: z.writestr('../../evil.png', 'x')
        return f.getvalue()
    cut = lambda data: data[:rng.randrange(1, len(data)-len(data)//8)]
    jpeg, tiff = save('JPEG'), save('TIFF')
    webp = (b'RIFF' + struct.pack('<I', 30) + b'WEBPVP8X' + struct.pack('<II', 10, 0) + b'\xfe\x3f\0\xfe\x3f\0'
            + b'VP8 ' + struct.pack('<I', 4) + b'\0'*4)
    yield 'photo.png', cut(good)
    yield 'photo.jpg', cut(jpeg)
    yield 'photo.gif', cut(save('GIF', mode='L'))[:40]
    yield 'photo.tif', cut(tiff)[:rng.randrange(8, 200)]
    yield 'photo.webp', cut(save('WEBP'))
    yield 'random.png', rng.randbytes(rng.randrange(1, 5000))
    yield 'random2.jpg', jpeg[:20] + rng.randbytes(3000)
    yield 'random3.png', good[:8] + rng.randbytes(3000)
    yield 'random.tif', b'II*\0' + rng.randbytes(3000)
    yield 'random.webp', b'RIFF' + rng.randbytes(4) + b'WEBP' + rng.randbytes(500)
    yield 'empty.png', b''
    yield 'bomb.png', png(60_000, 60_000, 100)
    yield 'bomb2.png', png(12_000, 12_000, 200)
    yield 'bomb.webp', webp
    large = struct.pack('<HHHHB', 0, 0, 65535, 65535, 0)
    yield 'bomb.gif', (b'GIF89a' + struct.pack('<HH', 65535, 65535) + b'\x80\0\0' + bytes(6) + b',' + large
                       + b'\x02\x02D\x01\0;')
    large = struct.pack('<IHHIIiiHHIIiiII', 100, 0, 0, 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0)
    yield 'bomb.bmp', b'BM' + large
    yield 'scans.jpg', jpeg[:-2] + jpeg[jpeg.index(b'\xff\xda'):-2]*2000 + b'\xff\xd9'
    yield 'deep.png', png(20, 20, 40, depth=16)
    yield 'archive.png', zipped()
    yield 'drawing.svg', (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script>'
                          b'<image href="file:///etc/passwd"/></svg>')
    yield 'page.html', b'<script>alert(1)</script>'
    yield 'page.png', b'<html><body onload=alert(1)>'
    yield 'print.eps', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) (r) file\n'
    yield 'model.png', b'\x80\x04cos\nsystem\n(S"touch evil"\ntR.'
    yield 'raw.ico', b'\0\0\1\0' + rng.randbytes(200)


SERVE = '''
import sys
from dl_course.app.serve import serve
s = serve(sys.argv[1], port=int(sys.argv[2]), examples=sys.argv[3], keep=2)
print(s.url, flush=True)
s.wait()
'''


def evil(place):
    "The files outside of the tests' folder that the names of uploads could have led to, each with its time."
    folders = {Path(o).resolve() for o in ('/', '/etc', tempfile.gettempdir(), ROOT, Path.cwd(), Path.home())}
    folders |= set(place.folder.resolve().parents)
    patterns = '*evil*', 'tmp/*evil*', 'etc/*evil*'
    return {(str(f), f.lstat().st_mtime_ns) for o in folders for pattern in patterns for f in o.glob(pattern)}


def attack(place, report, model, digits, running, guarded=True, n=500):
    """500 malformed uploads and other hostile requests, 4 at a time; then a good one is answered as before, and nothing
    is left."""
    import httpx
    rng, good = random.Random(42), sorted((digits/'valid'/'7').iterdir())[0].read_bytes()
    hits, secret = [], socket.create_server(('127.0.0.1', 0))
    def listen():
        while True:
            try: c, _ = secret.accept()
            except OSError: return
            hits.append(c.recv(200))
            c.close()
    threading.Thread(target=listen, daemon=True).start()
    inside = f'http://127.0.0.1:{secret.getsockname()[1]}'
    with running as p, httpx.Client(base_url=p.url, timeout=60) as http:
        api, host = '/gradio_api', p.url.removeprefix('http://')
        start, outside = place.files(), evil(place)

        def call(data):
            r = http.post(api + '/call/predict', json={'data': data})
            if r.status_code!=200: return r.status_code, r.text
            r = http.get(f"{api}/call/predict/{r.json()['event_id']}")
            return (200 if 'event: complete' in r.text else 500), r.text

        def ask(name, data):
            r = http.post(api + '/upload', files={'files': (name, data)})
            if r.status_code!=200: return r.status_code, r.text
            return call([{'path': r.json()[0], 'meta': {'_type': 'gradio.FileData'}}])

        def raw(text, cut=False):
            "Bytes as they are; with `cut` the connection ends before the answer."
            with socket.create_connection((host.split(':')[0], int(host.split(':')[1])), 30) as s:
                s.sendall(text)
                if cut: return 400, ''
                s.shutdown(socket.SHUT_WR)
                got = b''
                while chunk:=s.recv(65536): got += chunk
            m = re.match(rb'HTTP/1.1 (\d+)', got)
            return int(m[1]) if m else 400, got.decode('latin1')

        def multipart(body, more=''):
            return (f'POST {api}/upload HTTP/1.1\r\nHost: {host}\r\n'
                    f'Content-Type: multipart/form-data; boundary=x\r\n{more}\r\n').encode() + body
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        get = lambda path: (lambda r: (r.status_code, r.text))(http.get(path))
        post = lambda path, **kw: (lambda r: (r.status_code, r.text))(http.post(path, **kw))
        named = lambda path, **kw: lambda: call([{'path': path, 'meta': {'_type': 'gradio.FileData'}, **kw}])
        deep = '['*50_000 + ']'*50_000
        bad = lambda path, **kw: lambda: post(api + path, **kw)
        requests = [
            named('/etc/passwd'), named(str(model)), named('../../../../etc/passwd'), named('/proc/self/environ'),
            named(inside), named('file:///etc/passwd'), named(f'{inside}/a.png', url=f'{inside}/a.png'),
            named(None, url=f'{inside}/a.png'), named(7), named(['/etc/passwd']), named({'path': '/etc/passwd'}),
            named('\0'), named('x'*5000), named(None, url='data:image/png;base64,AAAA'),
            named(None, url='data:text/html,<script>'), named('http://example.com/a.png'),
            lambda: call([]), lambda: call([1, 2, 3]), lambda: call('text'), lambda: call([None]*1000),
            lambda: call({'path': '/etc/passwd'}), lambda: call(['/etc/passwd']),
            bad('/call/predict', content=b'{'), bad('/call/predict', content=deep),
            bad('/call/predict', content=b'{"data": ' + b'9'*200_000), bad('/call/other', json={'data': []}),
            bad('/queue/join', json={'data': [], 'fn_index': 99, 'session_hash': 'a'}),
            bad('/queue/join', json={'data': [{'path': '/etc/passwd', 'meta': {'_type': 'gradio.FileData'}}],
                                     'fn_index': 0, 'session_hash': '../..'}),
            bad('/run/predict', json={'data': [None]}), bad('/api/predict', json={'data': [None]}),
            bad('/upload', content=b'x'), bad('/upload', files={'files': ('big.png', bytes(10_500_000))}),
            bad('/upload', data={'files': 'x'*10_300_000}, files={'other': b''}),
            lambda: raw(multipart(part + b'half', 'Content-Length: 100000\r\n'), cut=True),
            lambda: raw(multipart(part + b'half', 'Content-Length: 40\r\n')),
            lambda: raw(multipart(part, 'Content-Length: -1\r\n')),
            lambda: raw(multipart(b'zz\r\n', 'Transfer-Encoding: chunked\r\n')),
            lambda: raw(b'\x16\x03\x01' + rng.randbytes(200)),
            lambda: raw(b'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'),
            lambda: raw(f'GET {api}/file=../../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n'
                        'Connection: close\r\n\r\n'.encode()),
            *[lambda path=path: get(path) for path in (
                f'{api}/file=/etc/passwd', f'{api}/file=%2Fetc%2Fpasswd', f'{api}/file={model}',
                f'{api}/file={inside}/a',
                f'{api}/file=http://example.com/', f'{api}/file/etc/passwd', f'{api}/file=/proc/self/environ',
                f'{api}/proxy={inside}/a', f'{api}/deep_link?session_hash=a', f'{api}/stream/a/b/0/playlist-file',
                '/monitoring', '/docs', '/redoc', '/openapi.json', '/static/../../../../etc/passwd',
                '/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd', '/assets/..%2f..%2f..%2froutes.py', '/svelte/%2e%2e/x',
                '/gradio_api/vibe-code', '/gradio_api/runs', '/gradio_api/dev/reload', '/custom_component/a/b/c/d',
                '/gradio_api/call/predict/nothing', '/?deep_link=../../etc/passwd&x=1' + 'y'*50)]]
        names = ['../../../../tmp/evil.png', '/etc/evil.png', '..\\..\\evil.png', 'a\0b.png', 'x'*400 + '.png', '.',
                 '..', '', 'con.png', 'é ü.png', '$(touch evil).png', 'a";b="c.png']
        jobs = []
        while len(jobs)<n:
            jobs += [('bad', lambda o=o: ask(*o)) for o in bad_files(good, rng)]
            jobs += [('name', lambda o=o: ask(o, rng.randbytes(100))) for o in names]
        uploads = len(jobs)
        if not guarded:
            files = '/etc/passwd', '/proc/self/environ', f'{inside}/a'
            requests = requests[:16] + [lambda o=o: get(f'{api}/file={o}') for o in files]
        jobs += 4*[('request', o) for o in requests]
        jobs += 8*[('polyglot', lambda: ask('a.html', good + b'<script>alert(1)</script>'))]
        rng.shuffle(jobs)
        first, _ = ask('good.png', good), ask('good.png', good)
        answered = first[0] == 200 and '"label": "7"' in first[1]
        report('before the attack a digit is answered', '' if answered else str(first))
        results, sizes = [], []
        def run(job):
            try: res = job[1]()
            except httpx.HTTPError as e: res = 400, f'{type(e).__name__}'      # the connection was closed
            return job[0], *res
        began = time.time()
        with ThreadPoolExecutor(4) as pool:
            for i, res in enumerate(pool.map(run, jobs)):
                results.append(res)
                if i in (len(jobs)//3, len(jobs)-1): sizes.append(memory(p))
        took = time.time() - began
        fine = [r for r in results if r[0] in ('bad', 'name') and r[1]==200]
        sent = f'{uploads} malformed uploads and {len(jobs)-uploads} other hostile requests, 4 at a time ({took:.0f} s)'
        report(f'{sent}: none of the bad files gets an answer', '; '.join(str(r)[:150] for r in fine[:3]))
        told = re.compile(r'root:.*:0:0|Traceback|site-packages|File ".*line \d')
        leaks = [r for r in results if told.search(r[2]) or any(str(o) in r[2] for o in (ROOT, place.home, model))]
        report('no answer holds another file, a path of the machine or a stack of calls',
            '; '.join(str(r)[:200] for r in leaks[:3]))
        dead = [r for r in results if r[1] in (502, 503)]
        report('none was turned away because the app was broken or busy', '; '.join(str(r)[:150] for r in dead[:3]))
        report('the app asks no address that a request names', f'{len(hits)} connections' if hits else '')
        again = ask('good.png', good)
        report('a good picture is still answered, with the same numbers',
            '' if again[0]==200 and again[1]==first[1] else str(again)[:300])
        report(f'memory stays bounded ({sizes[0]:.0f} MB after a third, {sizes[1]:.0f} MB at the end)',
            '' if sizes[1]<sizes[0]+150 else 'it grows')
        if not guarded: return secret.close()
        end = time.time() + 90
        while (left:=place.files() - start - {p.log.name}) and time.time()<end: time.sleep(.3)
        left |= {f for f, _ in evil(place) - outside}
        report('no upload is left, and nothing was written where the names of the uploads lead',
            '; '.join(sorted(left)[:5]))
        said = p.log.read_text(errors='replace')
        errors = re.findall(r'(?m)^Traceback|^[\w.]+(?:Error|Exception|Disconnect)\b.*', said)
        report('the app prints no stack of calls', ' | '.join(errors)[:500] if 'Traceback' in said else '')
    secret.close()


def test_attack_on_serve(place, digits, report):
    served = place.running('-c', SERVE, digits[0], free_port(), digits[1]/'valid'/'3', env=CHECKOUT)
    attack(place, report, *digits, served)


def test_attack_on_a_space(place, digits, the_space, report):
    attack(place, report, *digits, alone(place, the_space), guarded=False)
