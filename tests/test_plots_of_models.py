"""Pictures of what was learnt: the right things are drawn, named, and told apart."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.metrics import confusion_matrix

from accelml.anomaly import GaussianAnomalyDetector
from accelml.cluster import KMeans
from accelml.datasets import make_microchips, make_server_metrics
from accelml.linear_model import LogisticRegression
from accelml.plotting import (
    plot_clusters,
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_thresholds,
    plot_weight_images,
)

IRIS, SPECIES = load_iris(return_X_y=True)
PETALS = IRIS[:, 2:]


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def points_of(collection):
    return np.asarray(collection.get_offsets())


def scatters(ax):
    """What is drawn as points: collections that have offsets."""
    return [c for c in ax.collections if c.__class__.__name__ == "PathCollection"]


def filled(ax, level):
    """The area that is filled for a class, as a test of points."""
    areas = next(c for c in ax.collections if c.get_array() is not None and c.get_fill())
    path = areas.get_paths()[level]
    return lambda point: path.contains_point(point)


@pytest.mark.parametrize("names", [None, ("a", "b", "c")])
def test_the_plane_is_what_the_model_predicts(names):
    words = np.array(["setosa", "versicolor", "virginica"])
    y = words[SPECIES]
    model = LogisticRegression(max_iter=500).fit(PETALS, y)
    ax = plot_decision_boundary(
        model, PETALS, y, feature_names=("length (cm)", "width (cm)"), class_names=names
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length (cm)", "width (cm)")
    assert labels_of(ax) == list(words if names is None else names)
    for k, drawn in enumerate(scatters(ax)):
        np.testing.assert_array_equal(points_of(drawn), PETALS[k == SPECIES])
    colors = {tuple(drawn.get_facecolor()[0]) for drawn in scatters(ax)}
    paths = {drawn.get_paths()[0].vertices.tobytes() for drawn in scatters(ax)}
    assert len(colors) == len(paths) == 3  # a colour-blind reader has the marker
    predicted = model.predict(PETALS)
    inside = [filled(ax, k) for k in range(3)]
    agree = [inside[k](row) for row, label in zip(PETALS, predicted, strict=True)
             for k in [list(words).index(label)]]  # fmt: skip
    assert np.mean(agree) > 0.97  # but for rows within a cell of the boundary


def test_two_classes_have_lines_of_how_sure_the_model_is():
    X, y = make_microchips(random_state=0)
    model = LogisticRegression(C=100).fit(X * 5, y)
    ax = plot_decision_boundary(model, X * 5, y)
    assert len(ax.collections) >= 4
    hard = LogisticRegression().fit([[0, 0], [1, 1]], [0, 1])
    plot_decision_boundary(hard, [[0, 0], [0, 0]], [0, 0])  # no spread, and one class drawn
    with pytest.raises(ValueError, match=r"shape \(118, 3\)"):
        plot_decision_boundary(model, np.ones((118, 3)), y)
    with pytest.raises(ValueError, match="1 names for 2 classes"):
        plot_decision_boundary(model, X, y, class_names=["one"])


def test_the_confusion_matrix_counts():
    rng = np.random.default_rng(0)
    y, found = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    ax = plot_confusion_matrix(y, found)
    numbers = [int(text.get_text()) for text in ax.texts]
    np.testing.assert_array_equal(numbers, confusion_matrix(y, found).ravel())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    shares = ax.images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2", "3"]
    never = plot_confusion_matrix(["a", "a"], ["a", "b"])  # a class that no row has
    assert [text.get_text() for text in never.texts] == ["1", "1", "0", "0"]
    with pytest.raises(ValueError, match="2 names for 4 classes"):
        plot_confusion_matrix(y, found, class_names=["a", "b"])


def test_clusters_and_their_centers():
    model = KMeans(3, random_state=0).fit(PETALS)
    own = Figure().subplots()
    ax = plot_clusters(PETALS, model.labels_, model.cluster_centers_, ax=own)
    assert ax is own
    *groups, centers = scatters(ax)
    for k, drawn in enumerate(groups):
        np.testing.assert_array_equal(points_of(drawn), PETALS[model.labels_ == k])
    np.testing.assert_array_equal(points_of(centers), model.cluster_centers_)
    assert labels_of(ax) == ["cluster 0", "cluster 1", "cluster 2", "center"]
    assert len(scatters(plot_clusters(PETALS, model.labels_))) == 3
    for X, labels, centers, message in [
        (IRIS, model.labels_, None, r"X has the shape \(150, 4\)"),
        (PETALS, model.labels_[:5], None, "X has 150 rows"),
        (PETALS, model.labels_, IRIS[:3], "centers has the shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            plot_clusters(X, labels, centers)


def test_thresholds_and_the_one_that_was_chosen():
    X, y = make_server_metrics(random_state=1)
    detector = GaussianAnomalyDetector().fit(X)
    with pytest.raises(ValueError, match="call select_threshold"):
        plot_thresholds(detector)
    ax = plot_thresholds(detector.select_threshold(X, y))
    *curves, star = ax.get_lines()
    expected = (detector.precision_curve_, detector.recall_curve_, detector.f1_curve_)
    for line, values in zip(curves, expected, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), detector.thresholds_)
        np.testing.assert_allclose(line.get_ydata(), 100 * values)
    assert star.get_xdata() == [detector.offset_]
    assert "nats" in ax.get_xlabel()
    assert "%" in ax.get_ylabel()


@pytest.mark.parametrize(("units", "columns"), [(1, None), (5, None), (5, 2), (4, 9)])
def test_each_unit_is_an_image(units, columns):
    weights = np.random.default_rng(0).standard_normal((6, units))
    ax = plot_weight_images(weights, (2, 3), columns=columns)
    canvas = np.ma.filled(ax.images[0].get_array(), np.nan)
    across = min(columns or int(np.ceil(np.sqrt(units))), units)
    assert canvas.shape[1] == 4 * across - 1
    for unit in range(units):
        top, left = unit // across * 3, unit % across * 4
        drawn = canvas[top : top + 2, left : left + 3]
        np.testing.assert_array_equal(drawn, weights[:, unit].reshape(2, 3))
    low, high = ax.images[0].get_clim()
    assert -low == high == np.abs(weights).max()  # white is zero


def test_weights_that_make_up_no_image():
    for weights, shape, message in [
        (np.ones((6, 2)), None, "no image of 2 × 2"),
        (np.ones((6, 2)), (4, 2), "no image of 4 × 2"),
        (np.ones(6), (2, 3), r"shape \(6,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            plot_weight_images(weights, shape)
    plot_weight_images(np.zeros((4, 2)))  # nothing learnt yet
