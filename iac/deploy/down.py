"""`make destroy`: the stacks of a stage in the opposite order. Secrets, a snapshot and the roles of GitHub stay."""

from dataclasses import dataclass

from deploy import page
from deploy.aws import Aws
from deploy.stacks import Stacks
from deploy.stages import PARTS, Stage
from deploy.terminal import Terminal

_KEPT = ("secrets",)


@dataclass(frozen=True)
class Demolition:
    """One stage on its way down."""

    stage: Stage
    aws: Aws
    stacks: Stacks
    terminal: Terminal

    def run(self) -> None:
        """Everything but what its data would be worth nothing without."""
        doomed = [part for part in reversed(PARTS) if part not in _KEPT and self.stacks.exists(self.stage.stack(part))]
        if not doomed:
            self.terminal.say(f"nothing of {self.stage.name} is in account {self.aws.account}, {self.aws.region}")
            return
        self.terminal.say(f"{self.stage.name} in account {self.aws.account}, {self.aws.region} ends, in this order:")
        for part in doomed:
            self.terminal.say(f"  {self.stage.stack(part)}")
        self.terminal.type_out("The service stops, and its database is left as a snapshot.", self.stage.name)
        for part in doomed:
            self._prepare(part)
            self.stacks.delete(self.stage.stack(part))
        self._what_is_left()

    def _prepare(self, part: str) -> None:
        name = self.stage.stack(part)
        if part == "data":
            self.stacks.set_parameter(name, "DeletionProtection", "false")
        if part == "web" and (bucket := self.stacks.outputs(name).get("WebBucketName")):
            self.terminal.say(f"{bucket}: {page.empty(self.aws.s3, bucket)} versions of files deleted")

    def _what_is_left(self) -> None:
        self.terminal.say("Left on purpose, and still charged:")
        self.terminal.say(
            f"  {self.stage.stack('secrets')} and taskflow/{self.stage.name}/smtp-url, which a restore needs"
        )
        self.terminal.say("  the last snapshot of the database, and its automated backups until they expire")
        self.terminal.say(f"  {self.stage.stack('delivery')}, if there is one, and what was uploaded for the functions")
        self.terminal.say("docs/how-to/deploy-to-aws.md says how to be rid of them, too.")
