"""Installs the peers, each from its own pinned packages, into .tools/peers; says which cannot be had, and why."""

import shutil
import subprocess
import sys
from pathlib import Path

from e2e.system import CHECKOUT

PROJECT = Path(__file__).with_name("project")
_FOLDER = CHECKOUT / ".tools" / "peers"
_SAM = CHECKOUT / ".tools" / "sam"
_PATIENCE = 300  # seconds for an installation
SAM_IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"


class Missing(Exception):
    """A peer, or a tool, that is not measured; the text says why and what would help."""


def wrk() -> str:
    """The load generator."""
    return _program("wrk", "the load generator; Debian and Homebrew have a package of that name")


def uvicorn() -> Path:
    """A folder for PYTHONPATH with uvicorn in it, and nothing that a function brings itself."""
    folder = _FOLDER / "uvicorn"
    requirements = Path(__file__).with_name("requirements.txt")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-input",
        "--target",
        str(folder),
        "-r",
        str(requirements),
    ]
    _once(folder, command, requirements)
    return folder


def serverless() -> Path:
    """A folder with serverless and serverless-offline, the project's files in it."""
    folder = _FOLDER / "serverless"
    npm = _program("npm", "Node.js with npm")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "serverless.yml", "plain.py"):
        shutil.copy(PROJECT / name, folder)
    # serverless-offline 14 asks for serverless 4, which asks for an account; with version 3 it works all the same.
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--legacy-peer-deps",
        "--prefix",
        str(folder),
    ]
    _once(folder, command, PROJECT / "package.json")
    return folder


def sam() -> Path:
    """AWS's command line."""
    program = _SAM / "bin" / "sam"
    if not program.exists():
        _run(["make", "-C", str(CHECKOUT), ".tools/sam/.done"], "aws-sam-cli")
    return program


def sam_in_docker() -> Path:
    """AWS's command line, where there is Docker and the image that it runs functions in."""
    docker = _program("docker", "Docker")
    if subprocess.run([docker, "info"], capture_output=True, timeout=20, check=False).returncode:
        raise Missing("Docker does not run")
    if subprocess.run([docker, "image", "inspect", SAM_IMAGE], capture_output=True, timeout=20, check=False).returncode:
        raise Missing(f"its image is not here; `docker pull {SAM_IMAGE}` gets it")
    return sam()


def emulator() -> Path:
    """AWS's own runtime interface emulator, which aws-sam-cli brings along."""
    sam()
    found = next(_SAM.glob("lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"), None)
    if found is None:
        raise Missing("aws-sam-cli brought no emulator for this machine")
    found.chmod(0o755)
    return found


def _program(name: str, what: str) -> str:
    found = shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed ({what})")
    return found


def _once(folder: Path, command: list[str], pins: Path) -> None:
    """Install, unless what is there came of the same pins."""
    done = folder / ".done"
    if not done.exists() or done.read_text() != pins.read_text():
        _run(command, folder.name)
        done.write_text(pins.read_text())


def _run(command: list[str], name: str) -> None:
    print(f"Installing {name} (once)", file=sys.stderr)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        raise Missing(f"it was not installed within {_PATIENCE} s") from late
    if done.returncode:
        raise Missing(f"it could not be installed: {(done.stderr or done.stdout).strip().splitlines()[-1][:200]}")
