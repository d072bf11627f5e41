"The site in a real browser, with the network cut off."
import re
import runpy
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from common import CONFIG, ROOT, TOO_WIDE, changes, obstacles, ok, tail, tracked

PHONE, DESK = dict(width=390, height=844), dict(width=1280, height=900)

# What the tests ask of a page. Each is JavaScript that runs in it.
BARE_IMAGES = '''() => {
  const bare = i => !(i.getAttribute("alt") || "").trim() || !i.complete || !i.naturalWidth;
  const images = [...document.images].filter(bare).map(i => (i.getAttribute("src") || "").slice(0, 60));
  const all = [...document.querySelectorAll("main .cell-output-display svg")];
  const drawings = all.filter(s => !s.getAttribute("aria-label"));
  return images.concat(drawings.map(s => "a drawing: " + s.textContent.trim().slice(0, 40)));
}'''
# A documentation entry: the heading that nbdev's show_doc writes, and the link named "source" that stands before it.
ENTRIES = '''() => [...document.querySelectorAll("main a")].filter(a => a.textContent.trim() === "source").map(a => {
  const heads = [...document.querySelectorAll("main h2, main h3, main h4, main h5")];
  const e = heads.find(h => a.compareDocumentPosition(h) & Node.DOCUMENT_POSITION_FOLLOWING);
  return {name: e ? e.textContent.trim() : "", href: a.href};
})'''


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
        if d.get_attribute('open') is None or d.bounding_box()['height'] <= closed:
            return f'fold {i+1} of {n} stays closed: {s.inner_text()[:60]}'


def index():
    "What nbdev's index says: for each module and each of its names, the address on the site and the file."
    for module, symbols in runpy.run_path(str(ROOT/CONFIG['lib_path']/'_modidx.py'))['d']['syms'].items():
        for symbol, (where, file) in symbols.items(): yield symbol.removeprefix(module + '.'), where, file


def documented(name):
    "The public functions and classes that nbdev's index places on a page."
    return {k for k, where, _ in index() if where.split('#')[0]==name and '.' not in k and not k.startswith('_')}


def files_with(name):
    "The files that a name is written to. There are two Learners, and nbdev links both to one of them."
    return {file for k, _, file in index() if k==name}


def sources(page, name):
    "Every documentation entry links to the file it is written to, and there to the line that defines it."
    base = f"{CONFIG['git_url']}/blob/{CONFIG['branch']}/"
    entries, want = page.evaluate(ENTRIES), documented(name)
    missing = want - {e['name'] for e in entries}
    if missing: return f"no entry with a link to its source: {', '.join(sorted(missing))}"
    for e in entries:
        if not e['href'].startswith(base): return f"{e['name']}: {e['href']} is not in {base}"
        path, line = urldefrag(e['href'][len(base):])
        f = ROOT/unquote(path)
        if not f.is_file(): return f"{e['name']}: {path} is not in the clone"
        if e['name'] in want and path not in files_with(e['name']): return f"{e['name']}: {path} doesn't have it"
        text = f.read_text(encoding='utf-8').splitlines()
        n, last = int(line.removeprefix('L') or 0), e['name'].split('.')[-1]
        if not 0<n<=len(text): return f"{e['name']}: {path} has no line {line}"
        near = '\n'.join(text[n-1:n+6])   # decorators may stand above the definition
        if not re.search(rf'\b(def|class)\s+{re.escape(last)}\b|^{re.escape(last)}\s*[:=]', near, re.M):
            return f"{e['name']}: line {n} of {path} is {text[n-1].strip()[:60]!r}"


def luminance(page):
    "How bright the page's ground is, 0 to 255."
    ground = page.evaluate('() => getComputedStyle(document.body).backgroundColor')
    r, g, b = map(float, re.findall('[0-9.]+', ground)[:3])
    return .3*r + .59*g + .11*b


def test_readme_is_what_the_start_page_gives(): ok('python', '-m', 'dl_course.tools.site', '--readme', '--check')


def test_site_has_no_warning_no_broken_link_and_no_broken_anchor(built, clone):
    _, rc, said = built
    assert not [o for o in said.splitlines() if re.match(r'(problem|error): |.*\bwarning\b', o, re.I)]
    assert rc == 0, tail(said)
    assert not changes(clone), 'building the site changes files'


def page_of(notebook):
    "The page that a notebook becomes: the number before its name falls away."
    folder, _, name = notebook.removeprefix('nbs/').rpartition('/')
    return '/'.join(filter(None, [folder, re.sub(r'^\d+[a-zA-Z0-9]*_', '', name).replace('.ipynb', '.html')]))


PAGES = sorted(map(page_of, tracked('nbs/*.ipynb')))


def test_each_notebook_has_its_page(site):
    pages = {f.relative_to(site.folder).as_posix() for f in site.folder.rglob('*.html') if 'site_libs' not in f.parts}
    assert pages == set(PAGES)
    assert len(PAGES) == len(set(PAGES)), 'two notebooks have one page: numbers are left out of its address'


@pytest.mark.parametrize('name', PAGES)
def test_page(name, new_context, site, axe, report):
    "In both themes and at both widths."
    log = []
    context = new_context(viewport=DESK, color_scheme='light')
    cut_off(context, site.url, log)
    page = open_page(context, site.url + name, log)
    report('light theme, no obstacle for accessibility', lambda: obstacles(page, axe))
    report('pictures load and have a text', lambda: '; '.join(page.evaluate(BARE_IMAGES)))
    report('entries link to their source', lambda: sources(page, name))
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme='dark')
    page.wait_for_timeout(200)
    report('answers and sources unfold by keyboard', lambda: unfold(page))
    report('fits a phone of 390 pixels, all unfolded', lambda: page.evaluate(TOO_WIDE))
    report('dark theme on a phone: is dark', luminance(page) > 100 and 'the page stays light')
    report('dark theme on a phone: no obstacle for accessibility', lambda: obstacles(page, axe))
    context.close()
    report('opens without an error, asks no other host', '; '.join(dict.fromkeys(log)))


@pytest.fixture
def start_page(new_context, site):
    "The start page; after the test nothing must have gone wrong in its browser."
    log, context = [], new_context(viewport=DESK, color_scheme='light')
    cut_off(context, site.url, log)
    yield open_page(context, site.url + 'index.html', log)
    assert not log


def test_theme_button_works_and_is_remembered(start_page):
    "The button changes the ground, by mouse and by keyboard, and the choice is kept on the next page."
    page, button = start_page, start_page.locator('.quarto-color-scheme-toggle:visible').first
    before = luminance(page)
    button.click()
    page.wait_for_timeout(200)
    after = luminance(page)
    assert abs(after - before) >= 100, 'a click hardly changes the ground'
    page.reload()
    page.wait_for_timeout(200)
    assert abs(luminance(page) - after) <= 5, 'the choice is lost when the page is loaded again'
    page.locator('.quarto-color-scheme-toggle:visible').first.focus()
    page.keyboard.press('Enter')
    page.wait_for_timeout(200)
    assert abs(luminance(page) - before) <= 5, 'the Enter key does not change it back'


@pytest.mark.parametrize('word, want', [('broadcasting', 'foundations/tensor.html')])
def test_search(start_page, word, want):
    "Type a word, and follow the first result that leads to the wanted page."
    page = start_page
    page.locator('#quarto-search input:visible, .sidebar-search input:visible').first.click()
    page.keyboard.type(word, delay=10)
    hit = page.locator(f'a.search-result[href*="{want}"], .aa-Item a[href*="{want}"]').first
    hit.wait_for(state='visible', timeout=4000)
    hit.click()
    page.wait_for_load_state()
    assert urlsplit(page.url).path.endswith(want)
    assert word in page.inner_text('main').lower()


def test_start_page_opens_from_the_disk_without_a_server(new_context, site):
    log, context = [], new_context(viewport=DESK)
    cut_off(context, 'file://', log)
    page = open_page(context, (site.folder/'index.html').as_uri(), log)
    assert page.locator('main h1').first.is_visible()
    assert not log
