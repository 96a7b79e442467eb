from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from samlet.errors import TemplateError
from samlet.template import Schedule, load

from .conftest import EachMade, Loader

FUNCTION = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
"""

ARN = "arn:aws:lambda:eu-central-1:000000000000:function:F"


def with_event(kind: str, properties: str, more: str = "") -> str:
    return f"{FUNCTION}              Events: {{E: {{Type: {kind}, Properties: {{{properties}}}}}}}\n{more}"


def test_a_rule_is_named_by_its_logical_id(loaded: Loader) -> None:
    assert loaded(with_event("Schedule", "Schedule: rate(5 minutes)")).schedules == (
        Schedule(name="FE", kind="rule", expression="rate(5 minutes)", function="F", logical_id="FE", target_arn=ARN),
    )


def test_a_rules_own_settings_count(loaded: Loader) -> None:
    (schedule,) = loaded(
        with_event(
            "Schedule",
            "Name: nightly, Schedule: 'cron(0 1 * * ? *)', Input: '{}', State: DISABLED, "
            "RetryPolicy: {MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 60}",
        )
    ).schedules
    assert schedule == Schedule(
        "nightly",
        "rule",
        "cron(0 1 * * ? *)",
        "F",
        input="{}",
        enabled=False,
        retries=3,
        max_age=60,
        logical_id="FE",
        target_arn=ARN,
    )


def test_a_schedules_own_settings_count(loaded: Loader) -> None:
    (schedule,) = loaded(
        with_event(
            "ScheduleV2",
            "Name: daily, GroupName: nights, "
            "ScheduleExpression: 'cron(0 8 * * ? *)', ScheduleExpressionTimezone: Europe/Berlin, "
            "State: DISABLED, StartDate: '2030-01-01T00:00:00Z', EndDate: '2031-01-01T00:00:00', "
            "FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 15}, RetryPolicy: {MaximumRetryAttempts: 0}",
        )
    ).schedules
    assert schedule == Schedule(
        name="daily",
        kind="scheduler",
        expression="cron(0 8 * * ? *)",
        function="F",
        logical_id="FE",
        timezone="Europe/Berlin",
        enabled=False,
        flexible_minutes=15,
        start=datetime(2030, 1, 1, tzinfo=UTC),
        end=datetime(2031, 1, 1, tzinfo=UTC),
        retries=0,
        group="nights",
        target_arn=ARN,
    )


def test_a_schedule_of_an_alias_wakes_the_function(loaded: Loader) -> None:
    text = with_event("ScheduleV2", "ScheduleExpression: rate(1 hour)", "              AutoPublishAlias: live")
    template = loaded(text)
    assert [(schedule.name, schedule.function) for schedule in template.schedules] == [("FE", "F")]
    assert template.unsupported == ()


def test_every_target_of_a_rule_is_a_schedule(loaded: Loader) -> None:
    more = """
          G: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b, CodeUri: code}}
          Q: {Type: AWS::SQS::Queue}
          R:
            Type: AWS::Events::Rule
            Properties:
              ScheduleExpression: rate(1 day)
              Targets:
                - {Id: one, Arn: !GetAtt F.Arn}
                - {Id: two, Arn: !GetAtt G.Arn, Input: '{"a": 1}'}
                - {Id: three, Arn: !GetAtt Q.Arn}
    """
    template = loaded(FUNCTION + more)
    assert [(found.name, found.function) for found in template.schedules] == [("R-one", "F"), ("R-two", "G")]
    assert {note.logical_id for note in template.unsupported} == {"R", "Q"}


@pytest.mark.parametrize(
    "properties",
    [
        "EventPattern: {source: [aws.s3]}, Targets: [{Id: a, Arn: !GetAtt F.Arn}]",
        "ScheduleExpression: rate(1 day), Targets: [{Id: a, Arn: !GetAtt F.Arn, InputPath: $.detail}]",
        "ScheduleExpression: rate(1 day), Targets: [{Id: a, Arn: 'arn:aws:ecs:x:1:cluster/c'}]",
    ],
)
def test_what_a_rule_cannot_do_here_is_listed(loaded: Loader, properties: str) -> None:
    template = loaded(f"{FUNCTION}          R: {{Type: AWS::Events::Rule, Properties: {{{properties}}}}}")
    assert template.schedules == ()
    assert [note.logical_id for note in template.unsupported] == ["R"]


def test_a_dead_letter_queue_is_listed_and_the_schedule_runs(loaded: Loader) -> None:
    text = with_event("ScheduleV2", "ScheduleExpression: rate(1 day), DeadLetterConfig: {Arn: 'arn:aws:sqs:x:1:q'}")
    template = loaded(text)
    assert len(template.schedules) == 1
    assert template.schedules[0].dead_letters is None
    [part] = template.unsupported
    assert part.reason == "Target.DeadLetterConfig: arn:aws:sqs:x:1:q is no queue that is there"


@pytest.mark.parametrize(("kind", "place"), [("ScheduleV2", "Target"), ("Schedule", "Targets")])
@pytest.mark.parametrize("fifo", [False, True])
def test_a_queue_that_was_made_takes_dead_letters_unless_it_is_fifo(
    tmp_path: Path, kind: str, place: str, *, fifo: bool
) -> None:
    expression = "Schedule: rate(1 day)" if kind == "Schedule" else "ScheduleExpression: rate(1 day)"
    dead = "          Dead: {Type: AWS::SQS::Queue}"
    text = with_event(kind, f"{expression}, DeadLetterConfig: {{Arn: !GetAtt Dead.Arn}}", dead)
    (tmp_path / "code").mkdir()
    (tmp_path / "template.yaml").write_text(dedent(text))
    name = "Dead.fifo" if fifo else "Dead"
    template = load(tmp_path / "template.yaml", {}, maker=EachMade(name))
    arn = f"arn:aws:sqs:eu-central-1:000000000000:{name}"
    assert [schedule.dead_letters for schedule in template.schedules] == [None if fifo else arn]
    reason = f"{place}.DeadLetterConfig: {arn} is a FIFO queue, which AWS does not take"
    assert [part.reason for part in template.unsupported] == ([reason] if fifo else [])


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("ScheduleExpression: rate(1 day), StartDate: soon", r"Resources\.FE\.Properties\.StartDate"),
        ("ScheduleExpression: rate(1 day), State: MAYBE", r"Resources\.FE\.Properties\.State"),
        ("ScheduleExpression: rate(1 day), FlexibleTimeWindow: {Mode: FLEXIBLE}", "MaximumWindowInMinutes: is missing"),
        ("ScheduleExpression: rate(1 day), RetryPolicy: {MaximumRetryAttempts: 186}", "from 0 to 185"),
    ],
)
def test_a_malformed_schedule_is_named(loaded: Loader, properties: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        loaded(with_event("ScheduleV2", properties))


@pytest.mark.parametrize(("kind", "place"), [("Schedule", r"Targets\[0\]"), ("ScheduleV2", "Target")])
@pytest.mark.parametrize("text", ["hello", "{a: 1}", '{"at": <now>}', ""])
def test_an_input_that_is_no_json_is_refused(loaded: Loader, kind: str, place: str, text: str) -> None:
    expression = "Schedule: rate(1 day)" if kind == "Schedule" else "ScheduleExpression: rate(1 day)"
    with pytest.raises(TemplateError, match=rf"{place}\.Input: is no JSON, which functions need: "):
        loaded(with_event(kind, f"{expression}, Input: '{text}'"))


@pytest.mark.parametrize(
    "text", ['"hello"', "[1]", '{"id": "<aws.scheduler.execution-id>", "attempt": <aws.scheduler.attempt-number>}']
)
def test_an_input_is_json_with_words_that_scheduler_replaces(loaded: Loader, text: str) -> None:
    [schedule] = loaded(with_event("ScheduleV2", f"ScheduleExpression: rate(1 day), Input: '{text}'")).schedules
    assert schedule.input == text


def test_an_end_before_the_start_is_refused(loaded: Loader) -> None:
    dates = "StartDate: '2030-02-01T00:00:00Z', EndDate: '2030-01-01T00:00:00+01:00'"
    with pytest.raises(TemplateError, match=r"EndDate: .*comes before StartDate"):
        loaded(with_event("ScheduleV2", f"ScheduleExpression: rate(1 minute), {dates}"))


TWO = """
          A:
            Type: AWS::Scheduler::Schedule
            Properties: &same
              Name: twice
              GroupName: mine
              ScheduleExpression: rate(1 minute)
              FlexibleTimeWindow: {Mode: "OFF"}
              Target: {Arn: !GetAtt F.Arn, RoleArn: r}
          B:
            Type: AWS::Scheduler::Schedule
            Properties: {<<: *same, GroupName: SECOND}
"""


def test_two_schedules_of_one_name_in_one_group_are_refused(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match="two schedules in the group mine are named twice; give one another Name"):
        loaded(FUNCTION + TWO.replace("SECOND", "mine"))
    assert len(loaded(FUNCTION + TWO.replace("SECOND", "yours")).schedules) == 2
