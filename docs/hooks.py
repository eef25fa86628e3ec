"""What the site does with documents that are written to be read in the repository, too."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)\)")
"""A link out of `docs/`, to a file of the repository."""
NAMED = re.compile(r"^```(\w+) file=(\S+)$", re.MULTILINE)
"""A block of code that is a file, as the tests write it."""
LANGUAGES = {".yaml": "yaml", ".toml": "toml", ".py": "python", ".jsonl": "json"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of the repository that a document leads to."""
    root = Path(config.docs_dir).parent
    texts = [file.content_string for file in files.documentation_pages()]
    for name in sorted({name for text in texts for name in OUTSIDE.findall(text)}):
        code = (root / name).read_text("utf-8")
        language = LANGUAGES.get(Path(name).suffix, "text")
        page = f"# {name}\n\n````{language}\n{code.rstrip()}\n````\n"
        files.append(File.generated(config, f"files/{name}.md", content=page))
    return files


def on_page_markdown(text: str, /, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead to those pages, and head each block that is a file with its name."""
    del page, config, files
    return NAMED.sub(r'```\1 title="\2"', OUTSIDE.sub(r"](files/\1.md)", text))
