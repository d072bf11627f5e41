"Reads settings.ini, where every fact about the package stands, and puts the course's notebooks into the package."
import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
parser = ConfigParser(delimiters=['='])
parser.read(HERE/'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']

# The words that package indexes use for what settings.ini says in nbdev's.
LICENCES = {'apache2': 'Apache-2.0'}
STATUS = {'3': '3 - Alpha', '4': '4 - Beta', '5': '5 - Production/Stable'}


def extras():
    "Every `<name>_requirements` as an extra, with `all` for what readers may want and `dev` for the tools on top."
    ex = {k.removesuffix('_requirements'): v.split() for k, v in cfg.items() if k.endswith('_requirements')}
    dev = ex.pop('dev')
    ex['all'] = sorted({r for rs in ex.values() for r in rs})
    return {**ex, 'dev': ex['all'] + dev}


class BuildWithNotebooks(build_py):
    "Copies the notebooks and their pictures into the built package, so that `dl_course start` needs no clone."
    def run(self):
        super().run()
        if self.editable_mode: return
        target = Path(self.build_lib)/cfg['lib_name']/'notebooks'
        shutil.rmtree(target, ignore_errors=True)   # what an earlier build left there, in `build`
        for src in [*(HERE/'nbs').rglob('*.ipynb'), *(HERE/'nbs').glob('images/*.png')]:
            if any(part.startswith('.') for part in src.relative_to(HERE).parts): continue
            dst = target/src.relative_to(HERE/'nbs')
            dst.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(src, dst)


setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], author=cfg['author'],
    author_email=cfg['author_email'], keywords=cfg['keywords'], url=cfg['git_url'], license=LICENCES[cfg['license']],
    long_description=(HERE/'README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    python_requires='>=' + cfg['min_python'], install_requires=cfg['requirements'].split(), extras_require=extras(),
    packages=find_packages(include=[cfg['lib_name'] + '*']), include_package_data=True, zip_safe=False,
    entry_points={'console_scripts': cfg['console_scripts'].split(),
                  'nbdev': [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"]},
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl']}, cmdclass={'build_py': BuildWithNotebooks},
    classifiers=[f"Development Status :: {STATUS[cfg['status']]}", f"Intended Audience :: {cfg['audience']}",
                 f"Natural Language :: {cfg['language']}", 'Programming Language :: Python :: 3', 'Topic :: Education',
                 'Topic :: Scientific/Engineering :: Artificial Intelligence'])
