"""`meta`: woken by the HTTP API for /healthz, /openapi.json and /docs; touches nothing."""

from meta.routes import router
from taskflow.logs import logger_for
from taskflow.web import entry_point, make_app

log = logger_for("meta")
app = make_app("Taskflow", log)
app.include_router(router)
handler = entry_point(app, log)
