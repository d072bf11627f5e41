"""Are the notebooks fit to be read?

They were run to the end, top to bottom, without an error; they hold nothing of the machine they were run on; each
figure has a text that says what it shows; and they are small.
"""
import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX = 400_000
PATHS = re.compile(r'(?<![\w.:/])/(?:work|root|home|Users|opt|mnt|venv)/[\w.~-]+|[A-Z]:\\Users\\|site-packages/')
TEMP = re.compile(r'(?<![\w.:/])/(?:private/)?(?:tmp|var/folders)/[\w.-]+')
IMAGES = ('image/png', 'image/jpeg', 'image/svg+xml', 'image/gif')
NO_VALUE = re.compile(r'test_\w+|assert_\w+|nbdev_export|show|close|set_\w+|manual_seed|seed|append|add|update|extend|'
                      r'clear|sort|backward|zero_grad|step|simplefilter|filterwarnings')


def text(x): return ''.join(x) if isinstance(x, list) else x or ''


def directives(src): return dict(m.groups() for m in re.finditer(r'^#\|\s*([\w-]+):?[ \t]*(.*)$', src, re.M))


def value(src):
    "'yes' when the last line of a cell surely shows something, 'maybe' for a call, '' when it shows nothing."
    if src.lstrip().startswith('%%'): return ''
    src = re.sub(r'^\s*[%!].*$', 'pass', src, flags=re.M)
    try: body = ast.parse(src).body
    except SyntaxError: return ''
    for node in body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'print': return 'yes'
    if not body or not isinstance(body[-1], ast.Expr) or src.rstrip().endswith(';'): return ''
    last = body[-1].value
    if isinstance(last, ast.Constant): return '' if last.value in (None, ...) else 'yes'
    if isinstance(last, (ast.Await, ast.Yield)): return ''
    if not isinstance(last, ast.Call): return 'yes'
    name = getattr(last.func, 'id', None) or getattr(last.func, 'attr', '')
    if NO_VALUE.fullmatch(name): return ''
    return 'yes' if re.match(r'show_|plot_|describe|gv$', name) else 'maybe'


def check(path):
    "Every complaint about one notebook, with the number of the cell, counted from 1."
    path, bad = Path(path), []
    if path.stat().st_size > MAX: bad.append(f'{path.stat().st_size//1000} kB, more than {MAX//1000}')
    try: nb = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as e: return [f'not a notebook: {e}']
    cells = nb.get('cells') or []
    first = text(cells[0]['source']) if cells else ''
    if not re.match(r'(---\n.*?\n---\s*)?#\s+\S.*\n\s*\n?> *\S', first, re.S):
        bad.append('cell 1 is not `# Title` and `> one sentence`')
    count = 0
    code = [c for c in cells if c['cell_type'] == 'code' and text(c['source']).strip()]
    if code and not any(c.get('outputs') for c in code) and any(value(text(c['source'])) for c in code):
        bad.append('was never run: no cell has an output')
    for i, c in enumerate(cells, 1):
        src = text(c['source'])
        say = lambda what: bad.append(f'cell {i}: {what}')
        if m := PATHS.search(src): say(f'the path {m[0]!r} in the source')
        if c['cell_type'] == 'markdown':
            if re.search(r'!\[\s*\]\(', src): say('an image without a text')
            if 'attachments' in c: say('an attached file: put it beside the notebook')
            continue
        if c['cell_type'] != 'code': continue
        d, outs = directives(src), c.get('outputs') or []
        n = c.get('execution_count')
        if n is not None:
            if n != count + 1: say(f'run as number {n} after number {count}: run the notebook from the top')
            count = n
        if d.get('eval', '').strip() == 'false': continue
        if not outs and value(src) == 'yes':
            say(f'shows something, but has no output: {src.strip().splitlines()[-1][:60]!r}')
        figure = False
        for o in outs:
            kind = o['output_type']
            if kind == 'error': say(f"a stored error: {o.get('ename')}: {o.get('evalue', '')[:80]}")
            if kind == 'stream' and o.get('name') == 'stderr':
                say(f"a stored warning: {text(o['text']).strip()[:80]!r}")
            data = o.get('data', {})
            figure |= any(k in data for k in IMAGES)
            for mime, val in [*data.items(), ('stream', o.get('text', ''))]:
                if mime in IMAGES[:2]: continue
                val = text(val) if isinstance(val, (str, list)) else json.dumps(val)
                if m := PATHS.search(val) or TEMP.search(val): say(f'the path {m[0]!r} in the output')
                if mime == 'text/html':
                    for tag in re.findall(r'<img\b[^>]*>', val):
                        if not re.search(r'\balt\s*=\s*["\']?[^"\'\s>]', tag): say('an HTML image without `alt`')
        if figure and len(d.get('fig-alt', '').strip(' "\'')) < 10: say('a figure without `#| fig-alt: what it shows`')
    return bad
