"""Runs notebooks with nothing but the installed package and IPython:  `python run_notebooks.py NOTEBOOK_OR_FOLDER ...`

For environments where nbdev 2 cannot be, such as one with the newest releases of everything: cells that import or call
nbdev are left out, and so are those that nbdev_test leaves out. Each notebook runs in a process of its own, in the
folder it stands in, and with one thread, as many at once as there are cores.
"""
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEFT_OUT = re.compile(r'^#\|\s*(eval:\s*false|notest|slow)\b|^\s*(import|from)\s+nbdev\b|\bnbdev_export\(', re.M)


def run(path):
    "Run one notebook here; the number of cells that ran, or an exception."
    os.environ['IN_TEST'] = '1'
    os.chdir(path.parent)
    import matplotlib
    matplotlib.use('agg')
    from IPython.core.interactiveshell import InteractiveShell
    shell, n = InteractiveShell.instance(), 0
    shell.run_line_magic('matplotlib', 'inline') if 'matplotlib_inline' in sys.modules else None
    for i, c in enumerate(json.loads(path.read_text(encoding='utf-8'))['cells'], 1):
        src = ''.join(c['source'])
        if c['cell_type'] != 'code' or LEFT_OUT.search(src): continue
        res = shell.run_cell(src)
        if not res.success: raise SystemExit(f'{path.name}: cell {i} failed')
        n += 1
    print(f'{path.name}: {n} cells ran')


def main(args):
    if args[0] == '--one': return run(Path(args[1]).resolve())
    files = [f for a in map(Path, args) for f in (sorted(a.rglob('*.ipynb')) if a.is_dir() else [a])]
    def start(f):
        "Run a notebook in a new process; the seconds it took, and the process."
        begin = time.time()
        words = sys.executable, Path(__file__).resolve(), '--one', f.resolve()
        p = subprocess.run(words, text=True, errors='replace',
                           env={**os.environ, 'OMP_NUM_THREADS': '1'}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return time.time()-begin, p
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for f, (took, p) in zip(files, pool.map(start, files)):
            failed += bool(p.returncode)
            print(f"{'FAIL' if p.returncode else 'ok  '} {f.name} ({took:.0f} s)")
            said = p.stdout.splitlines()
            for o in said[-25:] if p.returncode else dict.fromkeys(o for o in said if 'install' in o): print(o)
    print(f'{len(files)-failed} passed, {failed} failed')
    return failed or not files


if __name__ == '__main__': sys.exit(bool(main(sys.argv[1:])))
