// Make a picture ready for the model, number for number as Python does it.
//
// A picture is {w, h, c, data}: width, height, channels (1 grey, 3 red-green-blue, 4 with opacity), and a
// Uint8Array that holds its pixels row by row. Nothing in this file knows of the page; all of it is arithmetic.
'use strict';

// ---------------------------------------------------------------- small things that Python has and JavaScript has not

// Python's round: a half goes to the even neighbour.
function roundEven(x) {
  const low = Math.floor(x), rest = x - low;
  return rest < .5 ? low : rest > .5 ? low + 1 : low + (low & 1);
}

function picture(w, h, c, data = new Uint8Array(w * h * c)) { return {w, h, c, data}; }

// An error whose message is made for the visitor.
class Sentence extends Error {}

function stop(text) { throw new Sentence(text); }

const tooNarrow = () => stop('This picture is too narrow for the model.');

// ---------------------------------------------------------------- colours

// From the browser's four channels to those of the model. Grey is weighed as Pillow weighs it.
function toMode(im, mode) {
  if (mode === 'RGBA') return im;
  const n = im.w * im.h, from = im.data, res = picture(im.w, im.h, mode === 'L' ? 1 : 3), to = res.data;
  if (mode === 'L') {
    for (let i = 0, j = 0; i < n; i++, j += 4) {
      to[i] = (from[j] * 19595 + from[j + 1] * 38470 + from[j + 2] * 7471 + 0x8000) >> 16;
    }
  } else {
    for (let i = 0, j = 0; i < 3 * n; i += 3, j += 4) {
      to[i] = from[j], to[i + 1] = from[j + 1], to[i + 2] = from[j + 2];
    }
  }
  return res;
}

// What can be seen through is put on white, in Pillow's whole numbers.
function onWhite(im) {
  const res = picture(im.w, im.h, 4, im.data.slice()), d = res.data;
  for (let i = 0; i < d.length; i += 4) {
    const a = d[i + 3] << 7, white = 255 * ((255 << 7) - a) + (0x80 << 7);
    if (a < 255 << 7) {
      for (let k = i; k < i + 3; k++) {
        const sum = d[k] * a + white;
        d[k] = ((sum >> 8) + sum) >> 8 >> 7;
      }
    }
    d[i + 3] = 255;
  }
  return res;
}

// Before a picture with opacity is resized, its colours are multiplied by it: what cannot be seen has no weight.
function multiplyOpacity(im) {
  const res = picture(im.w, im.h, 4, im.data.slice()), d = res.data;
  for (let i = 0; i < d.length; i++) {
    if ((i & 3) === 3) continue;
    const t = d[i] * d[i | 3] + 128;
    d[i] = ((t >> 8) + t) >> 8;
  }
  return res;
}

function divideOpacity(im) {
  const d = im.data;
  for (let i = 0; i < d.length; i++) {
    const a = d[i | 3];
    if ((i & 3) !== 3 && a && a < 255) d[i] = Math.min(255, Math.floor(255 * d[i] / a));
  }
  return im;
}

// ---------------------------------------------------------------- resizing, as in Pillow's Resample.c

const sinc = x => x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);

// Each filter: how far it reaches, and how much a pixel at distance x counts.
const FILTERS = {
  box: [.5, x => x > -.5 && x <= .5 ? 1 : 0],
  bilinear: [1, x => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, x => {
    x = Math.abs(x);
    return x >= 1 ? 0 : sinc(x) * (Math.fround(.54) + Math.fround(.46) * Math.cos(x * Math.PI));
  }],
  bicubic: [2, x => {
    x = Math.abs(x);
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -.5 : 0;
  }],
  lanczos: [3, x => -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0],
};

const BITS = 32 - 8 - 2;        // weights are whole numbers, in units of 1 / 2**22

// For each pixel of a line that is made: the first pixel it is made of, how many, and their weights.
function weights(size, from, to, out, [reach, filter]) {
  const scale = Math.fround(to - from) / out, stretch = Math.max(scale, 1), support = reach * stretch, res = [];
  for (let i = 0; i < out; i++) {
    const centre = from + (i + .5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + .5));
    const n = Math.min(size, Math.trunc(centre + support + .5)) - first;
    const w = Array.from({length: n}, (_, x) => filter((x + first - centre + .5) * (1 / stretch)));
    const sum = w.reduce((a, b) => a + b, 0);
    res.push({first, w: Int32Array.from(w, v => {
      const part = (sum ? v / sum : v) * (1 << BITS);
      return Math.trunc(part < 0 ? part - .5 : part + .5);
    })});
  }
  return res;
}

const clip = v => (v >>= BITS, v < 0 ? 0 : v > 255 ? 255 : v);

function resizeRows(im, out, from, to, filter) {
  const {w, h, c, data} = im, res = picture(out, h, c), table = weights(w, from, to, out, filter);
  let at = 0;
  for (let y = 0; y < h; y++) {
    for (const t of table) {
      for (let k = 0; k < c; k++) {
        let sum = 1 << BITS - 1, i = (y * w + t.first) * c + k;
        for (let x = 0; x < t.w.length; x++, i += c) sum = sum + Math.imul(data[i], t.w[x]) | 0;
        res.data[at++] = clip(sum);
      }
    }
  }
  return res;
}

function resizeColumns(im, out, from, to, filter) {
  const {w, h, c, data} = im, res = picture(w, out, c), line = w * c, sums = new Int32Array(line);
  weights(h, from, to, out, filter).forEach((t, y) => {
    sums.fill(1 << BITS - 1);
    t.w.forEach((weight, j) => {
      const start = (t.first + j) * line;
      for (let x = 0; x < line; x++) sums[x] += Math.imul(data[start + x], weight);
    });
    for (let x = 0; x < line; x++) res.data[y * line + x] = clip(sums[x]);
  });
  return res;
}

// One pass across, one down; Pillow keeps the corners of the part that is resized in single precision.
function resample(im, w, h, filter, [left, top, right, bottom]) {
  if (w !== im.w || left || right !== w) im = resizeRows(im, w, left, right, filter);
  if (h !== im.h || top || bottom !== h) im = resizeColumns(im, h, top, bottom, filter);
  return im;
}

function nearest(im, w, h, [left, top, right, bottom]) {
  const res = picture(w, h, im.c), dx = (right - left) / w, dy = (bottom - top) / h, columns = [];
  for (let x = 0, at = left + dx * .5; x < w; x++, at += dx) columns.push(Math.trunc(at));
  for (let y = 0, at = top + dy * .5, to = 0; y < h; y++, at += dy) {
    for (const x of columns) {
      const i = (Math.trunc(at) * im.w + x) * im.c;
      for (let k = 0; k < im.c; k++) res.data[to++] = im.data[i + k];
    }
  }
  return res;
}

// PIL.Image.resize; box is the part of the picture that is resized.
function resize(im, w, h, how, box = [0, 0, im.w, im.h]) {
  if (!w || !h) tooNarrow();
  if (!im.data.length) return picture(w, h, im.c);      // a step before has cut everything off, and Pillow gives black
  box = box.map(Math.fround);
  const whole = !box[0] && !box[1] && box[2] === im.w && box[3] === im.h;
  if (w === im.w && h === im.h && whole) return im;
  if (how === 'nearest') return nearest(im, w, h, box);
  if (im.c === 4) im = multiplyOpacity(im);
  let res;
  if (im.h > 100 * im.w && h < im.h) {      // a very tall picture: down first
    res = resample(im, im.w, h, FILTERS[how], [0, box[1], im.w, box[3]]);
    res = resample(res, w, h, FILTERS[how], [box[0], 0, box[2], h]);
  } else res = resample(im, w, h, FILTERS[how], box);
  return im.c === 4 ? divideOpacity(res) : res;
}

// ---------------------------------------------------------------- three ways to fit, as in PIL.ImageOps

// Fill the size, and cut off what sticks out.
function cropFit(im, w, h) {
  const ratio = w / h, own = im.w / im.h;
  const cw = own > ratio ? ratio * im.h : im.w, ch = own < ratio ? im.w / ratio : im.h;
  const left = (im.w - cw) * .5, top = (im.h - ch) * .5;
  return resize(im, w, h, 'bilinear', [left, top, left + cw, top + ch]);
}

// Fit into the size, with black around.
function padFit(im, w, h) {
  const own = im.w / im.h, ratio = w / h;
  const small = own > ratio ? resize(im, w, roundEven(im.h / im.w * w), 'bilinear') :
    own < ratio ? resize(im, roundEven(im.w / im.h * h), h, 'bilinear') : resize(im, w, h, 'bilinear');
  return paste(picture(w, h, im.c), small, roundEven((w - small.w) * .5), roundEven((h - small.h) * .5));
}

function paste(on, im, x, y) {
  for (let row = 0; row < im.h; row++) {
    on.data.set(im.data.subarray(row * im.w * im.c, (row + 1) * im.w * im.c), ((y + row) * on.w + x) * im.c);
  }
  return on;
}

const FITS = {crop: cropFit, pad: padFit, squish: (im, w, h) => resize(im, w, h, 'bilinear')};

// ---------------------------------------------------------------- the steps of a model that was trained with fastai

// Which pixel of a line of n stands at place i, when the line is continued beyond its ends.
const PADS = {
  zeros: (i, n) => i >= 0 && i < n ? i : -1,
  border: (i, n) => Math.min(Math.max(i, 0), n - 1),
  reflection: (i, n) => {
    if (n === 1) return 0;
    const period = 2 * (n - 1), at = (i % period + period) % period;
    return at < n ? at : period - at;
  },
};

// The part of w x h pixels whose upper left corner is at x, y; what lies outside is made up.
function cropPad(im, w, h, x, y, pad) {
  const line = (start, length, n) => {          // the pixels of a line: first the part inside, then what is around it
    const low = Math.max(start, 0), inside = Math.min(start + length, n) - low;
    return Array.from({length}, (_, i) => {
      const at = PADS[pad](start + i - low, inside);
      return at < 0 ? -1 : at + low;
    });
  };
  const res = picture(w, h, im.c), columns = line(x, w, im.w), rows = line(y, h, im.h);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * im.w + column) * im.c;
      if (row >= 0 && column >= 0) for (let k = 0; k < im.c; k++) res.data[to + k] = im.data[from + k];
      to += im.c;
    }
  }
  return res;
}

const STEPS = {
  resize(im, h, w, how, pad, filter) {
    if (how !== 'squish') {
      const m = (how === 'pad' ? Math.max : Math.min)(im.w / w, im.h / h);
      const cw = Math.trunc(m * w), ch = Math.trunc(m * h);
      if (cw * ch > 2 ** 25) tooNarrow();
      im = cropPad(im, cw, ch, Math.trunc(.5 * (im.w - cw)), Math.trunc(.5 * (im.h - ch)), pad);
    }
    return resize(im, w, h, filter);
  },
  center: (im, h, w, pad) => cropPad(im, w, h, Math.floor((im.w - w) / 2), Math.floor((im.h - h) / 2), pad),
  longest(im, most, filter) {
    const [w, h] = im.w >= im.h ? [most, im.h * most / im.w] : [im.w * most / im.h, most];
    return STEPS.resize(im, Math.max(1, Math.trunc(h)), Math.max(1, Math.trunc(w)), 'crop', 'reflection', filter);
  },
};

// ---------------------------------------------------------------- all of it

// Python decodes a large JPEG at a half, a quarter or an eighth, which is quicker. Here its pixels are averaged,
// which comes close to that.
function shrink(im, most) {
  const times = Math.min(Math.floor(im.w / most), Math.floor(im.h / most)), s = [8, 4, 2, 1].find(o => times >= o);
  if (!s || s === 1) return im;
  const res = picture(Math.ceil(im.w / s), Math.ceil(im.h / s), im.c);
  for (let y = 0, to = 0; y < res.h; y++) {
    for (let x = 0; x < res.w; x++) {
      for (let k = 0; k < im.c; k++) res.data[to++] = meanOf(im, x * s, y * s, s, k);
    }
  }
  return res;
}

function meanOf(im, x0, y0, s, k) {
  const x1 = Math.min(x0 + s, im.w), y1 = Math.min(y0 + s, im.h);
  let sum = 0;
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) sum += im.data[(y * im.w + x) * im.c + k];
  return Math.round(sum / ((x1 - x0) * (y1 - y0)));
}

// From decoded pixels, four channels, to what the model takes; `input` is the model's own description of it.
function prepare(im, input, isJpeg = false) {
  if (input.read === 'fast' && isJpeg && input.size) im = shrink(im, 2 * Math.max(...input.size));
  if (input.read === 'photo') im = onWhite(im);
  im = toMode(im, input.mode);
  if (input.steps) return input.steps.reduce((im, [name, ...args]) => STEPS[name](im, ...args), im);
  if (!input.size || im.h === input.size[0] && im.w === input.size[1]) return im;
  return FITS[input.fit](im, input.size[1], input.size[0]);
}

// A drawing, white on black, in the form that MNIST's digits have: cut out, its longer side 20 of 28 pixels,
// its centre of mass in the middle. Nothing, if nothing is drawn.
function likeMnist(im, h, w) {
  const b = bounds(im);
  if (!b) return null;
  const scale = Math.min(20 / 28 * w / b.w, 20 / 28 * h / b.h), side = n => Math.max(1, Math.round(n * scale));
  const small = resize(cropPad(im, b.w, b.h, b.x, b.y, 'zeros'), side(b.w), side(b.h), 'bilinear');
  let sum = 0, sx = 0, sy = 0;
  small.data.forEach((v, i) => { sum += v; sx += v * (i % small.w); sy += v * Math.floor(i / small.w); });
  if (!sum) return null;
  const x = Math.round(w / 2 - sx / sum), y = Math.round(h / 2 - sy / sum);
  return cropPad(small, w, h, -x, -y, 'zeros');
}

// The smallest rectangle that holds all that is not black.
function bounds({w, h, data}) {
  let left = w, right = -1, top = h, bottom = -1;
  data.forEach((v, i) => {
    if (!v) return;
    const x = i % w, y = Math.floor(i / w);
    left = Math.min(left, x), right = Math.max(right, x), top = Math.min(top, y), bottom = Math.max(bottom, y);
  });
  return right < 0 ? null : {x: left, y: top, w: right - left + 1, h: bottom - top + 1};
}
