// The page: it loads the model, takes a picture or a drawing, and shows what the model says. Everything happens in the
// browser. The arithmetic that makes a picture ready is in prepare.js; model.json says what the model takes and gives.
'use strict';

const MAX_BYTES = 20e6, MAX_PIXELS = 50e6;
const by = id => document.getElementById(id);
const wait = ms => new Promise(done => setTimeout(done, ms));

let facts;          // what model.json says
let ort, session;   // the runtime, and the model in it

// An element with a text, which stays text whatever it says.
function make(tag, text = '', props = {}) {
  return Object.assign(document.createElement(tag), {textContent: text}, props);
}

const percent = p => (100 * p).toFixed(1) + '%';
const megabytes = n => (n / 1e6).toFixed(1);

// For screen readers: one sentence at a time.
function say(text) { by('said').textContent = text; }

function problem(e) {
  const text = e instanceof Sentence ? e.message : `Something went wrong that should not have: ${e.message || e}`;
  by('problem').textContent = text;
  by('problem').hidden = false;
}

function allFine() { by('problem').hidden = true; }

// ---------------------------------------------------------------- load

async function load() {
  facts = await (await get('model.json')).json();
  describe();
  takePictures();
  if (facts.input.mode === 'L' && facts.input.size && Math.max(...facts.input.size) <= 64) startDrawing();
  keepPage();
  await start();
}

// The model and the runtime, with a bar that shows how far they are.
async function start() {
  by('loading').hidden = false;
  say('Loading the model.');
  const names = ['model.onnx', 'ort-wasm-simd-threaded.wasm'], had = {};
  const total = names.reduce((sum, o) => sum + facts.files[o].bytes, 0);
  const [model, wasm] = await Promise.all(names.map(o => large(o, n => {
    had[o] = n;
    showProgress(Object.values(had).reduce((a, b) => a + b), total);
  })));
  ort = await import(named('ort.wasm.min.mjs'));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = {mjs: named('ort-wasm-simd-threaded.mjs')};
  ort.env.wasm.wasmBinary = wasm;
  session = await ort.InferenceSession.create(new Uint8Array(model), {executionProviders: ['wasm']});
  by('loading').hidden = true;
  say('The model is ready.');
}

function showProgress(n, total) {
  by('progress').value = n / total;
  by('loaded').textContent = `${megabytes(n)} of ${megabytes(total)} MB`;
}

async function get(url) {
  const res = await fetch(url).catch(() => stop('There is no network, and this page was not loaded whole before.'));
  if (!res.ok) stop(`The file ${url.split('?')[0]} could not be loaded (status ${res.status}).`);
  return res;
}

// The address of a file with its checksum: another content has another address.
const named = name => new URL(`${name}?${facts.files[name].sha256.slice(0, 16)}`, location.href).href;

// A large file, from what the browser has kept or else from the server; onProgress is told how many bytes there are.
async function large(name, onProgress) {
  const cache = self.caches && await caches.open('dl_course ' + new URL('./', location.href).href).catch(() => null);
  const kept = cache && await cache.match(named(name));
  const bytes = await receive(kept || await get(named(name)), onProgress);
  if (self.crypto.subtle && await checksum(bytes) !== facts.files[name].sha256) {     // over http:// there is no subtle
    stop('The files of this page do not belong together; load it again in a few minutes.');
  }
  if (cache && !kept) keep(cache, name, bytes).catch(() => {});       // without room it works too, but not offline
  return bytes;
}

async function receive(res, onProgress) {
  const parts = [], reader = res.body.getReader();
  for (let n = 0; ;) {
    const {done, value} = await reader.read().catch(() => stop('The network broke off; load the page again.'));
    if (done) return new Blob(parts).arrayBuffer();
    parts.push(value);
    onProgress(n += value.length);
  }
}

async function checksum(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map(o => o.toString(16).padStart(2, '0')).join('');
}

// Keep a file, and drop what was kept of the same name before.
async function keep(cache, name, bytes) {
  await cache.put(named(name), new Response(bytes));
  for (const o of await cache.keys()) {
    if (new URL(o.url).pathname === new URL(named(name)).pathname && o.url !== named(name)) cache.delete(o);
  }
}

async function keepPage() {
  try {
    await navigator.serviceWorker.register('sw.js', {updateViaCache: 'none'});
  } catch (e) { /* then the page works with a network only */ }
}

// ---------------------------------------------------------------- from a file to pixels

async function decode(file) {
  if (file.size > MAX_BYTES) stop('This file has more than 20 MB; choose a smaller one.');
  const bytes = new Uint8Array(await file.arrayBuffer()), isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  const blob = isJpeg && facts.input.read === 'plain' ? withoutExif(bytes) : new Blob([bytes]);
  try {
    await checkSize(blob);
    const bitmap = await createImageBitmap(blob, {colorSpaceConversion: 'none', premultiplyAlpha: 'none',
      imageOrientation: 'from-image'});
    return {im: pixels(bitmap), isJpeg};
  } catch (e) {
    throw e instanceof Sentence ? e : new Sentence(unreadable(bytes));
  }
}

// The pixels of a bitmap, through a canvas that takes a few rows at a time, since phones limit its area.
function pixels(bitmap) {
  const {width: w, height: h} = bitmap, res = picture(w, h, 4), rows = Math.max(1, Math.floor(4e6 / w));
  const canvas = make('canvas', '', {width: w, height: Math.min(rows, h)});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  for (let y = 0; y < h; y += rows) {
    context.clearRect(0, 0, w, canvas.height);
    context.drawImage(bitmap, 0, -y);
    const n = Math.min(rows, h - y);
    res.data.set(context.getImageData(0, 0, w, n).data, y * w * 4);
  }
  return isOpaque(res) ? res : exactPixels(bitmap) || res;
}

function isOpaque(im) {
  for (let i = 3; i < im.data.length; i += 4) if (im.data[i] < 255) return false;
  return true;
}

// A canvas forgets the colour of what cannot be seen, and Python does not; a texture of WebGL keeps it.
function exactPixels(bitmap) {
  const gl = make('canvas', '', {width: 1, height: 1}).getContext('webgl');
  if (!gl || Math.max(bitmap.width, bitmap.height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const res = picture(bitmap.width, bitmap.height, 4), texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.readPixels(0, 0, res.w, res.h, gl.RGBA, gl.UNSIGNED_BYTE, res.data);
  const failed = gl.getError();
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return failed ? null : res;
}

// An <img> learns the size of a picture from its header, before anything is decoded.
async function checkSize(blob) {
  const img = make('img'), url = URL.createObjectURL(blob);
  try {
    await new Promise((done, fail) => { img.onload = done, img.onerror = fail, img.src = url; });
  } finally {
    URL.revokeObjectURL(url);
  }
  if (img.naturalWidth * img.naturalHeight > MAX_PIXELS) {
    stop('This picture has more than 50 million pixels; make it smaller.');
  }
}

function unreadable(bytes) {
  const letters = String.fromCharCode(...bytes.subarray(4, 12));
  if (/^ftyp(hei|hev|mif|msf)/.test(letters)) return 'This browser cannot read HEIC photos; save it as a JPEG file.';
  return 'This file isn\'t a picture that this browser can read, or it is damaged.';
}

// A JPEG without the note that says how the camera was held, for models that were trained on pictures as they are.
function withoutExif(bytes) {
  const parts = [bytes.subarray(0, 2)];
  let at = 2;
  while (bytes[at] === 0xff && bytes[at + 1] !== 0xda && at + 4 < bytes.length) {
    const end = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    if (bytes[at + 1] !== 0xe1) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return new Blob([...parts, bytes.subarray(at)]);
}

// ---------------------------------------------------------------- the answer

// What the model says about one prepared picture.
async function ask(im) {
  const pixels = new ort.Tensor('uint8', im.data, [1, im.h, im.w, im.c]);
  const {probabilities, novelty} = await session.run({pixels});
  if (!probabilities.data.every(Number.isFinite)) stop('For this picture the model gives no numbers.');
  return {probabilities: [...probabilities.data], unlike: novelty ? !(novelty.data[0] <= 1) : false};
}

// The classes, likeliest first, and those that the answer names: the first, or, where several can be right, all above
// the threshold.
function ranked(p) {
  const all = facts.vocab.map((name, i) => ({name: String(name), p: p[i]})).sort((a, b) => b.p - a.p);
  const said = facts.several ? all.filter(o => o.p > facts.threshold) : all.slice(0, 1);
  said.forEach(o => o.said = true);
  return {all, said};
}

let latest = 0;         // each question has a number, so that an answer that comes too late is not shown
let changed = false;    // was something drawn since the latest question?

function newQuestion() {
  changed = false;
  return ++latest;
}

// Show a prepared picture and the answer to it, and return the answer as a sentence; empty when a newer question came.
async function show(im, how, mine, drawing = false) {
  await ready;
  const answer = await ask(im);
  if (mine !== latest) return '';
  allFine();
  const {all, said} = ranked(answer.probabilities), names = said.map(o => o.name).join(', ');
  by('answer').textContent = names || `No class is above ${percent(facts.threshold)}`;
  by('unlike').hidden = !answer.unlike;
  by('classes').replaceChildren(...all.slice(0, 10).map(bar));
  by('more').hidden = all.length <= 10;
  by('more').firstElementChild.textContent = `${all.length - 10} more classes`;
  by('more').lastElementChild.replaceChildren(...all.slice(10).map(bar));
  by('live').textContent = drawing ? said.map(o => `${o.name} (${percent(o.p)})`).join(', ') : '';
  drawSeen(im);
  by('how').textContent = how;
  by('result').hidden = false;
  const list = said.map(o => `${o.name}, ${percent(o.p)}`).join('; ') || by('answer').textContent;
  return list + '.' + (answer.unlike ? ' ' + by('unlike').textContent : '');
}

// What went wrong with a question, in place of an answer, unless a newer question came.
function failed(e, mine) {
  if (mine !== latest) return;
  by('result').hidden = true;
  problem(e);
}

// A class as a line: its name, a bar, its probability.
function bar(o) {
  const li = make('li', '', {className: o.said ? 'said' : ''});
  const meter = make('meter', '', {value: o.p, ariaLabel: o.name});
  li.append(make('span', o.name), meter, make('span', percent(o.p)));
  return li;
}

// The pixels that the model gets, large.
function drawSeen(im) {
  const canvas = Object.assign(by('seen'), {width: im.w, height: im.h}), data = new ImageData(im.w, im.h);
  for (let i = 0, j = 0; j < data.data.length; i += im.c, j += 4) {
    for (let k = 0; k < 3; k++) data.data[j + k] = im.data[i + (im.c === 1 ? 0 : k)];
    data.data[j + 3] = im.c === 4 ? im.data[i + 3] : 255;
  }
  canvas.getContext('2d').putImageData(data, 0, 0);
}

// ---------------------------------------------------------------- ways in: a file, the camera, dropped, pasted

function takePictures() {
  for (const input of [by('file'), by('camera')]) {
    input.onchange = () => { takeFile(input.files[0]); input.value = ''; };
  }
  document.onpaste = e => takeFile(e.clipboardData.files[0]);
  document.ondragover = e => { e.preventDefault(); document.body.classList.add('over'); };
  document.ondragleave = e => { if (!e.relatedTarget) document.body.classList.remove('over'); };
  document.ondrop = e => {
    e.preventDefault();
    document.body.classList.remove('over');
    takeFile(e.dataTransfer.files[0]);
  };
}

async function takeFile(file) {
  if (!file) return;
  const mine = newQuestion();
  allFine();
  say('Reading the picture.');
  try {
    const {im, isJpeg} = await decode(file);
    const prepared = prepare(im, facts.input, isJpeg);
    const sentence = await show(prepared, `the picture, ${howFitted(prepared)}.`, mine);
    if (!sentence) return;
    say(sentence);
    by('result').scrollIntoView({block: 'nearest'});
  } catch (e) {
    failed(e, mine);
  }
}

// In words, what is done to a picture.
function howFitted(im) {
  const size = `${im.w} × ${im.h} pixels${im.c === 1 ? ' of grey' : ''}`, {fit, steps} = facts.input;
  if (steps) return `brought to ${size} in the steps that were taken in training`;
  if (!facts.input.size) return size;
  return {crop: `made to fill ${size}; what sticks out is cut off`, pad: `made to fit into ${size}, with black around`,
    squish: `squeezed or stretched to ${size}`}[fit];
}

// ---------------------------------------------------------------- drawing

const PEN = 24, STEP = 10;      // how wide the pen is, and how far an arrow key moves it; the board has 280 pixels

function startDrawing() {
  by('drawing').hidden = false;
  by('choosing').parentNode.append(by('choosing'));           // the answer next to the drawing
  const board = by('board'), context = board.getContext('2d', {willReadFrequently: true});
  Object.assign(context, {lineCap: 'round', lineJoin: 'round', lineWidth: PEN, strokeStyle: '#fff'});
  const stroke = (from, to) => {
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    drawn(context);
  };
  by('clear').onclick = () => clear(context);
  drawByPointer(board, stroke);
  drawByKeys(board, stroke, () => clear(context));
}

function drawByPointer(board, stroke) {
  const last = new Map();               // for each pointer that is down, where it was
  const place = e => {
    const r = board.getBoundingClientRect();
    return {x: (e.clientX - r.left) * board.width / r.width, y: (e.clientY - r.top) * board.height / r.height};
  };
  board.onpointerdown = e => {
    if (e.button) return;
    board.setPointerCapture(e.pointerId);
    last.set(e.pointerId, place(e));
    stroke(place(e), place(e));
  };
  board.onpointermove = e => {
    if (!last.has(e.pointerId)) return;
    for (const o of e.getCoalescedEvents?.() || [e]) {
      stroke(last.get(e.pointerId), place(o));
      last.set(e.pointerId, place(o));
    }
  };
  board.onpointerup = board.onpointercancel = e => last.delete(e.pointerId);
}

function drawByKeys(board, stroke, clear) {
  const at = {x: 140, y: 140}, pen = by('pen');
  const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  let down = false;
  const place = () => {
    Object.assign(pen.style, {left: at.x / 2.8 + '%', top: at.y / 2.8 + '%'});
    pen.className = down ? 'down' : '';
  };
  board.onfocus = () => { pen.hidden = !board.matches(':focus-visible'); place(); };
  board.onblur = () => { pen.hidden = true; down = false; };
  board.onkeydown = e => {
    if (e.ctrlKey || e.altKey || e.metaKey || !(e.key in moves || e.key === ' ' || e.key === 'Delete')) return;
    e.preventDefault();
    pen.hidden = false;
    const from = {...at}, [dx, dy] = moves[e.key] || [0, 0], within = v => Math.min(Math.max(v, 10), 270);
    at.x = within(at.x + dx * STEP), at.y = within(at.y + dy * STEP);
    if (e.key === ' ') say((down = !down) ? 'The pen is down.' : 'The pen is up.');
    if (e.key === 'Delete') clear();
    else if (down) stroke(from, at);
    place();
  };
}

function clear(context) {
  newQuestion();
  context.clearRect(0, 0, 280, 280);
  by('result').hidden = true;
  by('live').textContent = '';
  say('The drawing area is empty.');
}

// Something was drawn. While an answer is on its way, only remember that there is more to ask.
let busy = false;
async function drawn(context) {
  changed = true;
  if (busy) return;
  busy = true;
  while (changed) {
    await new Promise(requestAnimationFrame);
    if (!changed) break;            // the drawing area was cleared, or a file was chosen
    const mine = newQuestion();
    try {
      const sentence = await showDrawing(context, mine);
      if (sentence) sayLater(sentence, mine);       // not awaited: meanwhile there may be more to ask
    } catch (e) {
      failed(e, mine);
    }
  }
  busy = false;
}

// Screen readers hear of a drawing when nothing was added to it for a second.
async function sayLater(sentence, mine) {
  await wait(1000);
  if (mine === latest) say(sentence);
}

async function showDrawing(context, mine) {
  const {data} = context.getImageData(0, 0, 280, 280), [h, w] = facts.input.size;
  const im = likeMnist(picture(280, 280, 1, data.filter((_, i) => i % 4 === 3)), h, w);
  if (!im) return '';
  const how = `the drawing, cut out, made ${Math.round(20 / 28 * Math.min(h, w))} pixels long, and moved until its ` +
    'centre of mass is in the middle, as was done with the digits of MNIST.';
  return show(im, how, mine, true);
}

// ---------------------------------------------------------------- about the model

function describe() {
  const size = facts.files['model.onnx'].bytes + facts.files['ort-wasm-simd-threaded.wasm'].bytes;
  const metrics = Object.entries(facts.metrics || {}).filter(([name, v]) => v !== null && !name.endsWith('_loss'));
  const rows = [['Classes', facts.vocab.slice(0, 100).join(', ') + (facts.vocab.length > 100 ? ', …' : '')],
    ...metrics.map(([name, v]) => [name.replaceAll('_', ' '), String(+v.toFixed(4))]),
    ['Downloaded', `${megabytes(size)} MB, once; then the page works without a network, too`],
    ['Made with', Object.entries(facts.made_with || {}).map(o => o.join(' ')).join(', ')]];
  by('facts').replaceChildren(...rows.flatMap(([k, v]) => [make('dt', k), make('dd', v)]));
}

let ready = Promise.resolve();
if (location.protocol === 'file:') {
  by('choosing').hidden = by('about').hidden = true;
  const folder = decodeURIComponent(location.pathname).split('/').at(-2);
  problem(new Sentence('Opened as a file, this page gets no model from your browser; it needs a web server, such as: ' +
    `python -m http.server --directory ${folder}`));
} else {
  ready = load();
  ready.catch(problem);
}
