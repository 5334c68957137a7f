"""How the bytes travel: proxies, names, TLS, the debug log, what it costs to begin."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import pytest

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.models import EphemeralMcp
from lmchat.chat.values import Image, Prompt
from lmchat.errors import LmchatError, NotAllowedError, RefusedError, ServerError, UnreachableError
from lmchat.wire import exchange as exchanges
from lmchat.wire import http
from lmchat.wire.address import Address, proxy_for
from lmchat.wire.client import Client
from lmchat.wire.exchange import exchange
from lmchat.wire.http import Call, Head
from tests.support.scripted import HOLD, RESET, Request, ScriptedServer, Steps, answer, stream
from tests.wire.test_chat import END, HELLO, START

NO_MODELS = answer(200, '{"models":[]}')


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_this_machine_is_reached_past_every_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(NO_MODELS) as server, ScriptedServer(answer(502, "proxy")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert Client(Address(f"{host}:{server.port}")).models() == ()
    assert proxy.requests == []


def test_another_machine_is_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(NO_MODELS) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Client(Address("http://models.example.com:1234")).models() == ()
    assert proxy.requests[0].path == "http://models.example.com:1234/api/v1/models"


@pytest.mark.parametrize("proxy", ["http://me:pass@127.0.0.1:1", "me:pass@127.0.0.1:1", " http://127.0.0.1:1 "])
def test_a_proxy_that_cannot_be_used_is_named_as_the_cause(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(UnreachableError) as caught:
        Client(Address("http://models.example.com")).models()
    assert (
        "The proxy on the way to http://models.example.com cannot be used: Connection refused" in caught.value.message
    )
    assert "pass" not in caught.value.message
    assert "NO_PROXY" in caught.value.hint


NO_PROXY_URLS = (
    "foo://me:pass@proxy", "socks4://me:pass@proxy", "http://", "//proxy:3128", "://", "http://[", "http://[::1",
    "::1", "http://proxy:99999", "proxy:abc", "http://me:pass@", "foo bar", "http://a b:1", "http://$proxy", "http://p:0",
)  # fmt: skip


@pytest.mark.parametrize("proxy", NO_PROXY_URLS)
def test_what_is_no_proxy_is_one_sentence_and_no_secret(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(UnreachableError) as caught:
        Client(Address("http://models.example.com")).models()
    assert re.fullmatch(r"The proxy that the environment names, '.*', is not the URL of one\.", caught.value.message)
    assert "pass" not in caught.value.message
    assert "http://HOST:PORT" in caught.value.hint


@pytest.mark.parametrize(
    ("proxy", "taken"),
    [
        ("proxy", "http://proxy"),
        ("proxy:3128", "http://proxy:3128"),
        ("HTTP://proxy:3128/", "http://proxy:3128/"),
        (" http://proxy:3128\n", "http://proxy:3128"),
        ("http://me:pa%20ss@[fd00::1]:3128", "http://me:pa%20ss@[fd00::1]:3128"),
        ("https://proxy", "https://proxy"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_proxy_is_taken_as_people_write_it(proxy: str, taken: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    assert proxy_for(Address("http://models.example.com")) == taken


@pytest.mark.parametrize("kind", ["socks", "socks5", "SOCKS5h"])
def test_a_socks_proxy_names_the_extra_that_it_needs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", f"{kind}://me:pass@proxy:1080")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UnreachableError) as caught:
        Client(Address("http://models.example.com")).models()
    assert "pip install 'lmchat[socks]'" in caught.value.hint
    assert "pass" not in caught.value.message
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    taken = "socks5h" if kind == "SOCKS5h" else "socks5"
    assert proxy_for(Address("http://models.example.com")) == f"{taken}://me:pass@proxy:1080"


def two_addresses(host: Any, port: Any, *more: Any, **most: Any) -> list[Any]:
    kind = socket.SOCK_STREAM
    return [(socket.AF_INET6, kind, 6, "", ("::1", port, 0, 0)), (socket.AF_INET, kind, 6, "", ("127.0.0.1", port))]


@pytest.mark.usefixtures("each_way")
def test_a_name_with_two_addresses_of_which_one_listens_is_reached_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(NO_MODELS) as server:
        monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
        begun = time.monotonic()
        assert Client(Address(f"localhost:{server.port}")).models() == ()
    assert time.monotonic() - begun < 4  # a connection is waited for longer
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"


PLAIN_ADDRESSES = (
    "http://localhost", "http://models", "http://models:8080", "http://models.example.com", "http://10.0.0.1:1234",
    "http://my_host.lan.", "http://[fd00::1]", "http://[fd00::1]:99/a/b~c/d-e", "http://models/%7Euser/v2",
    "http://me:pass@models.example.com:81",
)  # fmt: skip


@pytest.mark.parametrize("url", PLAIN_ADDRESSES)
@pytest.mark.parametrize("body", [None, {"input": "日本"}])
def test_a_plain_socket_sends_what_httpx_would_send(
    url: str, body: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, int]] = []
    with ScriptedServer(NO_MODELS) as server:

        def here(host: str, port: int, *more: Any, **most: Any) -> list[Any]:
            called.append((host, port))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", here)
        call = Call(Address(url, "" if "@" in url else "token"), "POST" if body else "GET", "/api/v1/models", body)
        list(exchange(call))
        monkeypatch.setattr(http, "_PLAIN_URL", re.compile("(?!)"))
        list(exchange(call))
    assert called[0] == called[1]
    assert server.requests[0] == server.requests[1]
    assert server.requests[0].headers["connection"] == "close"


ODD_URLS = ("https://models", "http://münchen.example", "http://h/a b", "http://h/ä", "http://h/../x", "http://h/%zz",
            "http://[fe80::1%25eth0]", "http://a%b")  # fmt: skip


@pytest.mark.parametrize("url", ODD_URLS)
def test_what_is_not_sent_as_it_is_written_is_left_to_httpx(url: str) -> None:
    assert not http._PLAIN_URL.fullmatch(f"{url}/api/v1/chat")


HEADS = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-TYPE: application/json\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n",
)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("head", HEADS)
def test_any_proper_head_is_read(head: bytes) -> None:
    with ScriptedServer([head, b'{"models":[]}']) as server:
        assert Client(Address(server.url)).models() == ()


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000]
)
def test_a_head_without_end_is_no_http(head: bytes) -> None:
    with ScriptedServer([head, HOLD]) as server, pytest.raises(UnreachableError) as caught:
        Client(Address(server.url)).models()
    assert "does not speak HTTP" in caught.value.message


@pytest.mark.usefixtures("each_way")
def test_a_switch_to_another_protocol_is_refused() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    with ScriptedServer([head]) as server, pytest.raises(ServerError):
        Client(Address(server.url)).models()


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_comes_before_everything_was_sent_is_read(*, reset: bool) -> None:
    body = b'{"error":{"message":"too large"}}'
    said = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering_early(said, reset=reset) as url, pytest.raises(LmchatError) as caught:
        list(Client(Address(url)).chat(ChatRequest("m", Prompt("word " * 4_000_000))))
    assert "too large" in caught.value.message


def test_an_answer_of_a_server_that_reads_no_more_is_read() -> None:
    said = b'HTTP/1.1 413 Too Large\r\nContent-Length: 33\r\n\r\n{"error":{"message":"too large"}'
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(said + b"}")
            ended.wait(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    client = Client(Address(f"http://127.0.0.1:{listening.getsockname()[1]}"))
    a_while = islice(client.chat(ChatRequest("m", Prompt("word " * 4_000_000))), 200)
    with listening, pytest.raises(RefusedError) as caught:
        list(a_while)
    assert "too large" in caught.value.message
    ended.set()
    thread.join(10)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows numbers no descriptors")
def test_an_early_answer_is_read_where_a_thousand_files_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connect = socket.create_connection

    def with_high_number(*arguments: Any) -> socket.socket:
        with connect(*arguments) as sock:
            return socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 1500))

    monkeypatch.setattr(socket, "create_connection", with_high_number)
    body = b'{"error":{"message":"too large"}}'
    said = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    try:
        with answering_early(said, reset=False) as url, pytest.raises(RefusedError) as caught:
            list(Client(Address(url)).chat(ChatRequest("m", Prompt("word " * 4_000_000))))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "too large" in caught.value.message


def test_a_server_that_neither_reads_nor_answers_is_given_up_where_that_was_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address(f"http://127.0.0.1:{listening.getsockname()[1]}")
        body = {"input": "word " * 4_000_000}
        with pytest.raises(UnreachableError) as caught:
            list(exchange(Call(address, "POST", "/x", body, read_seconds=0.2)))
    assert "did not answer within 0.2 seconds" in caught.value.message


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 99\r\n\r\nNo",
        b"Content-Length: 99\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nN",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"Content-Encoding: br\r\n\r\nNo",
        b"Content-Encoding: gzip\r\n\r\nNo",
    ],
)
@pytest.mark.parametrize("end", [(), (0.05, RESET)])
@pytest.mark.parametrize("chat", [True, False])
def test_a_refusal_of_which_only_the_status_comes_is_what_that_says(rest: bytes, end: Steps, *, chat: bool) -> None:
    with ScriptedServer([b"HTTP/1.1 403 Forbidden\r\n" + rest, *end]) as server:
        client = Client(Address(server.url))
        with pytest.raises(NotAllowedError):
            list(client.chat(HELLO)) if chat else client.models()


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("end", [(HOLD,), (b"o", 0.01) * 1000])
def test_the_rest_of_a_refusal_is_not_waited_for_long(end: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "_REFUSAL_SECONDS", 0.3)
    steps: Steps = [b"HTTP/1.1 413 Too Large\r\nContent-Length: 999999\r\n\r\n", *end]
    begun = time.monotonic()
    with ScriptedServer(steps) as server, pytest.raises(RefusedError) as caught:
        list(Client(Address(server.url)).chat(HELLO))
    assert "too large" in caught.value.message
    assert time.monotonic() - begun < 8


@contextmanager
def answering_early(said: bytes, *, reset: bool) -> Iterator[str]:
    """Answer as soon as the head of a request has come; then read no more, or (`reset`) close the connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(said)
                if not reset:
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    thread.join(10)


@pytest.mark.usefixtures("each_way")
def test_the_time_to_connect_is_bounded_and_does_not_bound_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, given = socket.create_connection, []

    def noted(address: Any, timeout: float, *more: Any, **most: Any) -> socket.socket:
        given.append(timeout)
        return connect(address, timeout, *more, **most)

    monkeypatch.setattr(socket, "create_connection", noted)
    with ScriptedServer([0.4, *NO_MODELS]) as server:
        head, *_ = (each for each in exchange(Call(Address(server.url), "GET", "/x", connect_seconds=0.2)) if each)
    assert isinstance(head, Head)
    assert given == [0.2]


@pytest.mark.usefixtures("each_way")
def test_what_begins_as_no_http_is_not_asked_again() -> None:
    def served(request: Request) -> Steps:
        return [b"SSH-2.0", 0.05, RESET] if request.method == "POST" else [HOLD]

    with ScriptedServer(served) as server, pytest.raises(UnreachableError) as caught:
        list(Client(Address(server.url)).chat(HELLO))
    assert caught.value.message == f"What answers at {server.url} does not speak HTTP."
    assert len(server.requests) == 1


@pytest.mark.usefixtures("each_way")
def test_a_host_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*asked: Any, **more: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnreachableError) as caught:
        Client(Address("http://nowhere.example")).models()
    assert caught.value.message == "There is no host called 'nowhere.example', or no network to ask."


@pytest.mark.usefixtures("each_way")
def test_a_name_that_is_looked_up_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def slow(*asked: Any, **more: Any) -> Any:
        given_up.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.monotonic()
    assert not Client(Address("http://nowhere.example")).greets()
    assert time.monotonic() - begun < 20
    given_up.set()


def test_plain_http_where_tls_was_asked_for_says_so() -> None:
    with ScriptedServer([b"HTTP/1.1 400 Bad Request\r\n\r\n"]) as server, pytest.raises(UnreachableError) as caught:
        Client(Address(f"https://127.0.0.1:{server.port}")).models()
    assert "No encrypted connection" in caught.value.message
    assert "http://" in caught.value.hint


def test_a_server_that_waits_where_tls_begins_may_speak_plain_http() -> None:
    with ScriptedServer([HOLD]) as server, pytest.raises(UnreachableError, match="timed out") as caught:
        list(exchange(Call(Address(f"https://127.0.0.1:{server.port}"), "GET", "/", connect_seconds=0.2)))
    assert "write http://" in caught.value.hint


@pytest.mark.usefixtures("each_way")
def test_something_that_is_no_http_is_no_server() -> None:
    with ScriptedServer([b"220 mail.example.com ESMTP\r\n\r\n"]) as server, pytest.raises(UnreachableError) as caught:
        list(Client(Address(server.url)).chat(HELLO))
    assert caught.value.message == f"What answers at {server.url} does not speak HTTP."


@pytest.mark.usefixtures("each_way")
def test_a_server_that_is_silent_is_given_up_where_that_was_asked() -> None:
    with ScriptedServer([HOLD]) as server:
        pieces = exchange(Call(Address(server.url), "GET", "/api/v1/models", read_seconds=0.2))
        with pytest.raises(UnreachableError) as caught:
            list(pieces)
    assert caught.value.message == f"{server.url} accepted the connection, but did not answer within 0.2 seconds."


@pytest.mark.usefixtures("each_way")
def test_the_debug_log_has_the_request_the_status_and_the_time() -> None:
    lines: list[str] = []
    with ScriptedServer(stream(START, END)) as server:
        list(Client(Address(server.url), lines.append).chat(HELLO))
    assert lines[0] == f'POST {server.url}/api/v1/chat {{"model":"m","input":"hi","stream":true}}'
    assert lines[1].startswith("200 text/event-stream after 0.")
    assert lines[2].startswith(f"{len(START + END)} bytes in 0.")


def test_the_debug_log_has_no_secret_and_no_long_text() -> None:
    lines: list[str] = []
    request = ChatRequest(
        "m",
        Prompt("sk-lm-aaaa:bbbbbb " + "word " * 1000, (Image("a", "image/png", b"x" * 9000),)),
        integrations=(EphemeralMcp("hf", "https://me:pass@hf.co/mcp?key=hf_secret", headers={"X-Key": 'a"hf_0123'}),),
    )
    with ScriptedServer(stream(START, END)) as server:
        client = Client(Address(server.url.replace("//", "//user:word99@"), "sk-lm-aaaa:bbbbbb"), lines.append)
        list(client.chat(request))
    log = "\n".join(lines)
    for secret in ("bbbbbb", "sk-lm-", "pass", "hf_secret", "hf_0123", "word99"):
        assert secret not in log
    assert "X-Key" in log
    assert len(log) < 1000


def test_the_debug_log_hides_a_secret_that_a_server_repeats_in_a_header() -> None:
    lines: list[str] = []
    with (
        ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Type: x/SK-lm-%73ecret\r\nContent-Length: 2\r\n\r\n{}"]) as server,
        suppress(LmchatError),
    ):
        Client(Address(server.url, token="sk-lm-secret"), log=lines.append).models()
    assert any("200 x/" in line for line in lines)
    assert not any("ecret" in line for line in lines)


def test_loading_httpx_loads_neither_its_command_line_nor_hides_click() -> None:
    script = (
        "import sys; from lmchat.wire.http import load_httpx; load_httpx();"
        "assert 'httpx' in sys.modules and 'httpx._main' not in sys.modules, 'the command line is loaded';"
        "assert 'click' not in sys.modules; import click"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})


def test_a_plain_exchange_loads_no_httpx() -> None:
    with ScriptedServer(NO_MODELS) as server:
        script = (
            "import sys; from lmchat.wire.address import Address; from lmchat.wire.client import Client;"
            f"assert Client(Address({server.url!r})).models() == ();"
            "assert not {'httpx', 'httpcore', 'ssl', 'logging', 'urllib.request'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})


def test_a_failure_loads_no_httpx() -> None:
    script = (
        "import sys; from lmchat.errors import UnreachableError; from lmchat.wire.address import Address;"
        "from lmchat.wire.client import Client\n"
        "try: Client(Address('http://127.0.0.1:1')).models()\n"
        "except UnreachableError as error: assert error.message == 'Nothing answers at http://127.0.0.1:1.'\n"
        "assert 'httpx' not in sys.modules and 'httpcore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})


def test_the_client_costs_nothing_before_it_is_used() -> None:
    script = "import sys, lmchat.wire.client; assert not {'httpx', 'ssl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})
