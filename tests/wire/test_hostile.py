"""Whatever a server, a proxy or a setting brings, the wire raises an error of its own and nothing else."""

import base64
import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.chat.exchange import Fault
from lmchat.errors import LmchatError, RefusedError, ServerError, StreamBrokenError, UnreachableError
from lmchat.wire.address import Address, load_httpx, proxy_for
from lmchat.wire.client import Client
from lmchat.wire.exchange import json_object
from lmchat.wire.faults import connection_fault
from lmchat.wire.http import Call, Connection, Head
from lmchat.wire.redaction import redact, redact_all
from tests.support.scripted import RESET, STREAM_HEAD, ScriptedServer, Steps, answer, chunk, stream
from tests.wire.test_chat import HELLO

load_httpx()
import h11  # noqa: E402 - after the way in that lmchat itself takes
import httpcore  # noqa: E402
import httpx  # noqa: E402

CONNECTED = Connection(sock=socket.socket())
CALL = Call(Address("http://example.com:1234"), "POST", "/api/v1/chat")


def every(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in kind.__subclasses__():
        if each.__module__.partition(".")[0] in {"httpx", "httpcore", "h11"}:
            yield each
        yield from every(each)


def instance(kind: type[BaseException]) -> Exception:
    made = kind.__new__(kind)
    made.args = ("it went wrong",)
    assert isinstance(made, Exception)
    return made


RAISED = [
    *(instance(kind) for kind in sorted(set(every(Exception)), key=lambda kind: f"{kind.__module__}.{kind.__name__}")),
    *(OSError(5, "Input/output error"), EOFError(), ValueError("bad"), UnicodeError("label too long")),
    UnicodeEncodeError("idna", "x", 0, 1, "no"),
]


def test_the_list_of_exceptions_is_not_empty() -> None:
    names = {type(each).__name__ for each in RAISED}
    assert {"InvalidURL", "LocalProtocolError", "UnsupportedProtocol", "StreamError", "ConnectTimeout"} <= names
    assert len({h11, httpcore, httpx}) == 3


@pytest.mark.parametrize("error", RAISED, ids=lambda error: f"{type(error).__module__}.{type(error).__name__}")
def test_every_exception_of_the_libraries_has_its_error(error: Exception) -> None:
    assert isinstance(connection_fault(error, CALL, CONNECTED, headed=False), UnreachableError | StreamBrokenError)
    assert isinstance(connection_fault(error, CALL, CONNECTED, headed=True), StreamBrokenError)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", ["ConnectError", "ConnectTimeout", "ReadError", "ReadTimeout", "RemoteProtocolError"])
def test_httpx_and_httpcore_call_the_same_failure_the_same(name: str, *, opened: bool) -> None:
    connection = CONNECTED if opened else Connection()
    faults = [
        connection_fault(getattr(library, name)("Server disconnected"), CALL, connection, headed=False)
        for library in (httpx, httpcore)
    ]
    assert len({(type(each), str(each)) for each in faults}) == 1


def test_a_fault_of_our_own_is_none_of_the_network() -> None:
    assert connection_fault(TypeError("oops"), CALL, CONNECTED, headed=False) is None


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> str:
    return opening * depth + "1" + closing * depth


DEPTHS = [99, 101, 250, 333, 600, 990, 5_000, 100_000]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_an_error_event_of_any_depth_is_a_refusal_or_a_broken_stream(depth: int, opening: str, closing: str) -> None:
    frame = f'data: {{"type":"error","error":{{"message":{nested(depth, opening, closing)}}}}}\n\n'
    with ScriptedServer(stream(frame.encode())) as server:
        try:
            (fault,) = Client(Address(server.url)).chat(HELLO)
        except StreamBrokenError:
            return
    assert isinstance(fault, Fault)


@pytest.mark.parametrize("depth", DEPTHS)
def test_an_answer_of_any_depth_has_an_error_of_its_own(depth: int) -> None:
    body = f'{{"error":{nested(depth)},"models":{nested(depth, "[", "]")}}}'
    for status in (200, 400):
        with ScriptedServer(answer(status, body)) as server, pytest.raises(ServerError):
            Client(Address(server.url)).models()


LOCATIONS = [
    "http://[bad",
    "http://[::1",
    "//[",
    "http://a b",
    "\x7f",
    "http://" + "a" * 5_000,
    "é",
    "http://x:99999999/",
    "http://me:pass@[bad",
    "javascript:1",
    "",
    " ",
    "?",
    "#",
    "http://%zz",
    "\\\\",
    "ftp://\u2100.com",
]


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_redirect_to_anything_is_a_refusal(location: str) -> None:
    head = f"HTTP/1.1 302 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with ScriptedServer([head]) as server, pytest.raises(ServerError) as caught:
        Client(Address(server.url)).models()
    assert "pass" not in caught.value.message
    assert len(caught.value.message) < 800


NO_HTTP = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\nInvalid\r\n",
    b"\x15\x03\x01\x00\x02\x02\x16",
    b"\x15\x03\x03\x00\x02\x02\x46",
    b"220 mail ESMTP\r\n",
    b"\x00",
    b"+OK\r\n",
    b"\xff" * 40,
    b"HTP/1.1 200 OK\r\n\r\n",
    b"\r\n",
    b"J\x00\x00\x00\x0a8.0.36\x00",
    b"AMQP\x00\x00\x09\x01",
    b"-ERR unknown command\r\n",
    b"{}",
]


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("said", NO_HTTP)
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("chat", [True, False])
def test_bytes_that_are_no_http_are_called_that(said: bytes, *, reset: bool, chat: bool) -> None:
    steps: Steps = [said, 0.02, *([RESET] if reset else [])]
    with ScriptedServer(steps) as server:
        client = Client(Address(server.url))
        with pytest.raises(UnreachableError) as caught:
            list(client.chat(HELLO)) if chat else client.models()
    assert caught.value.message == f"What answers at {server.url} does not speak HTTP."


@contextmanager
def banner(said: bytes) -> Iterator[str]:
    """Greet each client before it says a word, as SSH does, and hang up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.sendall(said)
                    connection.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.mark.usefixtures("each_way")
def test_a_banner_is_no_http() -> None:
    with banner(b"SSH-2.0-OpenSSH_9.6\r\n") as url, pytest.raises(UnreachableError) as caught:
        list(Client(Address(url)).chat(HELLO))
    assert "does not speak HTTP" in caught.value.message


NO_PROXIES = ["localhost,[::1]", "10.0.0.0/8,192.168.0.0/16", "[::1]:80", "::1/128", "[", "a b", "*.", ",,", "http://["]


@pytest.mark.parametrize("entries", NO_PROXIES)
def test_no_entry_of_no_proxy_breaks_a_request(entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(answer(200, '{"models":[]}')) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, entries)
        assert Client(Address("http://models.example.com:1234")).models() == ()


@pytest.mark.parametrize(
    ("entries", "url", "covered"),
    [
        ("10.0.0.0/8", "http://10.1.2.3:1234", True),
        ("10.0.0.0/8", "http://11.1.2.3:1234", False),
        ("10.1.2.3", "http://10.1.2.3:1234", True),
        ("fd00::/8", "http://[fd00::1]:1234", True),
        ("[fd00::1]", "http://[fd00::1]:1234", True),
        ("[fd00::1]:1234", "http://[fd00::1]:1234", True),
        ("example.com", "http://models.example.com", True),
        (".example.com", "http://models.example.com", True),
        ("*.example.com", "http://models.example.com", True),
        ("ample.com", "http://models.example.com", False),
        ("models.example.com:80", "http://models.example.com", True),
        ("other, MODELS.example.com", "http://models.example.com", True),
        ("*", "http://models.example.com", True),
        ("", "http://models.example.com", False),
    ],
)
def test_no_proxy_names_hosts_and_networks(
    entries: str, url: str, covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "proxy:3128")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, entries)
    assert proxy_for(Address(url)) == (None if covered else "http://proxy:3128")


SECRET = "sk-lm-AbCd1234:xYz/98+76=Q%"


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        SECRET.lower(),
        SECRET.upper(),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote(SECRET),
        SECRET[:10],
        SECRET[:6].upper(),
        "".join(f"%{ord(letter):02x}" for letter in SECRET),
        f"https://x/?key={quote(SECRET, safe='')}&y=1",
    ],
)
def test_a_secret_is_hidden_however_it_is_written(shown: str) -> None:
    for text in (f"Bad token {shown}!", f"{shown}{shown} again {shown}"):
        hidden = redact(text, (SECRET,))
        assert "sk-lm" not in hidden.lower()
        assert "%73%6b" not in hidden.lower()
        assert "xyz" not in hidden.lower()
    assert redact_all({f"a {shown}": [{shown: shown}]}, (SECRET,)) == {
        redact(f"a {shown}", (SECRET,)): [{redact(shown, (SECRET,)): redact(shown, (SECRET,))}]
    }


def test_user_and_password_are_hidden_in_their_encoded_form_too() -> None:
    address = Address("http://me:S3cret-Word@example.com")
    encoded = base64.b64encode(b"me:S3cret-Word").decode()
    assert redact(f"Basic {encoded} s3cret-word", address.secrets) == "Basic [hidden] [hidden]"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "error",
                    "message",
                    "code",
                    "param",
                    "output",
                    "content",
                    "result",
                    "stats",
                    "models",
                    "key",
                    "capabilities",
                    "loaded_instances",
                    "metadata",
                    "tool",
                    "arguments",
                    "detail",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(value=JSON_VALUES, status=st.sampled_from([200, 302, 400, 401, 403, 404, 500, 503]))
def test_any_json_is_an_object_or_an_error(value: object, status: int) -> None:
    body = json.dumps(value).encode()
    try:
        data = json_object(Head(status, "application/json"), body, CALL)
    except LmchatError:
        return
    assert data == json.loads(body) or "NaN" in body.decode()


@given(body=st.binary(max_size=200), status=st.integers(200, 599))
def test_any_bytes_are_an_error(body: bytes, status: int) -> None:
    with suppress(LmchatError):
        json_object(Head(status, "application/json"), body, CALL)


def garbage(source: random.Random) -> bytes:
    pieces = [
        b"data: ",
        b"event: error\n",
        b"\n",
        b"\n\n",
        b"\r",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"type":"message.delta",',
        b'"content":',
        b'"',
        b"\xff",
        b"null",
        b"1e999",
        b'"type":"chat.end"',
        b'"result":',
        b"\\ud83d",
        b",",
        b"id: 1\n",
        b'data: {"type":"message.delta","content":"x"}\n\n',
        b'data: {"type":"error","error":[]}\n\n',
        b"retry: x\n",
        b'data: {"type":"tool_call.success","arguments":"{"}\n\n',
        "\u2028".encode(),
        b"\x00",
    ]
    return b"".join(source.choice(pieces) for _ in range(source.randrange(40)))


def test_no_garbage_in_a_stream_raises_anything_else() -> None:
    source = random.Random(20261125)  # noqa: S311 - the same garbage each time
    body = [chunk(garbage(source)) for _ in range(300)]
    answers: list[Steps] = [[STREAM_HEAD, each, chunk(b"")] for each in body if each != chunk(b"")]
    with ScriptedServer(*answers) as server:
        client = Client(Address(server.url))
        for _ in answers:
            with suppress(ServerError):
                list(client.chat(HELLO))


def test_a_refusal_of_a_hundred_thousand_titles_is_read_at_once() -> None:
    body = b"<html>" + b"<title" * 100_000
    with ScriptedServer(answer(500, body)) as server, pytest.raises(RefusedError):
        Client(Address(server.url)).models()
