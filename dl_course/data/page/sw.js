// Keeps the small files of the page, so that it opens without a network. The two large ones, the model and the runtime,
// are kept by page.js, each under a name with its checksum: a new model is fetched, and what hasn't changed is not.
'use strict';

const here = self.registration.scope, name = 'dl_course ' + here;
const SMALL = ['', 'index.html', 'page.css', 'page.js', 'prepare.js', 'model.json', 'ort.wasm.min.mjs',
  'ort-wasm-simd-threaded.mjs'].map(o => new URL(o, here).href);

self.addEventListener('install', e => {
  self.skipWaiting();
  e.waitUntil(caches.open(name).then(cache => cache.addAll(SMALL.map(o => new Request(o, {cache: 'no-cache'})))));
});

self.addEventListener('activate', e => e.waitUntil(self.clients.claim()));

self.addEventListener('fetch', e => {
  const url = e.request.url.split(/[?#]/)[0];
  if (e.request.method === 'GET' && SMALL.includes(url)) e.respondWith(newest(url));
});

// The file as it is on the server, to be up to date; without a network, or with a very slow one, as it was.
async function newest(url) {
  const cache = await caches.open(name);
  try {
    const res = await fetch(url, {cache: 'no-cache', signal: AbortSignal.timeout(5000)});
    if (!res.ok) throw new Error(res.status);
    await cache.put(url, res.clone());
    return res;
  } catch (e) {
    return await cache.match(url) || Response.error();
  }
}
