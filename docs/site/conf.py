"""Sphinx' settings. It is run by `python -m docs.site`, which gathers the pages first."""

from __future__ import annotations

from pathlib import Path

project = "ragsite"
copyright = "the authors of ragsite; Apache License 2.0"
html_title = "ragsite"
language = "en"

extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True

myst_heading_anchors = 4
myst_ref_domains = ["std"]
smartquotes = False
highlight_language = "bash"
pygments_style = "friendly"
pygments_dark_style = "github-dark"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/mark.svg"
html_logo = "static/mark.svg"
html_search_scorer = str(Path(__file__).with_name("static") / "scorer.js")
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"

_FONTS = {
    "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
    "font-stack--monospace": "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}
html_theme_options = {
    "sidebar_hide_name": False,
    "navigation_with_keys": True,
    "top_of_page_buttons": [],
    "light_css_variables": {
        **_FONTS,
        "color-brand-primary": "#1d5c6b",
        "color-brand-content": "#1b6273",
        "color-brand-visited": "#1b6273",
        "color-background-secondary": "#f6f7f7",
        "color-foreground-secondary": "#51585c",
        "color-inline-code-background": "#f1f3f3",
    },
    "dark_css_variables": {
        **_FONTS,
        "color-brand-primary": "#7cc4d3",
        "color-brand-content": "#86cbd9",
        "color-brand-visited": "#86cbd9",
        "color-background-primary": "#14181a",
        "color-background-secondary": "#1a1f21",
        "color-inline-code-background": "#22292c",
    },
}
