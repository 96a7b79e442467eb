"""`auth`: woken by the HTTP API for /auth/… and /me; touches users, refresh tokens, login failures and the outbox."""

from auth.routes import router
from auth.wiring import Services
from taskflow.logs import logger_for
from taskflow.settings import Environment
from taskflow.web import entry_point, make_app

log = logger_for("auth")
app = make_app("Taskflow accounts", log)
app.include_router(router)
app.state.services = Services.read(Environment())
handler = entry_point(app, log)
