"""The end-to-end test of the laptop, word for word, against the containers."""

from e2e.test_daily_flow import (  # noqa: F401
    test_a_day_ends_with_exactly_one_mail_with_the_right_counts_and_titles,
    test_a_failed_schedule_run_fails,
    test_events_on_kafka_equal_the_contract_in_order,
    test_schedule_list_prints_one_line_a_schedule_name_first,
)
from e2e.test_metrics import test_requests_digests_mails_and_events_are_counted  # noqa: F401
