"""What people are used to from `sam local` and serverless-offline, and what stands for it here."""

from collections.abc import Mapping, Sequence

_START = "`samlet start` runs the HTTP API (port 3000) and Lambda's Invoke API (port 3001) at once"
_NO_BUILD = "nothing has to be built, saved files count at the next event; what `sam build` made is run, too"
_NO_CONTAINERS = "there is no Docker and no container here, so leave it out"
_WARM = "sandboxes stay warm here and take saved files at the next event, so leave it out"
_API_PORT = "set SAMLET_API_PORT=PORT in front of `samlet start` (SAMLET_LAMBDA_PORT for the Invoke API)"

COMMANDS: Mapping[str, str] = {
    "start-api": _START,
    "start-lambda": _START,
    "offline": _START,
    "local": f"`samlet invoke` and `samlet generate-event` go without it, and {_START}",
    "build": _NO_BUILD,
    "deploy": "Samlet stays on this machine; keep `sam deploy`",
    "sync": "Samlet stays on this machine, and saved files count at the next event; for AWS keep `sam sync`",
    "package": "Samlet stays on this machine; keep `sam package`",
    "init": "Samlet makes no projects; it runs any template.yaml that there is, also one of `sam init`",
    "list": "`samlet validate` lists functions, routes and schedules",
    "remote": "Samlet stays on this machine; `samlet invoke` runs a function here",
}
EVENTS: Mapping[str, str] = {
    "apigateway": "`samlet generate-event http --method GET --path /hello`",
    "alb": "Samlet runs no load balancer; `samlet generate-event http` makes a request of an HTTP API",
    "cloudwatch": "`samlet generate-event schedule --kind rule`",
    "eventbridge": "`samlet generate-event schedule --kind rule`",
    "msk": "`samlet generate-event kafka --topic NAME VALUE`",
    "self-managed-kafka": "`samlet generate-event kafka --topic NAME VALUE`",
}
OPTIONS: Mapping[str, str] = {
    "--parameter-overrides": "give --parameter NAME=VALUE once for each, or --parameter-file; samconfig.toml's count",
    "--port": _API_PORT,
    "-p": _API_PORT,
    "--httpPort": _API_PORT,
    "--lambdaPort": "set SAMLET_LAMBDA_PORT=PORT in front of `samlet start`",
    "--host": "set SAMLET_HOST=ADDRESS in front of `samlet start`; without it only this machine is answered",
    "--config-file": "samconfig.toml beside the template is read, ports and env_vars too; --config names a samlet.toml",
    "--stage": "a template's stages count; give its parameters with --parameter or --config-env",
    "--static-dir": "name the folder as `root` of `[web]` in samlet.toml",
    "-s": "name the folder as `root` of `[web]` in samlet.toml",
    "--docker-network": _NO_CONTAINERS,
    "--container-host": _NO_CONTAINERS,
    "--container-host-interface": _NO_CONTAINERS,
    "--container-env-vars": "variables of functions come from --env-vars and samlet.toml",
    "--add-host": _NO_CONTAINERS,
    "--docker-volume-basedir": _NO_CONTAINERS,
    "--invoke-image": _NO_CONTAINERS,
    "--skip-pull-image": _NO_CONTAINERS,
    "--force-image-build": _NO_CONTAINERS,
    "--use-container": _NO_CONTAINERS,
    "--shutdown": _NO_CONTAINERS,
    "--layer-cache-basedir": "layers are local folders here, and nothing is downloaded for them",
    "--warm-containers": _WARM,
    "--reloadHandler": _WARM,
    "--debugger-path": "Samlet brings debugpy along, so --debug-port alone is enough",
    "--debug-args": "Samlet brings debugpy along, so --debug-port alone is enough",
    "--hook-name": "Samlet reads CloudFormation and SAM, not Terraform",
    "--no-memory-limit": "raise the MemorySize of the template",
    "--name": "`samlet logs --function NAME`",
    "--tail": "`samlet logs --follow`",
    "--stack-name": "leave it out: the template in this folder, or --template, says what runs",
}

# The second words of sam, which Samlet takes for what they stand in the place of.
_SECOND_WORDS: Mapping[str, str] = {
    "sqs receive-message": "is taken for the body; there is no second word here",
    "sns notification": "is taken for the message; there is no second word here",
    "s3 put": "is taken for the key; there is no second word here",
    "s3 delete": "is taken for the key; --event ObjectRemoved:Delete is what sam means by it",
}


def mistaken(command: str, words: Sequence[str]) -> str | None:
    """What becomes of a second word of sam's `generate-event`, which is no mistake by itself; None without one."""
    for name, becomes in _SECOND_WORDS.items():
        kind, word = name.split()
        if command.endswith(f"generate-event {kind}") and word in words:
            return f"`{word}` {becomes}"
    return None


def instead_of(command: str, words: Sequence[str]) -> str | None:
    """What to use for the first option that Samlet's `command` does not have and another tool does; None if none is."""
    if command == "samlet logs" and "-n" in words:
        return f"-n: {OPTIONS['--name']}"
    found = next((word.partition("=")[0] for word in words if word.partition("=")[0] in OPTIONS), None)
    return f"{found}: {OPTIONS[found]}" if found else None
