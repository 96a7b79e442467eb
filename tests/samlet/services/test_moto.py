"""moto's server: when it is started, what it logs, how it comes back, and whom it answers."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from moto_stage import ACCOUNT, REGION, client, resource
from samlet.aws_calls import AwsCalls
from samlet.services import Moto
from samlet.services.moto_resources import MotoResources
from samlet.sources.polled_queue import PolledQueue
from waiting import eventually_async


async def test_it_is_started_by_the_first_template_that_needs_it_and_shows_what_it_made(moto: Moto) -> None:
    await moto.start()
    assert (moto.wanted, moto.status()["state"]) == (False, "stopped")
    resources = await moto.maker(REGION, ACCOUNT)
    resources.make(resource("SQS::Queue", "Jobs"))
    assert await moto.maker(REGION, ACCOUNT) is resources
    status = moto.status()
    assert (status["state"], status["address"]) == ("ready", moto.url)
    assert status["resources"] == {"Jobs": f"{moto.url}/{ACCOUNT}/Jobs"}
    await moto.stop()
    assert moto.status()["state"] == "stopped"


async def test_its_log_tells_of_every_call_but_those_that_samlet_repeats_for_ever(
    moto: Moto, resources: MotoResources, state: Path
) -> None:
    made = resources.make(resource("SQS::Queue", "Jobs"))
    queue = PolledQueue("Mapping", f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs", AwsCalls(moto.url, REGION), ACCOUNT)
    log = state / "aws" / "moto.log"
    lines = log.read_text().count("POST")
    for _ in range(5):
        assert await queue.receive(1) == []
    client(moto, "sqs").receive_message(QueueUrl=made.ref)  # a function's own; written behind what came before it
    await eventually_async(lambda: log.read_text().count("POST") > lines)
    assert log.read_text().count("POST") == lines + 1
    gone = PolledQueue("Mapping", f"arn:aws:sqs:{REGION}:{ACCOUNT}:Gone", AwsCalls(moto.url, REGION), ACCOUNT)
    await gone.receive(1)
    await eventually_async(lambda: log.read_text().count("POST") == lines + 2)


async def test_a_moto_that_died_comes_back_with_the_same_resources(moto: Moto, resources: MotoResources) -> None:
    queue = resources.make(resource("SQS::Queue", "Jobs"))
    pid = moto.status()["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)

    async def back() -> bool:
        return moto.status()["state"] == "ready" and moto.status()["pid"] not in (None, pid)

    await eventually_async(back, timeout=60)
    client(moto, "sqs").send_message(QueueUrl=queue.ref, MessageBody="hello")


async def test_what_cannot_be_made_again_is_said(
    moto: Moto, resources: MotoResources, capsys: pytest.CaptureFixture[str]
) -> None:
    resources.make(resource("SQS::Queue", "Jobs"))
    await moto.stop()
    await asyncio.to_thread(resources.make_again)
    assert resources.names == {}
    assert "Jobs is not there any more: moto cannot make it: it does not answer" in capsys.readouterr().err


async def test_the_page_of_another_site_may_read_nothing_but_what_a_bucket_allows(
    moto: Moto, resources: MotoResources
) -> None:
    secret = resources.make(resource("SecretsManager::Secret", "Password", SecretString="hunter2"))
    scope = f"Credential=local/20260101/{REGION}/secretsmanager/aws4_request"
    signed = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"
    read = {"X-Amz-Target": "secretsmanager.GetSecretValue", "Authorization": signed}
    evil, page = {"Origin": "https://evil.example"}, {"Origin": "https://page.example"}
    buckets = client(moto, "s3")
    buckets.create_bucket(Bucket="open", CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": [page["Origin"]]}
    buckets.put_bucket_cors(Bucket="open", CORSConfiguration={"CORSRules": [rule]})
    buckets.put_object(Bucket="open", Key="a", Body=b"hello")
    link = buckets.generate_presigned_url("get_object", Params={"Bucket": "open", "Key": "a"})
    async with httpx.AsyncClient() as browser:
        asked = await browser.post(moto.url, json={"SecretId": secret.ref}, headers=read | evil)
        assert (asked.status_code, asked.json()["SecretString"]) == (200, "hunter2")
        assert "access-control-allow-origin" not in asked.headers
        allowed = await browser.get(link, headers=page)
        assert (allowed.text, allowed.headers["access-control-allow-origin"]) == ("hello", page["Origin"])
        assert "access-control-allow-origin" not in (await browser.get(link, headers=evil)).headers
