"""`make deploy`: everything that a stage is made of, in order; each step may be run again."""

import json
from dataclasses import dataclass, field
from typing import Any

from deploy import page, templates
from deploy.aws import Aws
from deploy.faults import Stopped
from deploy.stacks import Stacks
from deploy.stages import CHECKOUT, FOUNDATION, IAC, Stage
from deploy.terminal import Terminal
from deploy.tools import Tools


@dataclass
class Deployment:
    """One stage on its way up; `outputs` grows with each stack and feeds those after it."""

    stage: Stage
    aws: Aws
    stacks: Stacks
    terminal: Terminal
    tools: Tools
    outputs: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """What can be wrong before anything is built."""
        self.terminal.say(f"{self.stage.name} in account {self.aws.account}, {self.aws.region}")
        self._mail_server_is_known()

    def run(self, *, service_only: bool) -> None:
        """All of it, or the functions and the page on stacks that are there already, which is what GitHub may do."""
        self.check()
        self._layer_knows_the_database()
        self._read("delivery")
        self._read("service")  # the page's policy names the API; the first time there is none
        for part in FOUNDATION:
            if service_only:
                self._read_existing(part)
            else:
                self._apply(part)
        self._brokers()
        migration, service = self._parts()
        self._apply_part("migrate", migration)
        self._migrate()
        self._apply_part("service", service)
        if service_only:
            self._page_may_call_the_api()
        else:
            self._apply("web")
        self._page()
        if not service_only:
            self._apply("observability")
        self.tools.smoke(self.outputs["ApiUrl"])
        self.terminal.say(f"  web page   {self.outputs['WebUrl']}")
        self.terminal.say(f"  HTTP API   {self.outputs['ApiUrl']}")
        if not service_only:
            self.terminal.say(f"  dashboard  {self.outputs['DashboardUrl']}")

    def _mail_server_is_known(self) -> None:
        """Nobody but the one who pays for the mail server knows its password, so no stack can make this secret."""
        name = f"taskflow/{self.stage.name}/smtp-url"
        try:
            scheduled = "DeletedDate" in self.aws.secrets.describe_secret(SecretId=name)
        except self.aws.secrets.exceptions.ResourceNotFoundException as error:
            raise Stopped(
                f"The secret {name} is not there. Make it once: aws secretsmanager create-secret --name {name} "
                "--secret-string 'smtp+starttls://USER:PASSWORD@HOST:587'"
            ) from error
        if scheduled:
            raise Stopped(
                f"The secret {name} is deleted. Get it back: aws secretsmanager restore-secret --secret-id {name}"
            )
        self.outputs["SmtpUrl"] = f"secretsmanager:{name}"

    def _layer_knows_the_database(self) -> None:
        authorities = self.stage.parameters.get("service", {}).get("DatabaseCaFile", "")
        if authorities and not self.tools.is_in_layer(authorities):
            raise Stopped(
                f"{authorities} is not in the layer, so no function could trust the database. Fetch global-bundle.pem "
                "of RDS (docs/how-to/deploy-to-aws.md), then add RDS_CA_BUNDLE=global-bundle.pem to the command."
            )

    def _read(self, part: str) -> dict[str, str]:
        found = self.stacks.outputs(self.stage.stack(part))
        self.outputs |= found
        return found

    def _read_existing(self, part: str) -> None:
        if not self._read(part):
            raise Stopped(
                f"{self.stage.stack(part)} is not there yet. "
                f"An administrator makes it: make deploy STAGE={self.stage.name}"
            )

    def _apply(self, part: str) -> None:
        text = (IAC / f"{part}.yaml").read_text(encoding="utf-8")
        given = self.stage.parameters_of(part, templates.parameters(text), self.outputs)
        self.outputs |= self.stacks.apply(self.stage.stack(part), text, given)

    def _brokers(self) -> None:
        """They are no attribute of the cluster. Sorted, because AWS names them in no order."""
        arn = self.outputs["KafkaClusterArn"]
        brokers = self.aws.kafka.get_bootstrap_brokers(ClusterArn=arn).get("BootstrapBrokerStringSaslScram")
        if not brokers:
            raise Stopped(f"{arn} names no brokers for SCRAM. Look at it in the console; it may still be changing.")
        self.outputs["KafkaBootstrapServers"] = ",".join(sorted(brokers.split(",")))

    def _parts(self) -> tuple[templates.Template, templates.Template]:
        self.terminal.say("uploading the functions")
        packaged = self.tools.package(self.stage.stack("service"), self.outputs.get("ArtifactBucketName"))
        return templates.in_two(packaged)

    def _apply_part(self, part: str, template: templates.Template) -> None:
        given = self.stage.parameters_of(part, template["Parameters"], self.outputs)
        text = json.dumps(templates.versioned(template, given), separators=(",", ":"))
        role = self.outputs.get("ExecutionRoleArn")
        self.outputs |= self.stacks.apply(self.stage.stack(part), text, given, role)

    def _migrate(self) -> None:
        name = self.outputs["MigrateFunctionName"]
        self.terminal.say(f"migrating ({name})")
        answer = self.aws.functions.invoke(FunctionName=name, Qualifier="live", Payload=b"{}")
        result: Any = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            cause = result.get("errorMessage", result) if isinstance(result, dict) else result
            raise Stopped(
                f"The migration failed, and the service was left as it was: {cause}. Its log: "
                f"aws logs tail /aws/lambda/taskflow-{self.stage.name}-migrate. "
                "Mend that, then run the same command again."
            )
        self.terminal.say(f"  schema {result['revision']}, new topics: {', '.join(result['topics']) or 'none'}")

    def _page_may_call_the_api(self) -> None:
        known = self.stacks.parameters(self.stage.stack("web")).get("ApiUrl")
        if known != self.outputs["ApiUrl"]:
            raise Stopped(
                f"The API is at a new address, {self.outputs['ApiUrl']}, which the page may not call yet. "
                f"An administrator lets it: make deploy STAGE={self.stage.name}"
            )

    def _page(self) -> None:
        bucket = self.outputs["WebBucketName"]
        count = page.upload(self.aws.s3, bucket, CHECKOUT / "frontend", self.outputs["ApiUrl"])
        self.terminal.say(f"{count} files of the page in {bucket}; CloudFront fetches them anew")
        page.refresh(self.aws.cloudfront, self.outputs["WebDistributionId"])
