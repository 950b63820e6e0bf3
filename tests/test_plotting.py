"""Learning curves: what is drawn, and that it can be told apart."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.datasets import load_iris

from accelml.bench.charts import THEIRS
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.plotting import (
    COLORS,
    check_picture_name,
    comparison_figure,
    plot_learning_curves,
    save_figure,
    training_figure,
)

X, Y = load_iris(return_X_y=True)
SAME = {name: [2.0, 1.0, 0.5, 0.4, 0.3, 0.25, 0.2, 0.19, 0.18] * 2 for name in ("a", "b", "c")}


def test_axes_have_labels_with_units_and_the_data():
    ax = plot_learning_curves({"numpy": [2.0, 1.0, 0.5]})
    assert ax.get_xlabel() == "epoch"
    assert "nats" in ax.get_ylabel()
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 1.0, 0.5])
    assert ax.get_legend() is None


def test_curves_that_coincide_can_be_told_apart():
    lines = plot_learning_curves(SAME).get_lines()
    for property_of in ("get_color", "get_marker", "get_linewidth", "get_markevery"):
        assert len({getattr(line, property_of)() for line in lines}) == len(lines), property_of
    widths = [line.get_linewidth() for line in lines]
    assert widths == sorted(widths, reverse=True), "a wide line would hide a narrow one"


# What three kinds of colour vision make of linear RGB: Machado, Oliveira, Fernandes, A
# physiologically-based model for simulation of color vision deficiency, IEEE TVCG 15, 2009.
VISION = {
    "all cones": np.eye(3),
    "no L cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "no M cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "no S cones": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Lightness and two hues, where equal distances look equal (Ottosson, 2020)."""
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    hues = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    return hues @ np.cbrt(cones @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("color", [*COLORS, THEIRS])
def test_colors_stand_out_from_white(color):
    """By the 3 : 1 that WCAG 2.1 asks of graphics (1.4.11)."""
    luminance = linear(color) @ (0.2126, 0.7152, 0.0722)
    assert 1.05 / (luminance + 0.05) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_colors_differ_for_every_eye(vision):
    """A just noticeable difference is 0.02."""
    seen = [oklab(VISION[vision] @ linear(color)) for color in COLORS]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 0.07


def test_it_draws_where_it_is_told():
    ax = Figure().subplots()
    assert plot_learning_curves(SAME, ax=ax, y_scale="log", x_label="step") is ax
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "step"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


@pytest.mark.parametrize("curves", [{}, {"a": []}])
def test_nothing_to_draw_is_an_error(curves):
    with pytest.raises(ValueError, match="no values"):
        plot_learning_curves(curves)


def test_positions_must_fit():
    with pytest.raises(ValueError, match=r"x\['a'\] has 1 values, and its curve 2"):
        plot_learning_curves({"a": [1.0, 2.0]}, x={"a": [1.0]})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_has_a_panel_of_its_own():
    plain = MLPClassifier(4, max_iter=3).fit(X, Y)
    assert len(training_figure(plain).axes) == 1
    stopped = MLPClassifier(4, max_iter=5, early_stopping=True, random_state=0).fit(X, Y)
    loss, score = training_figure(stopped).axes
    assert "%" in score.get_ylabel()
    np.testing.assert_allclose(
        score.get_lines()[0].get_ydata(), 100 * np.array(stopped.validation_scores_)
    )
    assert loss.get_xlabel() == "epoch"


def test_one_against_the_rest_has_a_curve_for_each_class():
    model = LogisticRegression(multi_class="ovr", max_iter=500).fit(X, Y)
    (ax,) = training_figure(model).axes
    assert len(ax.get_lines()) == 3
    assert ax.get_xlabel() == "iteration"


def test_the_comparison_has_a_panel_by_the_clock():
    seconds = {name: np.cumsum(np.ones(18) * k) for k, name in enumerate(SAME, start=1)}
    epochs, clock = comparison_figure(SAME, seconds, title="t").axes
    assert "second" in clock.get_xlabel()
    np.testing.assert_array_equal(clock.get_lines()[1].get_xdata(), seconds["b"])
    assert epochs.get_legend() is not None


@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_files_are_written_whole(ending, magic, tmp_path):
    path = tmp_path / f"curve{ending}"
    save_figure(plot_learning_curves(SAME).figure, path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused():
    for name in ("curve.doc", "curve"):
        with pytest.raises(ValueError, match=r"not the name of a picture; end it in \.png"):
            check_picture_name(name)


def test_pyplot_stays_unloaded(tmp_path):
    code = (
        "import sys; from accelml.plotting import plot_learning_curves, save_figure;"
        "save_figure(plot_learning_curves({'a': [1.0, 2.0]}).figure, sys.argv[1]);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    assert subprocess.run(command, check=False).returncode == 0
