"""The runtime runs any template: nothing in it knows the service that it lives beside."""

from servers import CHECKOUT

KINDS = {".py", ".md", ".toml", ".txt", ".sh", ".html", ".css", ".js", ".properties", ".json", ".in", ".cfg", ""}


def test_nothing_in_the_runtime_names_the_service() -> None:
    service = "task" + "flow"
    files = [
        path
        for path in (CHECKOUT / "local").rglob("*")
        if path.is_file() and path.suffix in KINDS and not {"__pycache__", "build"} & set(path.parts)
    ]
    assert len(files) > 30
    naming = [str(path) for path in files if service in f"{path}\n{path.read_text('utf-8', 'replace')}".lower()]
    assert naming == []
