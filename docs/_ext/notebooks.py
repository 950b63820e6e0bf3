"""The notebooks, which lie beside ``docs``, copied to where Sphinx finds them."""

import shutil
from pathlib import Path
from typing import Any


def copy(app: Any) -> None:
    """Bring ``docs/notebooks`` up to date; what is no longer there goes."""
    source = Path(app.srcdir).parent / "notebooks"
    target = Path(app.srcdir) / "notebooks"
    found = {path.relative_to(source) for path in source.glob("*/[0-9][0-9]_*.ipynb")}
    for old in target.glob("*/*.ipynb"):
        if old.relative_to(target) not in found:
            old.unlink()
    for path in found:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        if (
            not (target / path).exists()
            or (source / path).read_bytes() != (target / path).read_bytes()
        ):
            shutil.copyfile(source / path, target / path)


def setup(app: Any) -> dict[str, Any]:
    """Copy before Sphinx looks for pages."""
    app.connect("builder-inited", copy, priority=100)
    return {"parallel_read_safe": True}
