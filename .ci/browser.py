"Tests of the built site in a real browser, with the network cut off: python .ci/browser.py [FOLDER]"
import argparse, configparser, functools, json, os, re, runpy, shutil, sys, threading, time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).resolve().parent.parent
FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
PHONE, DESK = dict(width=390, height=844), dict(width=1280, height=900)

# What the tests ask of a page. Each is JavaScript that runs in it.
# Too wide is also what is cut off, with no box around it that scrolls.
TOO_WIDE = '''() => {
  const over = document.scrollingElement.scrollWidth - innerWidth;
  const scrolls = e => { for (; e && e !== document.body; e = e.parentElement) if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true; };
  const bad = [...document.querySelectorAll("body *")].filter(e => {
    const r = e.getBoundingClientRect();
    return r.width > 1 && r.height > 1 && r.right > innerWidth + 1 && !scrolls(e.parentElement);
  });
  return over > 0 || bad.length ? {over, who: bad.slice(0, 3).map(e => e.outerHTML.replace(/\\s+/g, " ").slice(0, 100))} : null;
}'''
BARE_IMAGES = '''() => {
  const images = [...document.images].filter(i => !(i.getAttribute("alt") || "").trim() || !i.complete || !i.naturalWidth);
  const drawings = [...document.querySelectorAll("main .cell-output-display svg")].filter(s => !s.getAttribute("aria-label"));
  return images.map(i => (i.getAttribute("src") || "").slice(0, 60)).concat(drawings.map(s => "a drawing: " + s.textContent.trim().slice(0, 40)));
}'''
# A documentation entry: the heading that nbdev's show_doc writes, and the link named "source" that stands before it.
ENTRIES = '''() => [...document.querySelectorAll("main a")].filter(a => a.textContent.trim() === "source").map(a => {
  const heads = [...document.querySelectorAll("main h2, main h3, main h4, main h5")];
  const e = heads.find(h => a.compareDocumentPosition(h) & Node.DOCUMENT_POSITION_FOLLOWING);
  return {name: e ? e.textContent.trim() : "", href: a.href};
})'''


class Site:
    "A folder of pages, served on this machine only."
    def __init__(self, folder):
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args): pass
        self.folder = Path(folder)
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder)))
        self.url = f'http://127.0.0.1:{self.server.server_port}/'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.pages = sorted(f.relative_to(self.folder).as_posix() for f in self.folder.rglob('*.html') if 'site_libs' not in f.parts)


class Report:
    "Counts the tests and prints a line for each."
    def __init__(self): self.passed, self.failed, self.lines = 0, 0, []

    def __call__(self, name, problem=''):
        if problem: self.failed += 1
        else: self.passed += 1
        self.lines.append(dict(name=name, passed=not problem, problem=str(problem)))
        print(f"{'FAIL' if problem else 'pass'}  {name}" + (f': {problem}' if problem else ''), flush=True)

    def run(self, name, test):
        "A test that raises has failed, and the others go on."
        try: self(name, test() or '')
        except Exception as e: self(name, f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ""}')


def settings():
    "The facts of the project."
    c = configparser.ConfigParser(delimiters=['='])
    c.read(ROOT/'settings.ini', encoding='utf-8')
    return c['DEFAULT']


def open_page(context, url, log, wait='load'):
    "A new page whose errors, and whose requests to other hosts, are noted in `log`."
    page = context.new_page()
    page.on('console', lambda m: log.append(f'console: {m.text}') if m.type=='error' else None)
    page.on('pageerror', lambda e: log.append(f'script error: {e}'))
    page.on('requestfailed', lambda r: log.append(f'not loaded: {r.url[:100]}'))
    page.goto(url, wait_until=wait)
    return page


def cut_off(context, url, log):
    "Abort every request that is not for the site, and note it."
    def decide(route):
        if route.request.url.startswith((url, 'data:', 'blob:')): return route.continue_()
        log.append(f'asks another host: {route.request.url[:100]}')
        route.abort()
    context.route('**/*', decide)


def obstacles(page, axe):
    "What axe finds serious or critical, each rule once."
    page.wait_for_timeout(150)
    found = [v for v in axe.run(page).response['violations'] if v['impact'] in ('serious', 'critical')]
    return '; '.join(f"{v['id']} ({len(v['nodes'])}x, such as {v['nodes'][0]['html'][:110]})" for v in found)


def unfold(page):
    "Open each answer and each source with the Enter key; what it hides must then be seen."
    n = page.locator('details').count()
    for i in range(n):
        d = page.locator('details').nth(i)
        s = d.locator('> summary')
        if not s.count(): return f'fold {i+1} of {n} has no summary'
        if d.get_attribute('open') is not None: continue
        closed = d.bounding_box()['height']
        s.focus()
        page.keyboard.press('Enter')
        if d.get_attribute('open') is None or d.bounding_box()['height']<=closed: return f'fold {i+1} of {n} stays closed: {s.inner_text()[:60]}'


def documented(name):
    "The public functions and classes that nbdev's index places on a page, each with the file it is written to."
    index = runpy.run_path(str(ROOT/settings()['lib_path']/'_modidx.py'))['d']['syms']
    found = {}
    for module, symbols in index.items():
        for symbol, (where, file) in symbols.items():
            short = symbol.removeprefix(module + '.')
            if where.split('#')[0]==name and '.' not in short and not short.startswith('_'): found[short] = file
    return found


def sources(page, cfg, name):
    "Every documentation entry links to the file it is written to, and there to the line that defines it."
    base, entries, want = f"{cfg['git_url']}/blob/{cfg['branch']}/", page.evaluate(ENTRIES), documented(name)
    missing = set(want) - {e['name'] for e in entries}
    if missing: return f"no entry with a link to its source: {', '.join(sorted(missing))}"
    for e in entries:
        if not e['href'].startswith(base): return f"{e['name']}: {e['href']} is not in {base}"
        path, line = urldefrag(e['href'][len(base):])
        f = ROOT/unquote(path)
        if not f.is_file(): return f"{e['name']}: {path} is not in the clone"
        if path != want.get(e['name'], path): return f"{e['name']}: {path}, but it is written to {want[e['name']]}"
        text = f.read_text(encoding='utf-8').splitlines()
        n, last = int(line.removeprefix('L') or 0), e['name'].split('.')[-1]
        if not 0<n<=len(text): return f"{e['name']}: {path} has no line {line}"
        near = '\n'.join(text[n-1:n+6])   # decorators may stand above the definition
        if not re.search(rf'\b(def|class)\s+{re.escape(last)}\b|^{re.escape(last)}\s*[:=]', near, re.M):
            return f"{e['name']}: line {n} of {path} is {text[n-1].strip()[:60]!r}"


def luminance(page):
    "How bright the page's ground is, 0 to 255."
    r, g, b = page.evaluate('() => getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)')
    return .3*r + .59*g + .11*b


def toggle(context, site, log):
    "The theme button changes the ground, by mouse and by keyboard, and the choice is kept on the next page."
    page = open_page(context, site.url + 'index.html', log)
    button = page.locator('.quarto-color-scheme-toggle:visible').first
    before = luminance(page)
    button.click()
    page.wait_for_timeout(200)
    after = luminance(page)
    if abs(after-before)<100: return f'a click changes the ground only from {before:.0f} to {after:.0f}'
    page.reload()
    page.wait_for_timeout(200)
    if abs(luminance(page)-after)>5: return 'the choice is lost when the page is loaded again'
    page.locator('.quarto-color-scheme-toggle:visible').first.focus()
    page.keyboard.press('Enter')
    page.wait_for_timeout(200)
    if abs(luminance(page)-before)>5: return 'the Enter key does not change it back'
    page.close()


def search(context, site, log, word, want):
    "Type a word, and follow the first result that leads to the wanted page."
    if want not in site.pages: return f'there is no page {want}'
    page = open_page(context, site.url + 'index.html', log)
    box = page.locator('#quarto-search input:visible, .sidebar-search input:visible').first
    box.click()
    page.keyboard.type(word, delay=10)
    hit = page.locator(f'a.search-result[href*="{want}"], .aa-Item a[href*="{want}"]').first
    try: hit.wait_for(state='visible', timeout=4000)
    except Exception: return f'no result for {word!r} leads to {want}'
    hit.click()
    page.wait_for_load_state()
    if not urlsplit(page.url).path.endswith(want): return f'the result leads to {page.url}'
    if word not in page.inner_text('main').lower(): return f'{want} does not contain {word!r}'
    page.close()


def test_pages(browser, site, report, axe, cfg, only):
    "Each page, in both themes and at both widths."
    for name in only:
        log = []
        context = browser.new_context(viewport=DESK, color_scheme='light')
        cut_off(context, site.url, log)
        try:
            page = open_page(context, site.url + name, log)
            report.run(f'{name}: light theme, no obstacle for accessibility', lambda: obstacles(page, axe))
            report.run(f'{name}: pictures load and have a text', lambda: '; '.join(page.evaluate(BARE_IMAGES)))
            report.run(f'{name}: entries link to their source', lambda: sources(page, cfg, name))
            page.set_viewport_size(PHONE)
            page.emulate_media(color_scheme='dark')
            page.wait_for_timeout(200)
            report.run(f'{name}: answers and sources unfold by keyboard', lambda: unfold(page))
            def fits():
                wide = page.evaluate(TOO_WIDE)
                if wide: return f"{wide['over']} px too wide: " + '; '.join(wide['who'])
            report.run(f'{name}: fits a phone of 390 pixels, all unfolded', fits)
            def dark():
                if luminance(page)>100: return 'the page stays light'
                return obstacles(page, axe)
            report.run(f'{name}: dark theme on a phone, no obstacle for accessibility', dark)
        except Exception as e: log.append(f'{type(e).__name__}: {str(e).splitlines()[0]}')
        context.close()
        report(f'{name}: opens without an error, asks no other host', '; '.join(dict.fromkeys(log)))


def main(args=None):
    "Run all tests; the result is 1 when one has failed."
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('folder', nargs='?', default=ROOT/settings()['doc_path'], help='the built site (default: %(default)s)')
    p.add_argument('--json', metavar='FILE', help='write the counts and the tests to FILE')
    p.add_argument('--page', action='append', help='test only this page (again for more)')
    a = p.parse_args(args)
    start, report, folder, cfg = time.time(), Report(), Path(a.folder).resolve(), settings()
    chromium = os.environ.get('CHROMIUM') or shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
    try:
        from axe_playwright_python.sync_playwright import Axe
        from playwright.sync_api import sync_playwright
    except ImportError as e: sys.exit(f"{e.name} is missing: run `pip install -e '.[dev]'`")
    if not chromium: sys.exit('No Chromium found: install it (Debian: apt-get install chromium), or set CHROMIUM to its path.')
    if not (folder/'index.html').is_file(): sys.exit(f'{folder} is no site: run `python -m dl_course.tools.site` first.')
    site, axe = Site(folder), Axe()
    with sync_playwright() as pw:
        browser = pw.chromium.launch(executable_path=chromium, args=FLAGS)
        test_pages(browser, site, report, axe, cfg, a.page or site.pages)
        if not a.page:
            def alone(test, *more):
                def _run():
                    log = []
                    context = browser.new_context(viewport=DESK, color_scheme='light')
                    cut_off(context, site.url, log)
                    try: return test(context, site, log, *more) or '; '.join(log)
                    finally: context.close()
                return _run
            report.run('site: the search finds "broadcasting" on the page about tensors', alone(search, 'broadcasting', 'foundations/tensor.html'))
            report.run('site: the theme button works and is remembered', alone(toggle))
            def from_disk():
                log = []
                context = browser.new_context(viewport=DESK)
                cut_off(context, 'file://', log)
                page = open_page(context, (folder/'index.html').as_uri(), log)
                if not page.locator('main h1').first.is_visible(): log.append('no title is shown')
                context.close()
                return '; '.join(log)
            report.run('site: the start page opens from the disk, without a server', from_disk)
        browser.close()
    if a.json:
        res = dict(passed=report.passed, failed=report.failed, seconds=round(time.time()-start, 1), tests=report.lines)
        Path(a.json).write_text(json.dumps(res, indent=1), encoding='utf-8')
    print(f'{report.passed} passed, {report.failed} failed')
    return 1 if report.failed else 0


if __name__ == '__main__': sys.exit(main())
