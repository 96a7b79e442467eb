"""Who comes from `sam local` or serverless-offline is told, in one line, what stands here for what they typed."""

import pytest

from samlet.cli import habits, main
from samlet.cli.usage import commands_of
from toy import Toy


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["local", "start-api"], "samlet start"),
        (["local", "invoke", "Hello"], "samlet invoke"),
        (["start-api", "--port", "4000"], "samlet start"),
        (["offline"], "samlet start"),
        (["build"], "nothing has to be built"),
        (["generate-event", "apigateway", "http-api-proxy"], "generate-event http"),
        (["generate-event", "cloudwatch", "scheduled-event"], "generate-event schedule"),
        (["start", "--port", "4000"], "SAMLET_API_PORT"),
        (["start", "--port=4000"], "SAMLET_API_PORT"),
        (["start", "-p", "4000"], "SAMLET_API_PORT"),
        (["start", "--host", "0.0.0.0"], "SAMLET_HOST"),
        (["start", "--parameter-overrides", "Stage=local"], "--parameter NAME=VALUE"),
        (["invoke", "Hello", "--docker-network", "x"], "no container"),
        (["start", "--skip-pull-image"], "no container"),
        (["start", "--warm-containers", "EAGER"], "stay warm"),
        (["logs", "-n", "Hello"], "samlet logs --function"),
        (["logs", "--tail"], "samlet logs --follow"),
    ],
)
def test_what_another_tool_has_is_answered_with_what_stands_for_it(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert told in line
    assert "did you mean" not in line


def test_an_option_that_nobody_has_is_just_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["start", "--colour"])
    assert capsys.readouterr().err.splitlines()[-1] == "samlet start: error: unrecognized arguments: --colour"


def test_an_unknown_option_of_an_action_shows_how_that_action_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["schedule", "run", "nightly", "--json"])
    said = capsys.readouterr().err
    assert (ended.value.code, said.startswith("usage: samlet schedule run ")) == (2, True)
    assert "unrecognized arguments: --json" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["events", "redrive", "--from", "a", "--to", "b", "--count", "0"],
            "--count: '0' is no number from 1",
        ),
        (["events", "create", "a", "--partitions", "-1"], "argument --partitions: "),
        (["schedule", "next", "nightly", "--count", "0"], "--count: '0' is no number from 1"),
        (["logs", "--since", "banana"], "--since 'banana' is no time: say 30s"),
        (["logs", "--trace", " "], "--trace needs a request id"),
        (["events", "produce"], "say what to write"),
        (["events", "produce", "--file", "none.txt", "x"], "not both"),
        (["events", "redrive", "--from", "a", "--to", "b", "--filter", "["], "--filter is no JSON"),
        (["exec"], "say what to run"),
        (["up", "--debug-function", "Hello"], "--debug-function needs --debug-port"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong_though_nothing_runs(
    toy: Toy, words: list[str], told: str
) -> None:
    done = toy.command(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [["sqs", "receive-message"], ["sns", "notification"], ["s3", "delete"]])
def test_a_second_word_of_generate_event_is_said_to_be_taken_for_something_else(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main.main(["generate-event", *words]) == 0
    shown = capsys.readouterr()
    assert f"`{words[1]}` is taken for the" in shown.err
    assert words[1] in shown.out
    assert main.main(["generate-event", words[0], "something"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (["start", "-t", "a.yaml"], ["start", "--template", "a.yaml"]),
        (["start", "--template-file", "a.yaml"], ["start", "--template", "a.yaml"]),
        (["validate", "-t", "a.yaml"], ["validate", "--template", "a.yaml"]),
        (
            ["invoke", "F", "-n", "e.json", "-d", "5678"],
            ["invoke", "F", "--env-vars", "e.json", "--debug-port", "5678"],
        ),
    ],
)
def test_short_options_of_sam_mean_the_same_here(short: list[str], long: list[str]) -> None:
    assert main._parser().parse_args(short) == main._parser().parse_args(long)


def test_no_hint_hides_something_that_samlet_has() -> None:
    top = commands_of(main._parser())
    assert not habits.COMMANDS.keys() & top.keys()
    assert not habits.EVENTS.keys() & commands_of(top["generate-event"]).keys()
    for command in top.values():
        own = {option for action in command._actions for option in action.option_strings}
        assert not habits.OPTIONS.keys() & own, command.prog
