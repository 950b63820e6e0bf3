"""``accelml predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def predict(
    model: Annotated[Path, typer.Argument(help="A file that 'accelml train --out' wrote.")],
    file: Annotated[Path, typer.Argument(help="The rows to predict: .csv, .npz or .parquet.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the CSV here, and not to standard output.")
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column proba_CLASS for each class.")
    ] = False,
    backend: Annotated[
        str | None, typer.Option(help="numpy, numba, jax, cupy or auto. Default: numpy.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Such as cpu, gpu or gpu:1.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Predict the class of each row of a file, with a model of any backend.

    Where the file has the column that the model was trained to predict, the accuracy is reported
    on standard error.
    """
    import numpy as np
    import pandas as pd

    from accelml.cli.console import complain, listed, note, print_json, require_folder, write_out
    from accelml.cli.tables import read_rows
    from accelml.persistence import load_model, read_header, write_whole
    from accelml.selection import resolve

    require_folder(out, "--out")
    chosen, choice = resolve("auto" if device and not backend else backend, device, None)
    estimator = load_model(model, backend=chosen.name, device=chosen.device)
    if not hasattr(estimator, "predict"):
        raise ValueError(f"{model}: holds no classifier, but a {type(estimator).__name__}")
    names = feature_names(estimator)
    target = read_header(model)["notes"].get("target") or None
    rows = read_rows(file, names, int(estimator.n_features_in_), target)
    if rows.extra:
        note(f"{file}: ignored the columns {listed(rows.extra)}, which the model does not know")
    X = with_names(rows.X, names)
    answers: dict[str, Any] = {"prediction": estimator.predict(X)}
    if proba:
        columns = estimator.predict_proba(X).T
        answers |= {
            f"proba_{label}": p for label, p in zip(estimator.classes_, columns, strict=True)
        }
    score = None if rows.y is None else float(np.mean(answers["prediction"] == rows.y))
    if score is not None:
        complain(f"accuracy on {len(rows.X)} rows: {score:.2%} (column {rows.target!r})")
    content = pd.DataFrame(answers).to_csv(index=False, lineterminator="\n")
    if out is not None:
        write_whole(out, content.encode())
    if as_json:
        print_json(
            {"model": model, "file": file, "backend": choice, "device": chosen.device}
            | {"n": len(rows.X), "accuracy": score, "out": out}
            | answers
        )
    elif out is None:
        write_out(content)


def with_names(X: Any, names: list[str] | None) -> Any:
    """The rows as the model wants them: columns with names if it was trained on such.

    The columns of a bare array are taken to be in the order of training.
    """
    import numpy as np
    import pandas as pd

    if names is None:
        return np.asarray(X)
    if isinstance(X, np.ndarray) and X.shape[1] == len(names):
        return pd.DataFrame(X, columns=names)
    return X


def feature_names(estimator: Any) -> list[str] | None:
    """The columns that a model was trained on, if they had names."""
    found = getattr(estimator, "feature_names_in_", None)
    return None if found is None else [str(name) for name in found]
