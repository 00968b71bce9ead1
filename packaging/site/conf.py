"""Settings of Sphinx for the guides; guides.py stages their texts, one language at a time."""

from pathlib import Path

HERE = Path(__file__).resolve().parent

project = "LAN Chat"
extensions = ["myst_parser"]
myst_heading_anchors = 3  # the anchors of Markdown, as where the repository is read
highlight_language = "text"
smartquotes = False
html_theme = "alabaster"  # part of Sphinx; fonts are those of the reader's computer
html_theme_options = {"show_powered_by": False, "fixed_sidebar": False, "page_width": "66rem", "sidebar_width": "15rem"}
html_title = "LAN Chat"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
templates_path = [str(HERE / "templates")]
html_sidebars = {"**": ["navigation.html", "languages.html", "searchbox.html"]}
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
