"""Secrets by which a Kafka lets us in: how they are called, and where they are."""

from pathlib import Path

import pytest

from samlet.errors import KafkaFailed
from samlet.kafka_access import Secrets


def test_a_secret_is_known_by_its_arn_its_name_and_its_name_with_the_end_of_an_arn(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("value")
    arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:kafka/app-AbC123"
    for name in (arn, "kafka/app", "kafka/app-AbC123"):
        assert Secrets({name: file}).value(arn) == "value"
    for name in ("kafka", "kafka/app-AbC124", "app"):
        with pytest.raises(KafkaFailed, match="there is no secret"):
            Secrets({name: file}).value(arn)
