"""Programs that a deploy runs: the SAM CLI and the smoke test."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.faults import Stopped
from deploy.stages import CHECKOUT

_SAM = CHECKOUT / ".tools" / "sam" / "bin" / "sam"
_BUILT = CHECKOUT / ".aws-sam" / "build" / "template.yaml"
_PACKAGED = CHECKOUT / ".aws-sam" / "packaged.json"
_SAM_ENVIRONMENT = {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(CHECKOUT / ".tools" / "sam-notes")}


@dataclass(frozen=True)
class Tools:
    """Each ends the deploy where its program fails; what the program has to say stands above that."""

    region: str

    def package(self, prefix: str, bucket: str | None) -> dict[str, Any]:
        """Upload what `make build` made; gives template.yaml with the addresses. Without a bucket SAM keeps one."""
        where = ["--s3-bucket", bucket] if bucket else ["--resolve-s3"]
        arguments: list[str | Path] = [
            "package",
            "--template-file",
            _BUILT,
            "--s3-prefix",
            prefix,
            *where,
            "--region",
            self.region,
        ]
        output: list[str | Path] = ["--output-template-file", _PACKAGED, "--use-json", "--no-progressbar"]
        self._run([_SAM, *arguments, *output], _SAM_ENVIRONMENT, "the functions could not be uploaded")
        packaged: dict[str, Any] = json.loads(_PACKAGED.read_text(encoding="utf-8"))
        return packaged

    def is_in_layer(self, path: str) -> bool:
        """Whether the layer was built with a file that functions see at that path."""
        return (_BUILT.parent / "CommonLayer" / Path(path).relative_to("/opt")).is_file()

    def smoke(self, url: str) -> None:
        """Use the service for one short day."""
        self._run([sys.executable, "-m", "smoke", url], {"PYTHONPATH": str(CHECKOUT / "tests")}, f"{url} does not work")

    def _run(self, command: Sequence[str | Path], environment: Mapping[str, str], fault: str) -> None:
        try:
            subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **environment}, check=True)
        except FileNotFoundError as error:
            raise Stopped(f"{error.filename} is not there. Run this as make deploy, which installs it.") from error
        except subprocess.CalledProcessError as error:
            raise Stopped(f"{fault} (see above). Mend that, then run the same command again.") from error
