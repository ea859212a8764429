"""The site: python -m sphinx -W -b html docs build/docs"""

import logging
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import norms  # noqa: E402

logging.getLogger('jax').setLevel(logging.WARNING)  # it says which platforms a machine lacks

project = 'norms'
author = 'the authors of norms'
copyright = f'2026, {author}'
version = release = norms.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'site_pages']
exclude_patterns = ['_build']
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 3

html_theme = 'furo'
html_title = f'norms {version}'

smartquotes = False  # quotes belong to values here
default_role = 'py:obj'  # `layer_norm` in a docstring is a link where that is a name
autodoc_typehints = 'none'
autodoc_member_order = 'bysource'
add_module_names = False
python_maximum_signature_line_length = 90
napoleon_use_rtype = False
