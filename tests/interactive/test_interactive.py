"""What the notebooks are played with, as a notebook uses it but without a browser."""

import base64
import subprocess
import sys

import ipywidgets
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from sklearn.datasets import load_iris

from accelml import available_backends, datasets
from accelml.cluster import KMeans
from accelml.cluster.lloyd import update
from accelml.exceptions import DivergenceError
from accelml.interactive import (
    Choice,
    DigitCanvas,
    LiveCurve,
    centered_digit,
    explore,
    load,
    show,
    show_source,
)
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from tests.data import folder

PNG = b"\x89PNG"
NAMES = ("fashion", "happiness", "iris", "microchips", "mnist", "nonlinear", "servers")


class TestChoice:
    def test_offers_what_works_here(self):
        choice = Choice()
        assert list(choice.backend_menu.options) == list(available_backends())
        assert (choice.backend, choice.seed) == ("numpy", 0)

    def test_what_is_chosen_fits_an_estimator(self):
        choice = Choice(seed=3, seeds=5)
        choice.backend_menu.value = available_backends()[0]
        model = KMeans(2, n_init=1, backend=choice.backend, random_state=choice.seed)
        assert model.fit(np.eye(4)).backend_ == choice.backend
        assert choice.seed == 3

    def test_reads_as_text_where_there_are_no_widgets(self):
        assert Choice()._repr_mimebundle_()["text/plain"] == "backend: numpy, seed: 0"

    def test_unknown_backend(self):
        with pytest.raises(Exception, match="Invalid selection"):
            Choice(backend="abacus")


def bar(height, backend=None, seed=None):
    ax = Figure(figsize=(1, 1)).subplots()
    ax.bar([0], [height])
    ax.set_ylim(0, 10)
    return ax


class TestExplore:
    def make(self, draw=bar, choice=None):
        return explore(
            draw, alt="A bar as high as you like.", choice=choice,
            height=ipywidgets.IntSlider(1, min=0, max=10),
        )  # fmt: skip

    def figure(self, explorer):
        return explorer.children[-1].value

    def test_the_figure_follows_and_comes_back(self):
        explorer = self.make()
        first = self.figure(explorer)
        explorer.controls["height"].value = 7
        assert explorer.values == {"height": 7}
        assert self.figure(explorer) != first
        explorer.controls["height"].value = 1
        assert self.figure(explorer) == first

    def test_the_choice_is_handed_on_and_followed(self):
        choice, called = Choice(), []

        def draw(**values):
            called.append(values)
            return bar(values["height"])

        self.make(draw, choice)
        choice.seed_menu.value = 4
        assert called == [
            {"height": 1, "backend": "numpy", "seed": 0},
            {"height": 1, "backend": "numpy", "seed": 4},
        ]

    def test_divergence_is_said_and_got_over(self):
        def draw(height):
            if height > 5:
                raise DivergenceError("the loss is <infinite>")
            return bar(height)

        explorer = self.make(draw)
        explorer.controls["height"].value = 9
        assert "Diverged" in self.figure(explorer)
        assert "&lt;infinite&gt;" in self.figure(explorer)
        explorer.controls["height"].value = 2
        assert "<img" in self.figure(explorer)

    def test_other_errors_are_not_hidden(self):
        with pytest.raises(ZeroDivisionError):
            self.make(lambda height: 1 / 0)

    def test_a_page_without_widgets_has_picture_and_words(self):
        data, metadata = self.make()._repr_mimebundle_()
        assert base64.b64decode(data["image/png"]).startswith(PNG)
        assert data["text/plain"] == metadata["image/png"]["alt"] == "A bar as high as you like."

    def test_quotes_in_the_words_stay_words(self):
        explorer = explore(lambda: bar(1), alt='5 < 6 "really"')
        assert 'alt="5 &lt; 6 &quot;really&quot;"' in self.figure(explorer)

    @pytest.mark.parametrize("alt", ["", "  "])
    def test_words_are_asked_for(self, alt):
        with pytest.raises(ValueError, match="alt is empty"):
            explore(lambda: bar(1), alt=alt)
        with pytest.raises(ValueError, match="alt is empty"):
            show(bar(1), alt)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """IPython as in a kernel: what is displayed is published and can be captured."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.usefixtures("shell")
def test_show_displays_the_same_bytes_each_time():
    with capture_output() as captured:
        show(bar(3), "A bar.")
        show(bar(3).figure, "A bar.")
    one, other = captured.outputs
    assert one.data["image/png"] == other.data["image/png"]
    assert one.metadata["image/png"]["alt"] == "A bar."


@pytest.mark.usefixtures("shell")
class TestLiveCurve:
    X, y = load_iris(return_X_y=True)

    @pytest.mark.parametrize("repetitions", [1, 2])
    @pytest.mark.filterwarnings("ignore:max_iter=6")
    def test_one_figure_that_grows(self, repetitions, monkeypatch):
        monkeypatch.setattr("accelml.interactive.live.PAUSE", 0.0)
        model = MLPClassifier(4, max_iter=6, random_state=0)
        curve = LiveCurve()
        with capture_output() as captured:
            for _ in range(repetitions):
                curve.follow(model).fit(self.X, self.y)
        assert curve.losses == pytest.approx(model.loss_curve_)
        assert len(curve.losses) == 6
        first, *later = captured.outputs
        assert len(later) >= 5
        assert not first.update
        assert all(output.update for output in later)
        assert len({output.transient["display_id"] for output in captured.outputs}) == 1
        alt = later[-1].metadata["image/png"]["alt"]
        assert f"{model.loss_curve_[-1]:.3g} after 6 epochs" in alt

    def test_now_and_then_only(self):
        curve = LiveCurve(x_label="iteration")
        with capture_output() as captured:
            curve.follow(LogisticRegression(max_iter=500)).fit(self.X, self.y)
        assert len(curve.losses) > 10
        assert len(captured.outputs) < 5  # a picture costs more than an iteration

    def test_the_model_is_what_it_would_be_without(self):
        plain = LogisticRegression().fit(self.X, self.y)
        followed = LogisticRegression()
        with capture_output():
            LiveCurve().follow(followed).fit(self.X, self.y)
        np.testing.assert_array_equal(plain.coef_, followed.coef_)


class TestShowSource:
    def test_the_lines_without_the_docstring(self):
        source = show_source(update)
        assert source.data.startswith("def update(")
        assert '"""' not in source.data
        assert source._repr_markdown_() == f"```python\n{source.data}\n```"

    def test_from_a_line_to_a_line(self):
        text = repr(show_source(update, first="mean =", last="mean ="))
        assert text.startswith("mean =")
        assert "\n" not in text

    def test_of_a_class(self):
        assert "def fit" in show_source(KMeans).data

    def test_no_such_line(self):
        with pytest.raises(ValueError, match="no line of the source contains 'nowhere'"):
            show_source(update, first="nowhere")


@pytest.fixture
def real_data():
    """The folder that ``ACCELML_DATA_DIR`` names, with all that the notebooks load."""
    folder("all that the notebooks load")


class TestLoad:
    @pytest.fixture(autouse=True)
    def small_digits(self, monkeypatch):
        make = datasets.make_digits
        monkeypatch.setattr(datasets, "make_digits", lambda n, **more: make(n // 500, **more))

    @pytest.fixture
    def nothing_at_hand(self, tmp_path, monkeypatch):
        """No data folder, an empty cache, and a proxy at which nobody listens."""
        monkeypatch.delenv("ACCELML_DATA_DIR", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        for name in ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")

    @pytest.mark.parametrize("name", NAMES)
    def test_stands_in_and_says_so(self, name, nothing_at_hand, capsys):
        data = load(name)
        said = capsys.readouterr().out
        assert said.strip() == data.about
        if name == "iris":
            assert data.is_real  # scikit-learn has them
        else:
            assert not data.is_real
            assert "cannot be downloaded" in said
        self.check(data)

    @pytest.mark.parametrize("name", NAMES)
    def test_the_real_ones(self, name, real_data, capsys):
        data = load(name)
        assert data.is_real
        assert capsys.readouterr().out.strip() == data.about
        self.check(data)

    def check(self, data):
        assert data.X.ndim == 2
        assert len(data.X) == len(data.y) > 100
        assert data.X.shape[1] == len(data.feature_names)
        assert np.isfinite(data.X).all()
        if data.X.shape[1] == 784:
            assert data.X.dtype == np.float32
            assert 0 == data.X.min() < data.X.max() <= 1
            assert len(data.target_names) == len(np.unique(data.y)) == 10

    def test_a_stand_in_has_the_columns_of_the_real_ones(self, real_data, nothing_at_hand):
        stand_ins = {name: load(name) for name in ("happiness", "microchips", "servers")}
        for name, stand_in in stand_ins.items():
            assert stand_in.X.shape[1] == len(stand_in.feature_names) == 2, name
        assert "GDP per capita" in stand_ins["happiness"].feature_names

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"name='mnits'.*'fashion', 'happiness'"):
            load("mnits")


class TestCanvas:
    def scores(self, X):
        assert X.shape == (1, 784)
        self.seen = X
        return np.eye(10)[[3]] * 0.8 + 0.02

    def test_a_drawing_is_answered_and_cleared(self):
        canvas = DigitCanvas(self.scores, "abcdefghij")
        empty = canvas.answer.value
        drawing = np.zeros((28, 28))
        drawing[2:10, 3:5] = 1
        canvas.pad.pixels = drawing.ravel().tolist()
        assert "This looks like <strong>d</strong>." in canvas.answer.value
        assert canvas.answer.value.count("<tr>") == 10
        np.testing.assert_array_equal(self.seen.reshape(28, 28), canvas.image)
        canvas.clear()
        assert canvas.answer.value == empty
        assert not canvas.image.any()

    def test_reads_as_text_where_there_are_no_widgets(self):
        assert "canvas" in DigitCanvas(self.scores)._repr_mimebundle_()["text/plain"]

    @pytest.mark.parametrize(("height", "width"), [(28, 28), (280, 280), (50, 90), (3, 200)])
    @pytest.mark.parametrize("place", [0.05, 0.5])
    def test_centered_and_scaled_like_mnist(self, height, width, place):
        drawing = np.zeros((height, width))
        top, left = int(place * height), int(place * width)
        drawing[top : top + max(height // 3, 1), left : left + max(width // 8, 1)] = 0.4
        image = centered_digit(drawing)
        assert image.shape == (28, 28)
        assert image.dtype == np.float32
        assert 0 == image.min() < image.max() == 1
        rows, columns = (np.flatnonzero((image > 0.3).any(axis=axis)) for axis in (1, 0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        at = np.indices(image.shape).reshape(2, -1) @ image.ravel() / image.sum()
        np.testing.assert_allclose(at, 14, atol=0.51)

    def test_mnist_itself_stays_as_it_is(self, real_data):
        """Its makers have prepared it in this way already."""
        for image in datasets.load_mnist(subset="test").data[:200].reshape(-1, 28, 28):
            np.testing.assert_allclose(centered_digit(image), image / image.max(), atol=1e-6)

    def test_no_ink(self):
        assert not centered_digit(np.zeros((9, 9))).any()

    @pytest.mark.parametrize("wrong", [np.zeros(9), np.full((9, 9), -1.0), np.full((9, 9), np.nan)])
    def test_what_is_no_drawing(self, wrong):
        with pytest.raises(ValueError, match="drawing needs two dimensions"):
            centered_digit(wrong)


def test_accelml_does_without_it():
    code = "import sys, accelml.cli, accelml.plotting; print('ipywidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_to_install_is_said():
    code = "import sys; sys.modules['anywidget'] = None; import accelml.interactive"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'accelml[notebooks]'" in done.stderr
