"""The map of machine learning, drawn as SVG inside the page, so that it follows the theme.

``{learning-map}`` takes the alternative text as its content. What accelml has is a filled box that
leads to its page; what it has not is a dashed one. The colours are those of Okabe and Ito.
"""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Box(NamedTuple):
    """A rounded rectangle with a line or two of text."""

    column: int
    row: float
    text: str
    branch: str
    page: str = ""  # that it leads to
    absent: bool = False  # accelml has it not


LEFT, WIDTHS = (0, 124, 316, 508), (84, 152, 156, 232)
HEIGHT, STEP, WIDTH = 38, 50, 740

BOXES = {
    "root": Box(0, 5, "Machine\nlearning", "root"),
    "supervised": Box(1, 2, "Supervised:\nexamples with answers", "supervised"),
    "unsupervised": Box(1, 7, "Unsupervised:\nexamples alone", "unsupervised"),
    "reinforcement": Box(1, 10, "Reinforcement:\nactions and rewards", "reinforcement"),
    "regression": Box(2, 0.5, "Regression:\nthe answer is a number", "supervised"),
    "classification": Box(2, 3, "Classification:\nthe answer is a class", "supervised"),
    "clustering": Box(2, 5.5, "Clustering:\nwhich belong together?", "unsupervised"),
    "density": Box(2, 7.5, "Density:\nwhat is improbable?", "unsupervised"),
    "dimension": Box(2, 9, "Fewer dimensions:\nwhat varies together?", "unsupervised"),
    "linear": Box(3, 0, "Linear and ridge regression", "supervised", "linear-regression"),
    "mlp": Box(3, 1, "Multilayer perceptron", "supervised", "multilayer-perceptron"),
    "logistic": Box(3, 2, "Logistic regression", "supervised", "logistic-regression"),
    "trees": Box(
        3, 3, "Trees and forests, nearest neighbours,\nsupport vector machines", "supervised",
        absent=True,
    ),
    "k-means": Box(3, 5, "k-means", "unsupervised", "k-means"),
    "hierarchical": Box(
        3, 6, "Hierarchical clustering, DBSCAN,\nmixtures of Gaussians", "unsupervised", absent=True
    ),
    "gaussian": Box(
        3, 7, "Gaussian anomaly detection", "unsupervised", "gaussian-anomaly-detection"
    ),
    "kernels": Box(
        3, 8, "Kernel densities, isolation forests", "unsupervised", absent=True
    ),
    "components": Box(3, 9, "Principal components, t-SNE", "unsupervised", absent=True),
    "policies": Box(3, 10, "Q-learning, policy gradients", "reinforcement", absent=True),
}  # fmt: skip

LINES = {
    "root": ("supervised", "unsupervised", "reinforcement"),
    "supervised": ("regression", "classification"),
    "unsupervised": ("clustering", "density", "dimension"),
    "regression": ("linear", "mlp", "trees"),
    "classification": ("mlp", "logistic", "trees"),
    "clustering": ("k-means", "hierarchical"),
    "density": ("gaussian", "kernels", "hierarchical"),
    "dimension": ("components",),
    "reinforcement": ("policies",),
}


def middle(box: Box) -> float:
    """The height of the middle of a box."""
    return 4 + box.row * STEP + HEIGHT / 2


def draw_line(start: Box, end: Box) -> str:
    """A curve from the right of one box to the left of another."""
    x0, x1 = LEFT[start.column] + WIDTHS[start.column], LEFT[end.column]
    y0, y1, bend = middle(start), middle(end), (x1 - x0) / 2 if x1 - x0 < 60 else 40
    curve = f"M{x0},{y0:g} C{x0 + bend:g},{y0:g} {x1 - bend:g},{y1:g} {x1},{y1:g}"
    return f'<path class="{end.branch}" d="{curve}"/>'


def draw_box(box: Box) -> str:
    """The rectangle and its text, as a link where there is a page."""
    x, y, width = LEFT[box.column], middle(box) - HEIGHT / 2, WIDTHS[box.column]
    kind = "absent" if box.absent else "present" if box.page else "task"
    lines = box.text.split("\n")
    top = middle(box) + 4.5 - 7.5 * (len(lines) - 1)
    text = "".join(
        f'<tspan x="{x + width / 2:g}" y="{top + 15 * i:g}">{escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    drawn = f'<rect x="{x}" y="{y:g}" width="{width}" height="{HEIGHT}" rx="6"/><text>{text}</text>'
    if box.page:
        drawn = f'<a href="{box.page}.html">{drawn}</a>'
    return f'<g class="{kind} {box.branch}">{drawn}</g>'


def draw(alternative: str) -> str:
    """The whole map."""
    height = 8 + HEIGHT + STEP * max(box.row for box in BOXES.values())
    lines = [draw_line(BOXES[start], BOXES[end]) for start, ends in LINES.items() for end in ends]
    return "\n".join(
        [
            f'<div class="learning-map"><svg viewBox="-2 0 {WIDTH + 4} {height:g}" role="group" '
            f'aria-label="{escape(alternative)}" xmlns="http://www.w3.org/2000/svg">',
            *lines,
            *map(draw_box, BOXES.values()),
            "</svg></div>",
        ]
    )


class LearningMap(SphinxDirective):
    """The map, where the directive stands."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Raw HTML: an image could neither link nor follow the theme."""
        self.assert_has_content()
        return [nodes.raw("", draw(" ".join(self.content)), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("learning-map", LearningMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
