"""The same tests once more: with the other distribution of Kafka's client, and with the other Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from other_environments import with_other_client, with_other_python
from samlet.runtime import interpreters
from servers import CHECKOUT

HERE = sys.version_info[:2]
OTHER = (3, 12) if HERE == (3, 13) else (3, 13)
OF_THE_CLIENT = (
    "tests/integration/test_kafka.py",
    "tests/integration/test_relay.py::test_g2_a_failed_first_send_holds_back_the_rest_of_its_key_and_nothing_else",
    "tests/integration/test_relay.py::test_g2_an_outage_of_the_broker_uses_up_no_attempts",
    "tests/integration/test_tls.py::test_events_go_out_encrypted_by_a_user_with_a_password",
    "tests/integration/test_tls.py::test_a_broker_signed_by_a_stranger_is_refused",
    "tests/integration/test_tls.py::test_a_broker_under_another_name_is_refused",
    "tests/integration/test_tls.py::test_a_broker_refuses_a_wrong_password_and_a_plain_client",
    "tests/samlet/sources/test_kafka_backlog.py",
    "tests/samlet/sources/test_kafka_hasty_polls.py",
    "tests/samlet/sources/test_kafka_positions.py",
    "tests/samlet/sources/test_kafka_rebalances.py",
    "tests/samlet/sources/test_kafka_topics.py",
    "tests/samlet/sources/test_kafka_ways_in.py",
    "tests/samlet/test_kafka_client.py",
)
OF_THE_LANGUAGE = (
    "tests/unit",
    "tests/integration/test_tasks.py",
    "tests/integration/test_kafka.py",
    "tests/integration/test_nightly_digest.py::test_g4_the_same_slot_fired_again_requests_nothing",
    "tests/samlet/template",
)
CLIENT = "import kafka; print(kafka.__version__.split('.')[0], kafka.__file__)"
# These read files of the project rather than run its code. What a door imports (light_imports) stands in our code, the
# same in each Python; a reference (aws_references) is read by the AWS SDK, from a moto that takes seconds to load.
OF_NO_LANGUAGE = (
    "aws_references", "compose_file", "dashboards", "deploy*", "docs", "iac", "light_imports", "parity", "permissions",
    "release_notes", "runbooks", "web_headers", "workflows",
)  # fmt: skip

# kafka-python 3 leaves sockets of its own to the garbage collector, which is not ours to mend.
UNCLOSED = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def run(python: Path, servers: Path, tests: tuple[str, ...], *options: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-cov", *options, *tests],
        cwd=CHECKOUT,
        env=kept | {"TEST_SERVERS": str(servers)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_other_kafka_client_does_the_same(run_folder: Path, kafka: str, postgres_server: object) -> None:
    python = with_other_client()
    told = subprocess.run([python, "-c", CLIENT], capture_output=True, text=True, check=True).stdout.split()
    assert told[0] == "3"
    assert Path(told[1]).is_relative_to(python.parents[1])
    run(python, run_folder, OF_THE_CLIENT, *UNCLOSED)


def test_the_other_python_does_the_same(run_folder: Path, kafka: str, postgres_server: object) -> None:
    found = interpreters.find(f"python{OTHER[0]}.{OTHER[1]}")
    if found.version != OTHER:
        pytest.skip(f"NO PYTHON {OTHER[0]}.{OTHER[1]} ON THIS MACHINE: the tests ran with {HERE[0]}.{HERE[1]} alone")
    ignored = [f"--ignore-glob=tests/unit/test_{name}.py" for name in OF_NO_LANGUAGE]
    run(with_other_python(found.path), run_folder, OF_THE_LANGUAGE, *ignored)
