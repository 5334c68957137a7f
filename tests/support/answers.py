"""Answers of servers: recorded ones (tests/wire/samples), and some that are made up, by path."""

from collections.abc import Callable
from pathlib import Path

from tests.support.scripted import Request, Steps, answer

SAMPLES = Path(__file__).parents[1] / "wire/samples"
NOT_FOUND = answer(404, '{"detail":"Not Found"}')
GREAT = '{"data":[{"id":"m","owned_by":"%s"}],"object":"list"}'


def recorded(name: str) -> Steps:
    reply = (SAMPLES / f"{name}.http").read_bytes()
    if reply.startswith(b"data:"):  # one was kept without its head
        reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + reply
    head, _, body = reply.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"transfer-", b"content-length"))]
    return [b"\r\n".join(lines) + b"\r\n\r\n" + body]


def by_path(**routes: Steps) -> Callable[[Request], Steps]:
    """Answer each path as it is named here (`v1_models`), any other as an unknown route."""

    def chosen(request: Request) -> Steps:
        name = request.path.strip("/").replace("/", "_").replace("-", "_")
        return routes.get(name, NOT_FOUND)

    return chosen


def models(owner: str, **more: str) -> Steps:
    rest = "".join(f',"{name}":{value}' for name, value in more.items())
    return answer(200, f'{{"object":"list","data":[{{"id":"m","object":"model","owned_by":"{owner}"{rest}}}]}}')


NO_ROUTE = recorded("native_chat")
VLLM = models("vllm", max_model_len="8192")
LITELLM = by_path(v1_models=models("openai"), model_info=answer(200, '{"data":[]}'))
