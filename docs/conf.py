"""Configuration of the documentation's build: ``sphinx-build -W docs docs/_build/html``."""

import logging
import os
import sys
import warnings
from importlib import metadata
from pathlib import Path

import matplotlib as mpl

DOCS = Path(__file__).parent
# The pages import `figures` from this folder.
sys.path.insert(0, str(DOCS / "_ext"))
mpl.use("agg")
# Pillow saves the animations. The default writer would warn if ffmpeg is not installed.
mpl.rcParamsDefault["animation.writer"] = "pillow"
# Without this, accessible-pygments, a requirement of the theme, would show every INFO.
logging.basicConfig(level=logging.WARNING)

project = "tsnekit"
author = "The tsnekit developers"
copyright = f"2026, {author}"
version = release = metadata.version("tsnekit")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "plain_markdown",
]
exclude_patterns = ["_build", "_ext"]
default_role = "py:obj"
# Names of tsnekit must exist. Parameters and names of other packages are only set as code.
nitpicky = True
nitpick_ignore_regex = [("py:obj", r"(?!tsnekit\.).*")]

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"tsnekit {release}"
html_static_path = ["_static"]
html_css_files = ["tsnekit.css"]
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e5f", "color-brand-content": "#0b6e5f"},
    "dark_css_variables": {"color-brand-primary": "#4fc3ae", "color-brand-content": "#4fc3ae"},
}

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
toc_object_entries_show_parents = "hide"
add_module_names = False

plot_formats = [("png", 120)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_pre_code = "from figures import X, labels, show\nfrom tsnekit import TSNE"
plot_rcparams = {"savefig.bbox": "tight"}
plot_apply_rcparams = True

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery_order.GalleryOrder",
    # The pages of the reference list the examples that use the described objects.
    "backreferences_dir": "auto_examples/backreferences",
    "doc_module": ("tsnekit",),
    "matplotlib_animations": True,
    "download_all_examples": False,
    "show_memory": False,
    "capture_repr": (),
    "show_signature": False,
    "min_reported_time": 5,
    "abort_on_example_error": True,
    "remove_config_comments": True,
}

# matplotlib warns if it has no screen. Any other warning of an example must be mended.
warnings.filterwarnings("ignore", message=".*non-interactive.*", category=UserWarning)
os.environ.setdefault("TQDM_DISABLE", "1")
