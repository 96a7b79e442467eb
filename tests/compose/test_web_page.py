"""The page's test of the laptop, word for word, against nginx and its headers."""

from e2e.test_web_page import (  # noqa: F401
    page,
    pytestmark,
    test_register_add_edit_complete_delete_undo_log_out_and_in_again,
)
