"""Where the development chain's program, anvil, is found, and how it is fetched.

Not here: starting and stopping it (`devnet`).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import platformdirs

from pekanu.errors import ChainError

ANVIL_VERSION: Final = "1.7.1"
#: The platforms with a native package.
PLATFORMS: Final = frozenset(
    {"darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "win32-amd64"}
)
#: Digests that `package-lock.json` pins too; elsewhere npm checks against the registry alone.
INTEGRITY: Final = {
    "linux-amd64": (
        "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/"
        "ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg=="
    ),
}
_ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


class AnvilMissing(ChainError):
    """The development chain's program is not on this machine."""


def get_platform() -> str:
    """Return this machine as the packages name it, such as ``linux-amd64``."""
    machine = platform.machine().lower()
    return f"{sys.platform}-{_ARCHITECTURES.get(machine, machine)}"


def get_cache_folder() -> Path:
    """Return the folder under which a fetched anvil is kept."""
    return Path(platformdirs.user_cache_dir("pekanu")) / f"anvil-{ANVIL_VERSION}"


def find_anvil(given: str | Path | None = None) -> Path:
    """Return the path of anvil's native binary.

    Looked up in order: the argument, PEKANU_ANVIL, PATH, node_modules beside the package, the
    cache that `fetch_anvil` fills.

    Raises:
        AnvilMissing: It is nowhere, or what was given is no program.
    """
    chosen = given or os.environ.get("PEKANU_ANVIL")
    if chosen:
        program = shutil.which(chosen)
        if program is None:
            raise AnvilMissing(f"{str(chosen)!r} is not a program", hint="give the path of anvil")
        return Path(program)
    on_path = shutil.which("anvil")
    if on_path and not _is_script(Path(on_path)):
        return Path(on_path)
    for folder in (Path(__file__).resolve().parents[3], Path.cwd(), get_cache_folder()):
        path = _binary_in(folder)
        if path.is_file():
            return path
    raise AnvilMissing(
        "anvil, the development chain, is not installed",
        hint="run `npm ci` beside package.json, set PEKANU_ANVIL, or let `pekanu devnet` fetch it",
    )


def fetch_anvil(consent: Callable[[str], bool], folder: Path | None = None) -> Path:
    """Return the path of anvil after fetching it from the npm registry.

    Args:
        consent: Asked with one sentence that says what would be fetched; False stops.
        folder: Where it is kept; None takes the platform's cache.

    Raises:
        AnvilMissing: Consent was not given, there is no npm, no build for this machine, or what
            came has another digest than the pinned one.
    """
    target, name = folder or get_cache_folder(), get_platform()
    if name not in PLATFORMS:
        raise AnvilMissing(
            f"anvil has no build for {name}", hint="build it and set PEKANU_ANVIL to its path"
        )
    npm = _find_npm()
    package = f"@foundry-rs/anvil-{name}"
    if not consent(f"Fetch {package} {ANVIL_VERSION} (about 44 MB) with npm into {target}?"):
        raise AnvilMissing("anvil was not fetched", hint="set PEKANU_ANVIL to one that you have")
    target.mkdir(parents=True, exist_ok=True)
    manifest = {"name": "pekanu-devnet", "private": True, "dependencies": {package: ANVIL_VERSION}}
    pinned = {"version": ANVIL_VERSION}
    if name in INTEGRITY:
        pinned["integrity"] = INTEGRITY[name]
    packages = {"": manifest, f"node_modules/{package}": pinned}
    lock = {"name": "pekanu-devnet", "lockfileVersion": 3, "requires": True, "packages": packages}
    (target / "package.json").write_text(json.dumps(manifest))
    (target / "package-lock.json").write_text(json.dumps(lock))
    done = subprocess.run(  # noqa: S603 - npm, found on this machine, with fixed arguments
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not _binary_in(target).is_file():
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise AnvilMissing(f"npm could not fetch anvil: {last}")
    return _binary_in(target)


def _binary_in(folder: Path) -> Path:
    name = "anvil.exe" if sys.platform == "win32" else "anvil"
    return folder / "node_modules" / "@foundry-rs" / f"anvil-{get_platform()}" / "bin" / name


def _is_script(path: Path) -> bool:
    """Say whether a program is npm's shim, which leaves the real anvil alive when it is killed."""
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _find_npm() -> str:
    beside_python = Path(sys.executable).parent
    for folder in (None, str(beside_python)):
        npm = shutil.which("npm", path=folder)
        if npm:
            return npm
    raise AnvilMissing(
        "npm is needed to fetch anvil and is not here", hint="pip install 'pekanu[devnet]'"
    )
