"""`tasks`: woken by the HTTP API for /tasks and /tasks/…; touches tasks and the outbox, in one transaction."""

from taskflow.logs import logger_for
from taskflow.settings import Environment
from taskflow.web import entry_point, make_app
from tasks.routes import router
from tasks.wiring import Services

log = logger_for("tasks")
app = make_app("Taskflow tasks", log)
app.include_router(router)
app.state.services = Services.read(Environment())
handler = entry_point(app, log)
