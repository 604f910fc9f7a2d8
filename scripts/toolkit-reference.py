"""Writes the list of functions in docs/toolkit.md anew from their source; `--check` only compares. Needs no package."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python/glovebox_interp"
PAGE = ROOT / "docs/toolkit.md"
MARK = "<!-- Written by scripts/toolkit-reference.py from here on. -->\n"


def exported():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    return {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def entry(name, module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    (node,) = [one for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name == name]
    text = ast.get_docstring(node) or ""
    words, _, example = text.partition(">>>")
    words = " ".join(words.split())
    if isinstance(node, ast.ClassDef):
        fields = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign)]
        return f"### {name}\n\nFields: {', '.join(f'`{field}`' for field in fields)}.\n\n{words}\n"
    code = "\n".join(line[4:] if line[:4] in (">>> ", "... ") else line for line in f">>>{example}".strip().splitlines())
    return f"### {name}\n\n```text\n{name}({ast.unparse(node.args)})\n```\n\n{words}\n\n```text\n{code}\n```\n"


def page():
    before = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    entries = "\n".join(entry(name, module) for name, module in sorted(exported().items(), key=lambda one: one[0].lower()))
    return f"{before}{MARK}\n{entries}"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif page() != PAGE.read_text(encoding="utf-8"):
        sys.exit("docs/toolkit.md is not what the source says: python3 scripts/toolkit-reference.py")
