"What the tests share besides fixtures: where things are, and how programs are run."
import functools
import os
import re
import socket
import subprocess
import sys
import threading
from configparser import ConfigParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ConfigParser(delimiters=['='])
CONFIG.read(ROOT/'settings.ini', encoding='utf-8')
CONFIG = CONFIG['DEFAULT']
DROPPED = 'VIRTUAL_ENV', 'PYTHONPATH', 'PYTHONHOME', 'DL_COURSE_HOME', 'FASTAI_HOME'
OUTSIDE = {k: v for k, v in os.environ.items() if k not in DROPPED}
OUTSIDE.update(PYTHONUNBUFFERED='1', PYTHONIOENCODING='utf-8', MPLBACKEND='agg', CI='true')
# The environment that pytest runs in, and the package of this checkout.
INSIDE = {**OUTSIDE, 'PATH': f"{Path(sys.executable).parent}{os.pathsep}{OUTSIDE['PATH']}", 'PYTHONPATH': str(ROOT)}


def run(*cmd, cwd=ROOT, env=INSIDE, limit=300):
    "Exit status, and output with errors."
    cmd = [str(c) for c in cmd]
    try:
        p = subprocess.run(cmd, cwd=cwd, env=env, timeout=limit, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors='replace')
    except subprocess.TimeoutExpired as e:
        return 124, f'{(e.stdout or b"").decode(errors="replace")}\n{cmd}: stopped after {limit} s'
    except OSError as e: return 127, str(e)
    return p.returncode, p.stdout


def tail(text, n=30): return '\n'.join(line[:300] for line in text.strip().splitlines()[-n:])


def ok(*cmd, **kwargs):
    "The output of a program that must succeed."
    __tracebackhide__ = True
    rc, out = run(*cmd, **kwargs)
    assert rc == 0, f'{" ".join(map(str, cmd))[:200]}: exit status {rc}\n{tail(out)}'
    return out


def git(*args, cwd=ROOT): return ok('git', *args, cwd=cwd, env=OUTSIDE)


def changes(folder): return git('status', '--porcelain', cwd=folder)


def tracked(*paths): return git('ls-files', *paths).split()


def copy_of(folder, to):
    "A clean copy of the last commit."
    git('clone', '-q', '--no-hardlinks', folder, to)
    return to


def readme_command(needle, text=None):
    "The one ```sh block of a README in which `needle` stands."
    text = (ROOT/'README.md').read_text(encoding='utf-8') if text is None else text
    found = [b for b in re.findall(r'^```(?:sh|bash|shell)[^\n]*\n(.*?)^```', text, re.S | re.M) if needle in b]
    assert len(found) == 1, f'README.md has {len(found)} ```sh blocks with `{needle}`, not one'
    return found[0].strip()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    "A folder that is served on this machine only; errors of a browser that leaves early are not told."
    def __init__(self, folder, port=0):
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args): pass
        self.folder = folder
        self.server = ThreadingHTTPServer(('127.0.0.1', port), functools.partial(Quiet, directory=str(folder)))
        self.server.handle_error = lambda *args: None
        self.url = f'http://127.0.0.1:{self.server.server_port}/'
        threading.Thread(target=self.server.serve_forever, kwargs=dict(poll_interval=.05), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


# Asked of a page in a browser. Too wide is also what is cut off, with no box around it that scrolls.
TOO_WIDE = '''() => {
  const over = document.scrollingElement.scrollWidth - innerWidth;
  const scrolls = e => {
    for (; e && e !== document.body; e = e.parentElement)
      if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
  };
  const bad = [...document.querySelectorAll("body *")].filter(e => {
    const r = e.getBoundingClientRect();
    return r.width > 1 && r.height > 1 && r.right > innerWidth + 1 && !scrolls(e.parentElement);
  });
  const who = bad.slice(0, 3).map(e => e.outerHTML.replace(/\\s+/g, " ").slice(0, 100));
  return over > 0 || bad.length ? {over, who} : null;
}'''


def obstacles(page, axe):
    "What axe finds serious or critical, each rule once."
    page.wait_for_timeout(150)
    found = [v for v in axe.run(page).response['violations'] if v['impact'] in ('serious', 'critical')]
    return '; '.join(f"{v['id']} ({len(v['nodes'])}x, such as {v['nodes'][0]['html'][:110]})" for v in found)


if __name__ == '__main__': print(readme_command(sys.argv[1]))      # for .ci/run
