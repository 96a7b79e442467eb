"""The settings that come from the environment."""

from pathlib import Path

import pytest

from samlet import settings
from samlet.errors import ProjectError


def test_without_settings_the_usual_ports_count() -> None:
    read = settings.read({})
    assert read.ports == {
        "api": 3000,
        "lambda": 3001,
        "web": 8080,
        "console": 9000,
        "smtp": 1025,
        "postgres": 54320,
        "kafka": 19092,
    }
    assert read.state_beside(Path("/p")) == Path("/p/.samlet")
    assert read.max_sandboxes is None


def test_each_setting_is_read() -> None:
    read = settings.read(
        {
            "SAMLET_API_PORT": "0",
            "SAMLET_STATE_DIR": "/somewhere",
            "SAMLET_MAX_SANDBOXES": "7",
            "DATABASE_ADMIN_URL": "postgresql://u@h/d",
            "KAFKA_BOOTSTRAP_SERVERS": "",
        }
    )
    assert read.ports["api"] == 0
    assert read.state_beside(Path("/p")) == Path("/somewhere")
    assert read.max_sandboxes == 7
    assert read.database_admin_url == "postgresql://u@h/d"
    assert read.kafka_bootstrap_servers is None


@pytest.mark.parametrize("value", ["x", "-1", "65536", "3.5", "²"])
def test_a_bad_value_is_an_error_that_names_the_setting(value: str) -> None:
    with pytest.raises(ProjectError, match="SAMLET_WEB_PORT must be a whole number from 0 to 65535"):
        settings.read({"SAMLET_WEB_PORT": value})


def test_no_sandboxes_at_all_is_refused() -> None:
    with pytest.raises(ProjectError, match="SAMLET_MAX_SANDBOXES"):
        settings.read({"SAMLET_MAX_SANDBOXES": "0"})
