"""Everybody else, each as a user gets it by default and at its best honest setting.

A name before the comma is the library; after it stands how it is used, where that differs from the
default. Products of float32 are in float32: TF32 is off, as PyTorch has it by default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from accelml.bench.contestant import Entry, peer
from accelml.bench.ours import ROOMS, import_entry, small_entry, small_estimator
from accelml.bench.tasks import (
    DescentTask,
    GaussianTask,
    KMeansTask,
    LeastSquaresTask,
    LogisticTask,
    PerceptronTask,
    SmallTask,
    ThresholdTask,
)

SCIKIT_LEARN, INTELEX, TORCH, JAX = "scikit-learn", "scikit-learn-intelex", "PyTorch", "JAX"


def of_model(model: Any, answer: Callable[[], Any], *data: Any) -> Entry:
    """The ``fit`` of a model in scikit-learn's style."""
    return Entry(
        lambda: model.fit(*data), answer, set_iterations=lambda n: model.set_params(max_iter=n)
    )


# k-means


def kmeans_model(KMeans: Any, task: KMeansTask, **settings: Any) -> Entry:
    """A model of scikit-learn's kind."""
    model = KMeans(
        len(task.init), init=task.init, n_init=1, max_iter=task.iterations, tol=0, **settings
    )
    return of_model(model, lambda: model.cluster_centers_, task.X)


@peer("kmeans", SCIKIT_LEARN, "sklearn")
def _(task: KMeansTask) -> Entry:
    from sklearn.cluster import KMeans

    return kmeans_model(KMeans, task)


@peer("kmeans", f"{SCIKIT_LEARN}, Elkan", "sklearn")
def _(task: KMeansTask) -> Entry:
    from sklearn.cluster import KMeans

    return kmeans_model(KMeans, task, algorithm="elkan")


@peer("kmeans", INTELEX, "sklearnex")
def _(task: KMeansTask) -> Entry:
    from sklearnex.cluster import KMeans

    return kmeans_model(KMeans, task)


@peer("kmeans", "faiss", "faiss")
def _(task: KMeansTask) -> Entry:
    import faiss

    n, d = task.X.shape
    model = faiss.Kmeans(
        d, len(task.init), niter=task.iterations, min_points_per_centroid=1,
        max_points_per_centroid=n, seed=1,
    )  # fmt: skip
    return Entry(lambda: model.train(task.X, init_centroids=task.init), lambda: model.centroids)


def torch_kmeans(task: KMeansTask, device: str, compiled: bool = False) -> Entry:
    """Lloyd's iterations over blocks of rows."""
    import torch

    found: dict[str, Any] = {}

    def nearest(X: Any, centers: Any) -> Any:
        return torch.argmin((centers * centers).sum(1) - 2 * X @ centers.T, dim=1)

    step = torch.compile(nearest) if compiled else nearest

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        synchronize(device)

    @torch.no_grad()
    def fit() -> None:
        X, centers = found["X"], torch.from_numpy(task.init).to(device)
        for _ in range(task.iterations):
            sums, counts = torch.zeros_like(centers), centers.new_zeros(len(centers))
            for block in X.split(2**16):
                labels = step(block, centers)
                sums.index_add_(0, labels, block)
                counts += torch.bincount(labels, minlength=len(centers))
            centers = torch.where(counts[:, None] > 0, sums / counts[:, None], centers)
        found["centers"] = centers
        synchronize(device)

    return Entry(fit, lambda: found["centers"].cpu().numpy(), place)


def synchronize(device: str) -> None:
    """Wait for the GPU."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


@peer("kmeans", TORCH, "torch")
def _(task: KMeansTask) -> Entry:
    return torch_kmeans(task, "cpu")


@peer("kmeans", f"{TORCH}, GPU", "torch", gpu=True)
def _(task: KMeansTask) -> Entry:
    return torch_kmeans(task, "cuda", compiled=True)


@peer("kmeans", "flash-kmeans", "flash_kmeans", "torch", gpu=True)
def _(task: KMeansTask) -> Entry:
    import torch
    from flash_kmeans import batch_kmeans_Euclid

    found: dict[str, Any] = {}

    def place() -> None:
        found["X"] = torch.from_numpy(task.X[None]).cuda()
        found["init"] = torch.from_numpy(task.init[None]).cuda()
        torch.cuda.synchronize()

    def fit() -> None:
        _, found["centers"], _ = batch_kmeans_Euclid(
            found["X"], len(task.init), tol=0.0, max_iters=task.iterations,
            init_centroids=found["init"],
        )  # fmt: skip
        torch.cuda.synchronize()

    return Entry(fit, lambda: found["centers"][0].float().cpu().numpy(), place)


# Logistic regression


def logistic_model(LogisticRegression: Any, task: LogisticTask) -> Entry:
    """A model of scikit-learn's kind."""
    model = LogisticRegression(C=task.C, tol=1e-12, max_iter=task.iterations)
    return of_model(model, lambda: (model.coef_.T, model.intercept_), task.X, task.y)


@peer("logistic", SCIKIT_LEARN, "sklearn")
def _(task: LogisticTask) -> Entry:
    from sklearn.linear_model import LogisticRegression

    return logistic_model(LogisticRegression, task)


@peer("logistic", f"{SCIKIT_LEARN}, one thread for SciPy", "sklearn", "threadpoolctl")
def _(task: LogisticTask) -> Entry:
    import threadpoolctl
    from sklearn.linear_model import LogisticRegression

    # NumPy's BLAS and SciPy's each have threads of their own, which get in each other's way.
    pools = threadpoolctl.threadpool_info()
    scipys = [pool["prefix"] for pool in pools if "scipy" in pool["filepath"].lower()]
    threadpoolctl.threadpool_limits(dict.fromkeys(scipys, 1))
    return logistic_model(LogisticRegression, task)


@peer("logistic", INTELEX, "sklearnex")
def _(task: LogisticTask) -> Entry:
    from sklearnex.linear_model import LogisticRegression

    return logistic_model(LogisticRegression, task)


def torch_logistic(task: LogisticTask, device: str, compiled: bool) -> Entry:
    """L-BFGS with a strong Wolfe line search, on the gradient by autograd."""
    import torch

    found: dict[str, Any] = {"iterations": task.iterations}
    classes = int(task.y.max()) + 1

    def objective(X: Any, y: Any, W: Any, b: Any) -> Any:
        loss = torch.nn.functional.cross_entropy(torch.addmm(b, X, W), y)
        return loss + (W * W).sum() / (2 * task.C * len(X))

    value = torch.compile(objective) if compiled else objective

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        found["y"] = torch.from_numpy(task.y).to(device)
        synchronize(device)

    def fit() -> None:
        X, y = found["X"], found["y"]
        W = torch.zeros(X.shape[1], classes, device=device, requires_grad=True)
        b = torch.zeros(classes, device=device, requires_grad=True)
        limit = found["iterations"]
        optimizer = torch.optim.LBFGS(
            [W, b], max_iter=limit, max_eval=2 * limit, history_size=10, tolerance_grad=1e-12,
            tolerance_change=0, line_search_fn="strong_wolfe",
        )  # fmt: skip

        def closure() -> Any:
            optimizer.zero_grad()
            loss = value(X, y, W, b)
            loss.backward()
            return loss

        optimizer.step(closure)
        found["answer"] = (W.detach().cpu().numpy(), b.detach().cpu().numpy())
        synchronize(device)

    return Entry(fit, lambda: found["answer"], place, lambda n: found.__setitem__("iterations", n))


@peer("logistic", TORCH, "torch")
def _(task: LogisticTask) -> Entry:
    return torch_logistic(task, "cpu", compiled=False)


@peer("logistic", f"{TORCH}, compiled", "torch")
def _(task: LogisticTask) -> Entry:
    return torch_logistic(task, "cpu", compiled=True)


@peer("logistic", f"{TORCH}, GPU, compiled", "torch", gpu=True)
def _(task: LogisticTask) -> Entry:
    return torch_logistic(task, "cuda", compiled=True)


@peer("logistic", f"{JAX}, optax", "jax", "optax")
def _(task: LogisticTask) -> Entry:
    import jax
    import jax.numpy as jnp
    import optax

    found: dict[str, Any] = {"iterations": task.iterations}
    classes = int(task.y.max()) + 1
    optimizer = optax.lbfgs(memory_size=10)

    def objective(params: Any, X: Any, y: Any) -> Any:
        scores = X @ params["W"] + params["b"]
        loss = optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()
        return loss + (params["W"] ** 2).sum() / (2 * task.C * len(X))

    @jax.jit
    def run(X: Any, y: Any, iterations: Any) -> Any:
        def value(params: Any) -> Any:
            return objective(params, X, y)

        value_and_grad = optax.value_and_grad_from_state(value)

        def step(_: Any, carry: Any) -> Any:
            params, state = carry
            loss, grad = value_and_grad(params, state=state)
            updates, state = optimizer.update(
                grad, state, params, value=loss, grad=grad, value_fn=value
            )
            return optax.apply_updates(params, updates), state

        params = {"W": jnp.zeros((X.shape[1], classes)), "b": jnp.zeros(classes)}
        return jax.lax.fori_loop(0, iterations, step, (params, optimizer.init(params)))[0]

    def place() -> None:
        found["data"] = jax.block_until_ready((jnp.asarray(task.X), jnp.asarray(task.y)))

    def fit() -> None:
        found["answer"] = jax.block_until_ready(run(*found["data"], found["iterations"]))

    def answer() -> Any:
        return np.asarray(found["answer"]["W"]), np.asarray(found["answer"]["b"])

    return Entry(fit, answer, place, lambda n: found.__setitem__("iterations", n))


# The perceptron


@peer("perceptron", SCIKIT_LEARN, "sklearn")
def _(task: PerceptronTask) -> Entry:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        task.hidden, batch_size=task.batch, max_iter=task.epochs, n_iter_no_change=task.epochs,
        random_state=0,
    )  # fmt: skip
    return of_model(model, lambda: (model.coefs_, model.intercepts_), task.X, task.y)


def torch_network(task: PerceptronTask, device: str) -> Any:
    """Layers with scikit-learn's initial weights."""
    import torch

    torch.manual_seed(0)
    layers: list[Any] = []
    for inputs, outputs in zip(task.sizes[:-1], task.sizes[1:], strict=True):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        torch.nn.init.xavier_uniform_(layers[-2].weight)
    return torch.nn.Sequential(*layers[:-1]).to(device)


def torch_weights(network: Any) -> tuple[list[Any], list[Any]]:
    """What the judge wants of a network."""
    linear = list(network)[::2]
    return (
        [layer.weight.detach().T.cpu().numpy() for layer in linear],
        [layer.bias.detach().cpu().numpy() for layer in linear],
    )


@peer("perceptron", TORCH, "torch")
def _(task: PerceptronTask) -> Entry:
    import torch

    network = torch_network(task, "cpu")
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(task.X), torch.from_numpy(task.y))

    def fit() -> None:
        network.load_state_dict(torch_network(task, "cpu").state_dict())
        optimizer = torch.optim.Adam(network.parameters())
        loader = torch.utils.data.DataLoader(pairs, batch_size=task.batch, shuffle=True)
        for _ in range(task.epochs):
            for X, y in loader:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(X), y).backward()
                optimizer.step()

    return Entry(fit, lambda: torch_weights(network))


def torch_perceptron(task: PerceptronTask, device: str, mode: str = "") -> Entry:
    """Batches gathered by index, a fused optimizer, and the step compiled if a mode is given."""
    import torch

    network = torch_network(task, device)
    found: dict[str, Any] = {}

    def loss_of(X: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(X), y)

    value = torch.compile(loss_of, mode=mode) if mode else loss_of

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        found["y"] = torch.from_numpy(task.y).to(device)
        synchronize(device)

    def fit() -> None:
        network.load_state_dict(torch_network(task, device).state_dict())
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        X, y = found["X"], found["y"]
        for _ in range(task.epochs):
            for rows in torch.randperm(len(X), device=device).split(task.batch):
                optimizer.zero_grad(set_to_none=True)
                value(X[rows], y[rows]).backward()
                optimizer.step()
        synchronize(device)

    return Entry(fit, lambda: torch_weights(network), place)


@peer("perceptron", f"{TORCH}, fused Adam", "torch")
def _(task: PerceptronTask) -> Entry:
    return torch_perceptron(task, "cpu")


@peer("perceptron", f"{TORCH}, fused Adam, compiled", "torch")
def _(task: PerceptronTask) -> Entry:
    return torch_perceptron(task, "cpu", "default")


@peer("perceptron", f"{TORCH}, GPU", "torch", gpu=True)
def _(task: PerceptronTask) -> Entry:
    return torch_perceptron(task, "cuda")


@peer("perceptron", f"{TORCH}, GPU, compiled with CUDA graphs", "torch", gpu=True)
def _(task: PerceptronTask) -> Entry:
    return torch_perceptron(task, "cuda", "reduce-overhead")


def optax_perceptron(task: PerceptronTask, whole_epochs: bool) -> Entry:
    """Adam, a jitted step at a time, or a scan over the batches of an epoch."""
    import jax
    import jax.numpy as jnp
    import optax

    optimizer = optax.adam(1e-3)
    found: dict[str, Any] = {}
    batches = len(task.X) // task.batch

    def objective(params: Any, X: Any, y: Any) -> Any:
        for layer, (W, b) in enumerate(params):
            X = (jax.nn.relu(X) if layer else X) @ W + b
        return optax.softmax_cross_entropy_with_integer_labels(X, y).mean()

    def step(params: Any, state: Any, X: Any, y: Any, rows: Any) -> Any:
        grad = jax.grad(objective)(params, X[rows], y[rows])
        updates, state = optimizer.update(grad, state)
        return optax.apply_updates(params, updates), state

    def epoch(params: Any, state: Any, X: Any, y: Any, order: Any) -> Any:
        def body(carry: Any, rows: Any) -> Any:
            params, state = carry
            return step(params, state, X, y, rows), None

        return jax.lax.scan(body, (params, state), order)[0]

    compiled = jax.jit(epoch if whole_epochs else step, donate_argnums=(0, 1))

    def place() -> None:
        found["data"] = jax.block_until_ready((jnp.asarray(task.X), jnp.asarray(task.y)))

    def fit() -> None:
        rng = np.random.default_rng(0)
        params = []
        for a, b in zip(task.sizes[:-1], task.sizes[1:], strict=True):
            bound = np.sqrt(6 / (a + b))
            W = rng.uniform(-bound, bound, (a, b)).astype(np.float32)
            params.append((jnp.asarray(W), jnp.zeros(b)))
        state = optimizer.init(params)
        for _ in range(task.epochs):
            order = rng.permutation(len(task.X))[: batches * task.batch]
            order = order.reshape(batches, task.batch)
            for rows in [order] if whole_epochs else order:
                params, state = compiled(params, state, *found["data"], rows)
        found["params"] = jax.block_until_ready(params)

    def answer() -> Any:
        return [np.asarray(W) for W, _ in found["params"]], [
            np.asarray(b) for _, b in found["params"]
        ]

    return Entry(fit, answer, place)


@peer("perceptron", f"{JAX}, optax", "jax", "optax")
def _(task: PerceptronTask) -> Entry:
    return optax_perceptron(task, whole_epochs=False)


@peer("perceptron", f"{JAX}, optax, an epoch one scan", "jax", "optax")
def _(task: PerceptronTask) -> Entry:
    return optax_perceptron(task, whole_epochs=True)


# Least squares


@peer("least-squares", SCIKIT_LEARN, "sklearn")
def _(task: LeastSquaresTask) -> Entry:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression()
    return of_model(model, lambda: (model.coef_, model.intercept_), task.X, task.y)


@peer("least-squares", INTELEX, "sklearnex")
def _(task: LeastSquaresTask) -> Entry:
    from sklearnex.linear_model import LinearRegression

    model = LinearRegression()
    return of_model(model, lambda: (model.coef_, model.intercept_), task.X, task.y)


def torch_least_squares(task: LeastSquaresTask, device: str) -> Entry:
    """By QR, the default driver that every device has, on centred columns."""
    import torch

    found: dict[str, Any] = {}

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        found["y"] = torch.from_numpy(task.y).to(device)
        synchronize(device)

    def fit() -> None:
        X, y = found["X"], found["y"]
        mean, level = X.mean(0), y.mean()
        w = torch.linalg.lstsq(X - mean, (y - level)[:, None], driver="gels").solution[:, 0]
        found["answer"] = w.cpu().numpy(), float(level - mean @ w)

    return Entry(fit, lambda: found["answer"], place)


@peer("least-squares", TORCH, "torch")
def _(task: LeastSquaresTask) -> Entry:
    return torch_least_squares(task, "cpu")


@peer("least-squares", f"{TORCH}, GPU", "torch", gpu=True)
def _(task: LeastSquaresTask) -> Entry:
    return torch_least_squares(task, "cuda")


# Gradient descent


def torch_descent(task: DescentTask, device: str, compiled: bool) -> Entry:
    """The two products of the gradient, written out."""
    import torch

    found: dict[str, Any] = {}

    def advance(X: Any, y: Any, w: Any, b: Any) -> Any:
        residual = X @ w + b - y
        return w - task.step / len(X) * (X.T @ residual), b - task.step * residual.mean()

    step = torch.compile(advance) if compiled else advance

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        found["y"] = torch.from_numpy(task.y).to(device)
        synchronize(device)

    @torch.no_grad()
    def fit() -> None:
        X, y = found["X"], found["y"]
        w, b = torch.zeros(X.shape[1], device=device), torch.zeros((), device=device)
        for _ in range(task.iterations):
            w, b = step(X, y, w, b)
        found["answer"] = w.cpu().numpy(), float(b)

    return Entry(fit, lambda: found["answer"], place)


@peer("descent", TORCH, "torch")
def _(task: DescentTask) -> Entry:
    return torch_descent(task, "cpu", compiled=False)


@peer("descent", f"{TORCH}, compiled", "torch")
def _(task: DescentTask) -> Entry:
    return torch_descent(task, "cpu", compiled=True)


@peer("descent", f"{TORCH}, GPU, compiled", "torch", gpu=True)
def _(task: DescentTask) -> Entry:
    return torch_descent(task, "cuda", compiled=True)


@peer("descent", f"{JAX}, optax", "jax", "optax")
def _(task: DescentTask) -> Entry:
    import jax
    import jax.numpy as jnp
    import optax

    found: dict[str, Any] = {}
    optimizer = optax.sgd(task.step)

    def objective(params: Any, X: Any, y: Any) -> Any:
        return 0.5 * jnp.mean((X @ params[0] + params[1] - y) ** 2)

    @jax.jit
    def run(X: Any, y: Any) -> Any:
        def step(_: Any, carry: Any) -> Any:
            params, state = carry
            updates, state = optimizer.update(jax.grad(objective)(params, X, y), state)
            return optax.apply_updates(params, updates), state

        params = (jnp.zeros(X.shape[1]), jnp.zeros(()))
        return jax.lax.fori_loop(0, task.iterations, step, (params, optimizer.init(params)))[0]

    def place() -> None:
        found["data"] = jax.block_until_ready((jnp.asarray(task.X), jnp.asarray(task.y)))

    def fit() -> None:
        found["answer"] = jax.block_until_ready(run(*found["data"]))

    return Entry(fit, lambda: (np.asarray(found["answer"][0]), float(found["answer"][1])), place)


# The Gaussian


@peer("gaussian", f"{SCIKIT_LEARN}, GaussianNB", "sklearn")
def _(task: GaussianTask) -> Entry:
    from sklearn.naive_bayes import GaussianNB

    scores: list[Any] = []
    model, one_class = GaussianNB(), np.zeros(len(task.X), dtype=int)

    def fit() -> None:
        scores[:] = [model.fit(task.X, one_class).predict_joint_log_proba(task.X)[:, 0]]

    return Entry(fit, lambda: scores[0])


def torch_gaussian(task: GaussianTask, device: str, compiled: bool) -> Entry:
    """Moments and densities, written out."""
    import torch

    found: dict[str, Any] = {}

    def score(X: Any) -> Any:
        variance, mean = torch.var_mean(X, 0, correction=0)
        constant = torch.log(2 * torch.pi * variance).sum()
        return -0.5 * (((X - mean) ** 2 / variance).sum(1) + constant)

    function = torch.compile(score) if compiled else score

    def place() -> None:
        found["X"] = torch.from_numpy(task.X).to(device)
        synchronize(device)

    @torch.no_grad()
    def fit() -> None:
        found["answer"] = function(found["X"])
        synchronize(device)

    return Entry(fit, lambda: found["answer"].cpu().numpy(), place)


@peer("gaussian", TORCH, "torch")
def _(task: GaussianTask) -> Entry:
    return torch_gaussian(task, "cpu", compiled=False)


@peer("gaussian", f"{TORCH}, compiled", "torch")
def _(task: GaussianTask) -> Entry:
    return torch_gaussian(task, "cpu", compiled=True)


@peer("gaussian", f"{TORCH}, GPU, compiled", "torch", gpu=True)
def _(task: GaussianTask) -> Entry:
    return torch_gaussian(task, "cuda", compiled=True)


# The threshold of highest F1


@peer("threshold", SCIKIT_LEARN, "sklearn")
def _(task: ThresholdTask) -> Entry:
    from sklearn.metrics import precision_recall_curve

    found: list[Any] = []

    def fit() -> None:
        precision, recall, thresholds = precision_recall_curve(task.is_anomaly, -task.scores)
        with np.errstate(invalid="ignore"):
            f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
        # It takes what is at or above as found; ours, what lies below.
        found[:] = [np.nextafter(-thresholds[np.argmax(f1[:-1])], np.float32(np.inf))]

    return Entry(fit, lambda: found[0])


def torch_threshold(task: ThresholdTask, device: str) -> Entry:
    """A sort and cumulative sums."""
    import torch

    found: dict[str, Any] = {}

    def place() -> None:
        found["scores"] = torch.from_numpy(task.scores).to(device)
        found["wanted"] = torch.from_numpy(task.is_anomaly).to(device)
        synchronize(device)

    def fit() -> None:
        scores, order = torch.sort(found["scores"])
        hits = torch.cumsum(found["wanted"][order], 0)
        alarms = torch.arange(1, len(scores) + 1, device=device)
        f1 = 2 * hits / (alarms + hits[-1])
        last_of_its_value = torch.ones_like(found["wanted"])
        last_of_its_value[:-1] = scores[1:] != scores[:-1]
        best = scores[torch.argmax(torch.where(last_of_its_value, f1, -1.0))]
        found["answer"] = np.nextafter(np.float32(best.cpu()), np.float32(np.inf))

    return Entry(fit, lambda: found["answer"], place)


@peer("threshold", TORCH, "torch")
def _(task: ThresholdTask) -> Entry:
    return torch_threshold(task, "cpu")


@peer("threshold", f"{TORCH}, GPU", "torch", gpu=True)
def _(task: ThresholdTask) -> Entry:
    return torch_threshold(task, "cuda")


# Small work, and the import


@peer("small", SCIKIT_LEARN, "sklearn")
def _(task: SmallTask) -> Entry:
    name = {"GaussianAnomalyDetector": "GaussianNB"}.get(task.estimator, task.estimator)
    return small_entry(small_estimator(name, "sklearn"), task)


@peer("import", SCIKIT_LEARN, "sklearn")
def _(task: SmallTask) -> Entry:
    return import_entry(*(f"sklearn.{room}" for room in (*ROOMS, "covariance")))
