"""`python -m deploy check|up|down STAGE`: 0 when done, 1 when it can't go on, 2 for wrong usage, 130 after ctrl-C."""

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from deploy.aws import Aws
from deploy.down import Demolition
from deploy.faults import Declined, Stopped
from deploy.stacks import Stacks
from deploy.stages import Stage
from deploy.terminal import Terminal
from deploy.tools import Tools
from deploy.up import Deployment

_NO_CREDENTIALS = (
    "No credentials of AWS were found. Log in (aws sso login, or AWS_PROFILE), then run the same command again."
)
_NOT_AWS = "What answered was not AWS, but something on the way, or a service in trouble. Run the same command again."
_INTERRUPTED = "Interrupted. What CloudFormation has begun goes on by itself; the same command takes it up again."


def main(arguments: Sequence[str] | None = None) -> int:
    """Whatever ends it is one line."""
    options = _parser().parse_args(arguments)
    try:
        _act(options)
    except KeyboardInterrupt:
        return _ended(_INTERRUPTED, 130, word="stopped")
    except Declined as error:
        return _ended(str(error), word="stopped")
    except Stopped as error:
        return _ended(str(error))
    except NoCredentialsError:
        return _ended(_NO_CREDENTIALS)
    except ClientError as error:
        about = error.response["Error"]
        return _ended(f"AWS refuses {error.operation_name}: {about.get('Message') or about['Code']}")
    except ResponseParserError:
        return _ended(_NOT_AWS)
    except (BotoCoreError, OSError) as error:
        return _ended(f"{error}. Run the same command again.")
    return 0


def _act(options: argparse.Namespace) -> None:
    stage = Stage.read(options.stage)
    aws = Aws.connect()
    terminal = Terminal(yes=options.yes)
    stacks = Stacks(aws.cloudformation, terminal)
    deployment = Deployment(stage, aws, stacks, terminal, Tools(aws.region))
    match options.way:
        case "check":
            deployment.check()
        case "up":
            deployment.run(service_only=options.service_only)
        case "down":
            Demolition(stage, aws, stacks, terminal).run()


def _ended(line: str, status: int = 1, *, word: str = "FAILED") -> int:
    print(f"{word}: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy", description="Bring a stage to AWS, or take it down.")
    parser.add_argument("way", choices=["check", "up", "down"], help="check: only what can be seen in a second")
    parser.add_argument("stage", help="the name of a file in iac/stages")
    parser.add_argument("--yes", action="store_true", help="execute every change set that takes nothing precious away")
    parser.add_argument(
        "--service-only", action="store_true", help="functions and page, on stacks that are there already"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
