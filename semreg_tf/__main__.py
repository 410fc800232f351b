"""The command `semreg`, and `python -m semreg_tf`."""

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Runs the subcommand of the command line."""
    # First on the path, so that `import train` finds this project's.
    sys.path.insert(0, str(binaries_folder()))
    import_module("cli.semreg").main()


def binaries_folder() -> Path:
    """Returns the folder of `cli`, `data_prep`, `train` and `eval`.

    In a checkout they are beside the package; in an installed package they are in its subfolder
    `binaries`, where their general names do not collide with other packages.
    """
    package = Path(__file__).parent
    inside = package / "binaries"
    return inside if inside.is_dir() else package.parent


if __name__ == "__main__":
    main()
