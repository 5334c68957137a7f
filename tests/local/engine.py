"""An engine of our own over HTTP: llama.cpp's routes, with answers written by hand."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROGRESS = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":null}}],'
    b'"prompt_progress":{"total":200,"cache":100,"processed":%d}}\n\n'
)


def delta(text: str, number: int, kind: str = "content") -> bytes:
    return (
        b'data: {"choices":[{"delta":{"%s":%s}}],"timings":{"cache_n":0,"prompt_n":200,"predicted_n":%d,'
        b'"predicted_per_second":40.0}}\n\n' % (kind.encode(), json.dumps(text).encode(), number)
    )


def last(output: int, prompt: int = 200) -> bytes:
    return (
        b'data: {"choices":[],"usage":{"completion_tokens":%d,"prompt_tokens":%d},"timings":{"cache_n":0,'
        b'"prompt_n":%d,"predicted_n":%d,"predicted_per_second":40.0}}\n\ndata: [DONE]\n\n'
        % (output, prompt, prompt, output)
    )


HELLO = [PROGRESS % 100, PROGRESS % 150, PROGRESS % 200, delta("Hel", 1), delta("lo", 2), last(3)]


class FakeEngine:
    """Answer with `script`; every word of a prompt counts as one token."""

    def __init__(self) -> None:
        self.script: list[bytes] = HELLO
        self.window = 4096
        self.running = True
        self.pid = os.getpid()
        self.asked: list[dict[str, Any]] = []
        self.hold = threading.Event()
        """While it is cleared, the answer goes on and on before the last piece of the script."""
        self.hold.set()
        self.silent_answers = 0
        """How many of the next answers say nothing after the head, as in a long prefill."""
        self.awake = threading.Event()
        self.hung_up = threading.Event()
        self.cut_off = False
        """Whether the connection breaks off instead of ending as HTTP does."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def pieces(self) -> Iterator[bytes]:
        if self.silent_answers:
            self.silent_answers -= 1
            self.awake.wait()
        yield from self.script[:-1]
        while not self.hold.wait(0.02):
            yield delta("more ", 9)
        yield self.script[-1]

    @contextmanager
    def noticing_hang_up(self) -> Iterator[None]:
        try:
            yield
        except (BrokenPipeError, ConnectionResetError):
            self.hung_up.set()

    def last_line(self) -> str:
        return "ggml: the last words"

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        self.hold.set()
        self.awake.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(fake: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != "Bearer secret":
                self.answer(401, {"error": {"message": "no key"}})
            elif self.path == "/apply-template":
                self.answer(200, {"prompt": " ".join(message["content"] for message in body["messages"])})
            elif self.path == "/tokenize":
                self.answer(200, {"tokens": body["content"].split()})
            else:
                fake.asked.append(body)
                self.stream()

        def answer(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            with fake.noticing_hang_up():
                for piece in fake.pieces():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"" if fake.cut_off else b"0\r\n\r\n")

    return Handler
