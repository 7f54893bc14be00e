"""A server of files on this machine that behaves as it is told: ranges or none, connections that
break, files that change, refusals, redirects; the model hub's addresses, and a proxy's."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: From this size the pretended hub keeps a file elsewhere and names it by its SHA-256.
LARGE = 1000


@dataclass(frozen=True)
class Cut:
    """The connection breaks after so many bytes."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Nothing more comes after so many bytes, until the server ends."""

    after: int


@dataclass(frozen=True)
class Status:
    """An answer without the file."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """The range that was asked for is ignored."""


@dataclass(frozen=True)
class Other:
    """The rest of another file, its ETag not compared with If-Range."""

    data: bytes


@dataclass(frozen=True)
class Asked:
    """A request as it came: names of headers in small letters."""

    path: str
    headers: Mapping[str, str]


@dataclass
class File:
    data: bytes
    headers: dict[str, str]


class FileServer:
    """``files``: path -> what is there; ``next``: path -> what the next answers are instead;
    ``log``: the requests. As a proxy it serves the paths of every host; with ``password`` it wants
    one."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.next: dict[str, list[Any]] = {}
        self.log: list[Asked] = []
        self.token = ""
        self.password = ""
        self.stalled = threading.Event()
        self.over = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def put(self, path: str, data: bytes, **headers: str) -> str:
        """A file with its ETag; returns its address."""
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.files[path] = File(data, {"ETag": tag, **named})
        return self.url + path

    def put_repository(
        self, name: str, files: Mapping[str, bytes], revision: str = "main", listed: bool = True
    ) -> None:
        """A repository as the hub has it; ``listed``: with the list of its files."""
        rows: list[dict[str, Any]] = []
        for file, data in files.items():
            for at in {revision, COMMIT}:
                self._put_of_hub(f"/{name}/resolve/{at}/{file}", data)
            row: dict[str, Any] = {"rfilename": file, "size": len(data)}
            if len(data) >= LARGE:
                row["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            rows.append(row)
        if listed:
            facts = {"id": name, "sha": COMMIT, "siblings": rows}
            path = f"/api/models/{name}/revision/{revision}"
            self.put(path, json.dumps(facts).encode(), Content_Type="application/json")

    def _put_of_hub(self, path: str, data: bytes) -> None:
        if len(data) < LARGE:
            self.put(path, data, X_Repo_Commit=COMMIT)
            return
        kept = f"/storage/{sha256(data)}"
        self.put(kept, data)
        heads = {
            "Location": self.url + kept,
            "X-Linked-ETag": f'"{sha256(data)}"',
            "X-Linked-Size": str(len(data)),
            "X-Repo-Commit": COMMIT,
        }
        self.files[path] = File(b"", heads)

    def asked(self, path: str) -> list[Asked]:
        """The requests for a path, whatever their query."""
        return [one for one in self.log if urlsplit(one.path).path == path]

    def ranges(self, path: str) -> list[str]:
        """The ranges asked for of a path, "" for all of it."""
        return [one.headers.get("range", "") for one in self.asked(path)]

    @contextmanager
    def running(self) -> Iterator[FileServer]:
        thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self.http.shutdown()
            thread.join()
            self.http.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                heads = {name.lower(): value for name, value in self.headers.items()}
                server.log.append(Asked(self.path, heads))
                through = self.path.startswith("http://")
                if through and server.password not in heads.get("proxy-authorization", ""):
                    return self._say(407, {"Proxy-Authenticate": "Basic"})
                path = urlsplit(self.path).path
                told = server.next.get(path, [])
                way = told.pop(0) if told else None
                if isinstance(way, Status):
                    return self._say(way.code, way.headers)
                found = server.files.get(path)
                if found is None:
                    return self._say(404, {})
                if server.token and heads.get("authorization") != f"Bearer {server.token}":
                    return self._say(401, {})
                if "Location" in found.headers:
                    return self._say(302, found.headers)
                return self._send(found, way, heads)

            def do_CONNECT(self) -> None:
                server.log.append(Asked(self.path, {}))
                self._say(407, {"Proxy-Authenticate": "Basic"})

            def _send(self, found: File, way: Any, heads: Mapping[str, str]) -> None:
                data = found.data
                asked = re.fullmatch(r"bytes=(\d+)-", heads.get("range", ""))
                same = heads.get("if-range") in (None, found.headers.get("ETag"))
                given = dict(found.headers)
                if isinstance(way, Other):
                    data, same, given = way.data, True, {**given, "ETag": '"other"'}
                begin = int(asked[1]) if asked and same and not isinstance(way, Whole) else 0
                if begin >= len(data) and begin:
                    self._say(416, {**given, "Content-Range": f"bytes */{len(data)}"})
                    return
                if begin:
                    given["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
                body = data[begin:]
                self.send_response(206 if begin else 200)
                for name, value in {**given, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if isinstance(way, Cut | Stall):
                    self.wfile.write(body[: way.after])
                    self.wfile.flush()
                    self.close_connection = True
                    if isinstance(way, Stall):
                        server.stalled.set()
                        server.over.wait()
                    return
                self.wfile.write(body)

            def _say(self, code: int, headers: Mapping[str, str]) -> None:
                self.send_response(code)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def handle(self) -> None:
                # Who is told to stop, or killed, hangs up in the middle.
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

        return Handler


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
