"""What a picture of a notebook shows, for those who do not see it: the heading that it stands below."""

from __future__ import annotations

from docutils import nodes


def describe(app, tree: nodes.document) -> None:
    """Give every picture without a text one; the theme would show the name of its file."""
    for image in tree.findall(nodes.image):
        if not image.get("alt"):
            image["alt"] = f"Picture: {heading(image)}"


def heading(node: nodes.Node | None) -> str:
    """The title of the innermost section around a node."""
    while node is not None:
        if isinstance(node, nodes.section):
            return node[0].astext()
        node = node.parent
    return "drawn by the code above"


def setup(app) -> dict:
    """Connect it after a page was read."""
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
