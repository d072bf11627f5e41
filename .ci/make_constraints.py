"Prints constraints.txt from the environment it runs in: `.venv/bin/python .ci/make_constraints.py > constraints.txt`."
from configparser import ConfigParser
from importlib.metadata import distributions
from pathlib import Path
import platform, re

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEAD = '''\
# The exact versions that were tested together, for every package the development environment holds. Use it as
#
#     pip install -c constraints.txt .             # the package
#     pip install -c constraints.txt -e ".[dev]"   # the package and the tools
#
# It only says which version is taken *if* a package is needed, so that one file serves Linux, macOS and Windows.
# NVIDIA's packages and Triton are left out: torch itself says which ones it needs.
# Made on Python {python}, {system}, in a new environment, by .ci/make_constraints.py; the tests passed on it.
'''


def reachable(name, dists, extras=()):
    "The names of the packages that `name[extras]` brings in here, itself left out."
    seen, todo = set(), [(canonicalize_name(name), tuple(extras))]
    while todo:
        nm, ex = todo.pop()
        if (nm, ex) in seen or nm not in dists: continue
        seen.add((nm, ex))
        for r in map(Requirement, dists[nm].requires or []):
            envs = [{**default_environment(), 'extra': e} for e in ('', *ex)]
            if r.marker is None or any(r.marker.evaluate(e) for e in envs):
                todo.append((canonicalize_name(r.name), tuple(sorted(r.extras))))
    return {nm for nm, _ in seen} - {canonicalize_name(name)}


def line(dist, oldest):
    "A pin, with a marker where this version does not run on the oldest Python."
    pin = f"{canonicalize_name(dist.metadata['Name'])}=={dist.version.split('+')[0]}"
    spec = SpecifierSet(dist.metadata['Requires-Python'] or '')
    if spec.contains(f'{oldest}.0'): return pin
    low = max(s.version for s in spec if s.operator in ('>=', '>'))
    return f'{pin}; python_full_version >= "{low}"'


def main():
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    cfg = cfg['DEFAULT']
    dists = {canonicalize_name(d.metadata['Name']): d for d in distributions()}
    names = reachable(cfg['lib_name'], dists, ['dev'])
    names = {n for n in names if not re.match(r'nvidia-|cuda-|triton$|pip$', n)}
    print(HEAD.format(python=platform.python_version(), system=f'{platform.system()} {platform.machine()}'))
    for n in sorted(names): print(line(dists[n], cfg['min_python']))


if __name__ == '__main__': main()
