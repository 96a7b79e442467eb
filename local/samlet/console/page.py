"""The console's page: for now, what listens where and what is ready."""

from html import escape

from samlet.console.watched import Watched


def index(watched: Watched) -> str:
    """Return the page as HTML."""
    addresses = "".join(f"<tr><th>{escape(part)}<td>{_link(address)}" for part, address in watched.addresses.items())
    parts = "".join(
        f"<tr><th>{escape(name)}<td>{escape(str(part.get('state', '')))}" for name, part in watched.parts().items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=color-scheme content='light dark'>"
        "<title>Samlet</title><h1>Samlet</h1>"
        f"<p>{'Everything is ready.' if watched.ready else 'Still starting.'}"
        f"<h2>Addresses</h2><table>{addresses}</table><h2>Parts</h2><table>{parts}</table>"
        "<h2>More</h2><ul>"
        + "".join(
            f"<li><a href={path}>{path}</a>" for path in ("/healthz", "/api/functions", "/api/schedules", "/api/mails")
        )
        + "</ul></html>"
    )


def _link(address: str) -> str:
    text = escape(address, quote=True)
    return f'<a href="{text}">{text}</a>' if address.startswith("http://") else text
