"""Tokens, passwords and headers in every combination of profile, option, variable and address, seen by a proxy."""

import random
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.program import MODELS, reply
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream
from tests.trust.forking import Lmchat
from tests.trust.section import Section

SECRETS = {"WORK_TOKEN": "sk-of-work-1", "FILE_TOKEN": "sk-of-file-2", "LM_API_TOKEN": "sk-general-3"}
HEADER, PASSWORD = "header-of-search-4", "pw-of-work-5"

ADDRESSES: tuple[str, ...] = (
    "", "http://work.example:80", "http://WORK.example.", f"http://me:{PASSWORD}@work.example", "http://work.example:81",
    "http://file.example:8080", "http://other.example", "http://work.example@other.example", "http://work.example.other.example",
    "http://other.example/work.example", "http://file.example", "http://xn--wrk-fna.example", "http://wörk.example",
    "http://work.example:80@other.example:80", "http://127.0.0.1.other.example", "http://localhost.other.example",
)  # fmt: skip

_SETTINGS = """{file}
[profile.work]
url = "http://work.example"
{work}
[profile.bare]
url = "http://bare.example"
[mcp.search]
{mcp}
headers = {{ Authorization = "Bearer {header}" }}
"""
_OWNERS = {
    "sk-of-work-1": {("work.example", 80)},
    "sk-of-file-2": {("file.example", 8080)},
    PASSWORD: {("work.example", 80)},
}


def run_secrets(lmchat: Lmchat, home: Path, count: int, seed: int = 13) -> Section:
    """Ask wherever an address may be given, and look which secret went where; the first host redirects everything."""
    section, chance = Section("secrets"), random.Random(seed)  # noqa: S311 - the same runs each time
    home.mkdir(parents=True, exist_ok=True)
    arrived: set[str] = set()
    everything = list(product(ADDRESSES, ADDRESSES, ("", "work", "bare"), ("", "work"), (0, 1, 2), (0, 1)))
    for flag, variable, profile, of_environment, tokens, redirects in chance.sample(
        everything, min(count, len(everything))
    ):
        work = ('token_env = "WORK_TOKEN"', f"token_command = 'echo {SECRETS['WORK_TOKEN']}'", "")[tokens]
        file = 'url = "http://file.example:8080"\ntoken_env = "FILE_TOKEN"' if chance.random() < 0.6 else ""
        mcp = 'url = "https://search.example/mcp"' if chance.random() < 0.5 else ""
        (home / "settings.toml").write_text(_SETTINGS.format(file=file, work=work, mcp=mcp, header=HEADER))
        tool = chance.choice(
            ["https://search.example/mcp", "https://evil.example/mcp", "https://search.example:444/mcp"]
        )
        arguments = [
            *(("--url", flag) if flag else ()), *(("--profile", profile) if profile else ()),
            "--debug", "ask", "-m", "tiny", "--mcp", f"search={tool}", "hi",
        ]  # fmt: skip
        environ = SECRETS | {"LMCHAT_URL": variable, "LMCHAT_PROFILE": of_environment}
        with ScriptedServer(_redirecting if redirects else _served) as proxy:
            ended = lmchat(*arguments, home=home, environ={**environ, "http_proxy": proxy.url, "no_proxy": ""})
            for request in proxy.requests:
                arrived.update(each for each in SECRETS.values() if each in request.headers.get("authorization", ""))
                for fault in _misplaced(request, {flag, variable} - {""}, tool if mcp else ""):
                    section.faults.append(f"{arguments} {environ}: {fault}")
        said = ended.stderr + ended.stdout
        shown = [secret for secret in (*SECRETS.values(), HEADER, PASSWORD) if secret in said]
        fault = f"{arguments}: {shown} shown" if shown else ""
        section.saw(
            ended.peak, fault if ended.in_order else f"{arguments}: status {ended.status}: {ended.stderr[-200:]}"
        )
    if count > 100 and len(arrived) < len(SECRETS):
        section.faults.append(f"of all tokens, only {arrived} went anywhere")
    return section


def _served(request: Request) -> Steps:
    return stream(reply()) if request.method == "POST" else answer(200, MODELS)


def _redirecting(request: Request) -> Steps:
    return [b"HTTP/1.1 307 Go\r\nLocation: http://elsewhere.example/api/v1/chat\r\nContent-Length: 0\r\n\r\n"]


def _misplaced(request: Request, given: set[str], tool: str) -> list[str]:
    """Name the secrets of a request that belong elsewhere."""
    import base64

    parts = urlsplit(request.path)
    host = ((parts.hostname or "").rstrip("."), parts.port or 80)
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("Basic "):
        authorization = base64.b64decode(authorization[6:]).decode()
    owners: Mapping[str, set[tuple[str, int]]] = _OWNERS | {"sk-general-3": {_place(url) for url in given}}
    faults = [
        f"{secret} went to {host}"
        for secret, places in owners.items()
        if secret in authorization and host not in places
    ]
    if HEADER.encode() in request.body and tool != "https://search.example/mcp":
        faults.append(f"the header of search went along for {tool or 'no address'}")
    if host[0] == "elsewhere.example":
        faults.append("a redirect was followed")
    return faults


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    name = (parts.hostname or "").rstrip(".")
    return name.encode("idna").decode(), parts.port or 80
