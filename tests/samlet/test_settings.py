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
        "aws": 4566,
    }
    assert read.state_beside(Path("/p")) == Path("/p/.samlet")
    assert read.max_sandboxes is None
    assert (read.host, read.agent_port, read.api_url) == ("127.0.0.1", None, None)


def test_each_setting_is_read() -> None:
    read = settings.read(
        {
            "SAMLET_API_PORT": "0",
            "SAMLET_STATE_DIR": "/somewhere",
            "SAMLET_MAX_SANDBOXES": "7",
            "DATABASE_ADMIN_URL": "postgresql://u@h/d",
            "KAFKA_BOOTSTRAP_SERVERS": "",
            "SAMLET_HOST": "0.0.0.0",
            "SAMLET_AGENT_PORT": "3002",
            "SAMLET_AGENT_TOKEN_FILE": "/run/agent/token",
            "SAMLET_API_URL": "https://api.example.org/",
            "SAMLET_WEB_URL": "http://127.0.0.1:8080",
            "SAMLET_SECRETS_DIR": "/run/secrets",
            "DATABASE_ADMIN_PASSWORD_FILE": "/run/password",
            "MAILPIT_URL": "http://mailpit:8025",
            "AWS_ENDPOINT_URL": "http://moto:5000",
        }
    )
    assert read.ports["api"] == 0
    assert read.state_beside(Path("/p")) == Path("/somewhere")
    assert read.max_sandboxes == 7
    assert read.database_admin_url == "postgresql://u@h/d"
    assert read.kafka_bootstrap_servers is None
    assert (read.host, read.agent_port, read.agent_token_file) == ("0.0.0.0", 3002, Path("/run/agent/token"))
    assert (read.api_url, read.web_url) == ("https://api.example.org", "http://127.0.0.1:8080")
    assert (read.secrets_folder, read.database_admin_password_file) == (Path("/run/secrets"), Path("/run/password"))
    assert (read.mailpit_url, read.aws_endpoint_url) == ("http://mailpit:8025", "http://moto:5000")


@pytest.mark.parametrize("value", ["x", "-1", "65536", "3.5", "²"])
def test_a_bad_value_is_an_error_that_names_the_setting(value: str) -> None:
    with pytest.raises(ProjectError, match="SAMLET_WEB_PORT must be a whole number from 0 to 65535"):
        settings.read({"SAMLET_WEB_PORT": value})


def test_no_sandboxes_at_all_is_refused() -> None:
    with pytest.raises(ProjectError, match="SAMLET_MAX_SANDBOXES"):
        settings.read({"SAMLET_MAX_SANDBOXES": "0"})


@pytest.mark.parametrize("value", ["0", "65536", "3002a"])
def test_agents_cannot_dial_any_free_port(value: str) -> None:
    with pytest.raises(ProjectError, match="SAMLET_AGENT_PORT must be a whole number from 1 to 65535"):
        settings.read({"SAMLET_AGENT_PORT": value})


@pytest.mark.parametrize("value", ["localhost", "::", "0.0.0.0:3000", "1.2.3"])
def test_a_host_that_is_no_ipv4_address_is_refused(value: str) -> None:
    with pytest.raises(ProjectError, match="SAMLET_HOST must be an IPv4 address"):
        settings.read({"SAMLET_HOST": value})


@pytest.mark.parametrize("name", ["SAMLET_API_URL", "SAMLET_WEB_URL", "MAILPIT_URL", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "mailpit:8025",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host?query",
        "http://host:port",
        "http://[::1",
    ],
)
def test_an_address_that_is_no_origin_is_an_error_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(ProjectError, match=f"{name} must look like http://host:port"):
        settings.read({name: value})


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.2"])
def test_where_others_can_knock_agents_need_a_token(host: str) -> None:
    knocked = {"SAMLET_HOST": host, "SAMLET_AGENT_PORT": "3002"}
    with pytest.raises(ProjectError, match="needs SAMLET_AGENT_TOKEN_FILE"):
        settings.read(knocked)
    assert settings.read(knocked | {"SAMLET_AGENT_TOKEN_FILE": "/run/agent/token"}).agent_port == 3002
    assert settings.read({"SAMLET_AGENT_PORT": "3002"}).agent_token_file is None


def test_the_way_of_watching_is_one_of_two() -> None:
    assert not settings.read({}).watch_by_stat
    assert not settings.read({"SAMLET_WATCH": "kernel"}).watch_by_stat
    assert settings.read({"SAMLET_WATCH": "stat"}).watch_by_stat
    with pytest.raises(ProjectError, match="SAMLET_WATCH must be kernel or stat, not 'poll'"):
        settings.read({"SAMLET_WATCH": "poll"})
