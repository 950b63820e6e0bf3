"""Find a dataset's files: the user's folder first, then the cache, then the public sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from accelml.datasets._download import DownloadFailed, download
from accelml.datasets._errors import DatasetCorrupt, DatasetUnavailable
from accelml.datasets._verify import Mismatch, RemoteFile, read_verified

DATA_DIR_VARIABLE = "ACCELML_DATA_DIR"


def read_files(
    files: Sequence[RemoteFile],
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> list[bytearray]:
    """Return the verified content of each file, downloading what is not on this machine.

    An explicit `data_home` outranks the environment: then only that folder is looked at.
    """
    cache = cache_folder(data_home)
    own = user_folder() if data_home is None else None
    contents, damage = _on_this_machine(files, own, cache)
    missing = [file for file in files if file not in contents]
    if missing and not download_if_missing:
        reasons = [*damage, "download_if_missing=False, so no download was tried."]
        raise DatasetUnavailable(_advice(missing, own, cache, reasons))
    while missing:
        try:
            contents[missing[0]] = download(missing[0], cache)
        except DownloadFailed as error:
            reasons = [*damage, *error.reasons]
            raise DatasetUnavailable(_advice(missing, own, cache, reasons)) from error
        del missing[0]
    return [contents[file] for file in files]


def cache_folder(data_home: str | os.PathLike[str] | None) -> Path:
    """Where downloads are kept: `data_home`, or the operating system's folder for caches."""
    if data_home is not None:
        return Path(data_home).expanduser()
    import pooch

    return Path(pooch.os_cache("accelml"))


def user_folder() -> Path | None:
    """Where the user says that the files already are; nothing is ever written there."""
    value = os.environ.get(DATA_DIR_VARIABLE)
    return Path(value).expanduser() if value else None


def find_copy(file: RemoteFile, *, data_home: str | os.PathLike[str] | None = None) -> Path | None:
    """The copy that would be read first, if there is one; what it holds is not looked at."""
    own = user_folder() if data_home is None else None
    for folder in (own, cache_folder(data_home)):
        for name in file.names:
            if folder and (folder / name).is_file():
                return folder / name
    return None


def _on_this_machine(
    files: Sequence[RemoteFile], own: Path | None, cache: Path
) -> tuple[dict[RemoteFile, bytearray], list[str]]:
    """Return what the folders hold of `files`, and what is wrong with the copies in the cache.

    A corrupt copy in the cache stays until a good one replaces it; one of the user's is refused.
    """
    contents, all_damage = {}, []
    for file in files:
        found = _in_user_folder(file, own) if own else None
        if found is None:
            found, damage = _look_in(cache, file)
            all_damage += damage
        if found is not None:
            contents[file] = found
    return contents, all_damage


def _in_user_folder(file: RemoteFile, folder: Path) -> bytearray | None:
    content, damage = _look_in(folder, file)
    if damage:
        raise DatasetCorrupt(
            "\n".join(damage) + f"\nThis is the folder that {DATA_DIR_VARIABLE} names, so it was "
            "left as it is. Replace the file, or remove it to have it downloaded to the cache."
        )
    return content


def _look_in(folder: Path, file: RemoteFile) -> tuple[bytearray | None, list[str]]:
    """Return the content of the first sound copy, else None and what is wrong with each copy."""
    damage = []
    for name in file.names:
        path = folder / name
        if path.is_file():
            try:
                return read_verified(path, file), []
            except Mismatch as error:
                damage.append(f"{path} is corrupt: {error}.")
    return None, damage


def _advice(
    missing: Sequence[RemoteFile], own: Path | None, cache: Path, reasons: Sequence[str]
) -> str:
    """Say what is missing, why, and what the user can do about it."""
    names = ", ".join(file.name for file in missing)
    places = [f"  {cache / file.names[0]}" for file in missing]
    if own:
        where = f"or in the folder that {DATA_DIR_VARIABLE} names, which lacks them:"
        places += [where, *(f"  {own / file.names[0]}" for file in missing)]
    else:
        where = f"or set {DATA_DIR_VARIABLE} to a folder that holds them as"
        places += [where, *(f"  {file.names[0]}" for file in missing)]
    return "\n".join(
        [
            f"{names} could not be loaded:",
            *(f"  {reason}" for reason in reasons),
            "Put the files there by hand, with or without .gz:",
            *places,
            "They are published at:",
            *(f"  {url}" for file in missing for url in file.urls),
        ]
    )
