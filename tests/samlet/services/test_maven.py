import hashlib
from pathlib import Path

import pytest

from samlet.errors import ServiceFailed
from samlet.services import maven
from samlet.services.maven import Artifact, downloads_folder, fetch, pinned

JAR = b"a jar"
PIN = Artifact("org.example:thing:1.0", hashlib.sha256(JAR).hexdigest(), len(JAR))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for Maven: what was asked for, answered with JAR."""
    asked: list[str] = []

    def resolve(coordinate: str, repository: Path) -> Path:
        asked.append(coordinate)
        file = repository / "thing.jar"
        file.write_bytes(JAR)
        return file

    monkeypatch.setattr(maven, "_resolve", resolve)
    monkeypatch.setattr(maven, "pinned", lambda bundle: (PIN,))
    return asked


def test_a_file_is_fetched_once_and_then_needs_no_network(served: list[str], tmp_path: Path) -> None:
    first, second = fetch("thing", tmp_path), fetch("thing", tmp_path)
    assert first == second == [tmp_path / "org/example/thing/1.0/thing-1.0.jar"]
    assert first[0].read_bytes() == JAR
    assert served == ["org.example:thing:1.0"]


def test_progress_is_told(served: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch("thing", tmp_path)
    assert "thing 1 of 1 files" in capsys.readouterr().err


def test_a_wrong_checksum_is_an_error_and_the_file_is_deleted(
    served: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maven, "pinned", lambda bundle: (Artifact(PIN.coordinate, "0" * 64, PIN.size),))
    with pytest.raises(ServiceFailed, match="wrong checksum"):
        fetch("thing", tmp_path)
    assert list(tmp_path.rglob("*.jar")) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(served: list[str], tmp_path: Path) -> None:
    (file,) = fetch("thing", tmp_path)
    file.write_bytes(b"A jar")
    assert fetch("thing", tmp_path)[0].read_bytes() == JAR
    assert len(served) == 2


def test_half_a_download_is_never_used(tmp_path: Path, served: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(coordinate: str, repository: Path) -> Path:
        (repository / "thing.jar").write_bytes(JAR[:2])
        raise OSError("the line went dead")

    monkeypatch.setattr(maven, "_resolve", broken)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(ServiceFailed, match="the line went dead"):
        fetch("thing", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("platform", ["linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8"])
def test_postgres_is_pinned_for_every_platform(platform: str) -> None:
    (artifact,) = pinned(f"postgres-{platform}")
    assert artifact.coordinate.endswith(f"-{platform}:18.6.0")
    assert len(artifact.sha256) == 64


def test_kafkas_jars_are_pinned_with_a_log_provider_of_the_same_line() -> None:
    versions = dict(artifact.coordinate.rsplit(":", 1) for artifact in pinned("kafka"))
    assert versions["org.apache.kafka:kafka_2.13"] == "4.1.0"
    assert versions["org.slf4j:slf4j-simple"] == versions["org.slf4j:slf4j-api"]


def test_the_cache_can_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMLET_CACHE_DIR", raising=False)
    assert downloads_folder(tmp_path) == tmp_path / "downloads"
    monkeypatch.setenv("SAMLET_CACHE_DIR", str(tmp_path / "shared"))
    assert downloads_folder(tmp_path) == tmp_path / "shared" / "downloads"
