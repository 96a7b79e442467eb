"""Settings are typed, complete, and never show their values."""

import pytest

from taskflow.settings import DatabaseSettings, Environment, KafkaSettings, SettingError

DATABASE = {"DATABASE_URL": "postgresql://taskflow_auth@db:5432/taskflow", "DATABASE_PASSWORD": "very-secret"}


@pytest.mark.parametrize("missing", DATABASE)
def test_a_setting_that_is_missing_or_empty_is_named(missing: str) -> None:
    for values in ({**DATABASE, missing: ""}, {key: value for key, value in DATABASE.items() if key != missing}):
        with pytest.raises(SettingError, match=f"setting {missing} is missing"):
            DatabaseSettings.read(Environment(values))


@pytest.mark.parametrize(
    ("value", "fault"),
    [("many", "is no number"), ("0", "above zero"), ("-1", "above zero"), ("inf", "above zero"), ("1.5", "no whole")],
)
def test_a_number_that_is_none_is_refused_without_being_shown(value: str, fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        Environment({"N": value}).whole("N", 1)


def test_numbers_have_defaults_and_may_have_fractions() -> None:
    assert Environment({}).whole("N", 12) == 12
    assert Environment({"N": "0.5"}).number("N", 1) == 0.5


def test_a_database_is_verified_unless_that_is_switched_off() -> None:
    assert DatabaseSettings.read(Environment(DATABASE)).tls
    assert not DatabaseSettings.read(Environment(DATABASE | {"DATABASE_TLS": "off"})).tls
    with pytest.raises(SettingError, match="DATABASE_TLS must be one of off, verify"):
        DatabaseSettings.read(Environment(DATABASE | {"DATABASE_TLS": "maybe"}))


def test_kafka_asks_for_a_user_only_with_scram() -> None:
    plain = {"KAFKA_BOOTSTRAP_SERVERS": "a:1, b:2", "KAFKA_SECURITY": "none"}
    assert KafkaSettings.read(Environment(plain)) == KafkaSettings(("a:1", "b:2"))
    scram = plain | {"KAFKA_SECURITY": "scram", "KAFKA_USERNAME": "u"}
    with pytest.raises(SettingError, match="KAFKA_PASSWORD is missing"):
        KafkaSettings.read(Environment(scram))
    assert KafkaSettings.read(Environment(scram | {"KAFKA_PASSWORD": "p"})).username == "u"


def test_no_settings_object_shows_a_secret() -> None:
    shown = repr(DatabaseSettings.read(Environment(DATABASE))) + repr(KafkaSettings(("a",), "u", "hidden-password"))
    assert "very-secret" not in shown
    assert "hidden-password" not in shown


def test_settings_come_from_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_ADMIN_URL", "postgresql://admin:secret@db/x")
    assert DatabaseSettings.read_admin(Environment(), timeout=9).timeout == 9


def test_the_administrators_password_stands_in_the_url_or_in_a_setting_of_its_own() -> None:
    url = {"DATABASE_ADMIN_URL": "postgresql://admin@db/x", "DATABASE_ADMIN_PASSWORD": ""}
    assert DatabaseSettings.read_admin(Environment(url), timeout=9).password is None
    apart = DatabaseSettings.read_admin(Environment(url | {"DATABASE_ADMIN_PASSWORD": "very-secret"}), timeout=9)
    assert apart.password == "very-secret"
    assert "very-secret" not in repr(apart)
