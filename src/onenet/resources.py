"""Where the files lie that ship with the package but are not Python modules.

A wheel carries them inside the package; a checkout keeps them at the repository root.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def migrations_dir() -> Path:
    """The folder with Alembic's `env.py` and `versions/`.

    Raises: FileNotFoundError when the installation is incomplete.
    """
    return _first_folder(_PACKAGE / "migrations", _CHECKOUT / "migrations")


def example_catalogue_dir() -> Path:
    """The folder with the example jurisdictions, departments, items and bundles.

    Raises: FileNotFoundError when the installation is incomplete.
    """
    return _first_folder(_PACKAGE / "catalogue_examples", _CHECKOUT / "catalogue")


def example_descriptions_dir() -> Path:
    """The folder with example descriptions of departments' own APIs, and a sample of a task's sheet.

    Raises: FileNotFoundError when the installation is incomplete.
    """
    return _first_folder(_PACKAGE / "description_examples", _CHECKOUT / "descriptions")


def _first_folder(packaged: Path, in_checkout: Path) -> Path:
    for folder in (packaged, in_checkout):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"onenet is installed without its folder {packaged.name!r}; install it again")
