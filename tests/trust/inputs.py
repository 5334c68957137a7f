"""Hostile values for every argument, variable and file: each ends with an exit code of the list, and says why."""

import random
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from tests.support.program import MODELS, reply
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream
from tests.trust.damage import small_store
from tests.trust.forking import Ended, Lmchat
from tests.trust.section import Section

TEXTS: tuple[str, ...] = (
    "", " ", "\t", "\n", "a\nb", "\udcff", "a\udcff", "\x1b[2J", "\u202e", "\u2028", "é" * 300, "a" * 5000,
    "a" * 100_000,
    "-", "--", "-x", "@", "@/nonexistent", "@/", "@/dev/null", "@/dev/zero", "~", "~nosuch/x", "@~nosuch", "/", "..",
    "../../x", "0", "-1", "1e9", "9" * 30, "nan", "-inf", "1_0", "٣", "½", "true", "[", "{}", "null",
    "'", '"', "\\", "%00",
    "$(id)", "*", "?", "=", "a=b", "a=http://[", "a=https://me:PASS@host/mcp", "mcp/", "mcp/a:", "mcp/a:b,c",
    "http://[bad",
    "http://", "http://:80", "http://a:b:c", "http://a:99999", "http://a:-1", "http://%zz", "http://\u2100.com",
    "http://xn--",
    "http://" + "a" * 300, "http://a..b", "http://.", "http://1.2.3.4.5", "http://[fe80::1%eth0]:80",
    "http://[::1]:0",
    "ftp://x", "file:///etc/passwd", "javascript:1", "LOCAL", "http://me:PASS@", "http://@host", "//", "http://a/?q",
    "http://a/#f", "http://0", "http://①", "http://ａ", "😀", "/dev/zero", "/dev/full", "/",
)  # fmt: skip
"""What no one means, as command lines and variables can have it."""

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
Run = tuple[tuple[str, ...], Mapping[str, str]]


OPTIONS = (
    "-s", "-m", "-S", "-f", "-i", "-p", "-o", "--mcp", "--at", "--temperature", "--top-k", "--reasoning", "--encoding",
    "--schema",
)  # fmt: skip


def runs(url: str, text: str) -> Iterator[Run]:
    """Yield command lines and environments with a text in each of their places."""
    ask, server = ("--url", url, "ask", "-m", "tiny"), ("--url", url)
    for option in OPTIONS:
        yield (*ask, "-s", "one", option, text, "hi"), {}
    yield (*ask, text), {}
    for option in ("--url", "--profile", "--color", "--api"):
        yield (option, text, "settings"), {}
    yield ("--url", text if text.lower() != "local" else "x", "ask", "-m", "tiny", "hi"), {}
    for command in ("show", "tree", "export", "restore", "import", "backup"):
        yield ("sessions", command, text), {}
    yield from ((("sessions", command, "one", text), {}) for command in ("fork", "rename", "export", "show"))
    yield ("sessions", "show", "one", "--at", text), {}
    yield ("sessions", "search", text), {}
    yield ("sessions", "delete", f"{text}zz"), {}
    yield ("sessions", "delete", "zz", "--older-than", text), {}
    yield ("sessions", "list", "--limit", text), {}
    yield ("sessions", "export", "one", "-o", text), {}
    yield ("settings", "set", text, "1"), {}
    for key in ("model", "url", "system", "token_command", "temperature", "default_profile"):
        yield ("settings", "set", key, text), {}
    yield ("settings", "set", f"profile.{text}.url", "http://a"), {}
    yield ("settings", "unset", text), {}
    for command in ("load", "unload", "download"):
        yield (*server, "models", command, text), {}
    yield ("help", text), {}
    yield ("__complete", "sessions", "show", text), {}
    yield ("__complete", "--url", text, "ask", "-m", ""), {}
    names = ("LMCHAT_URL", "LMCHAT_MODEL", "LMCHAT_PROFILE", "LMCHAT_LOCAL_KEEP", "LMCHAT_LOCAL_MODEL", "LMCHAT_HOME")
    yield from ((("settings",), {name: text}) for name in (*names, "TZ", "LANG", "HOME", "XDG_CONFIG_HOME"))
    yield from ((("sessions",), {name: text}) for name in ("LMCHAT_HOME", "TMPDIR", "COLUMNS"))
    yield from (((*ask, "hi"), {name: text}) for name in ("LM_API_TOKEN", "TERM", "COLUMNS", "TMPDIR", "SSL_CERT_FILE"))
    yield ("--url", "http://models.example.com", "models"), {"http_proxy": text, "no_proxy": text}


SETTINGS: tuple[bytes, ...] = (
    b"\xff", b"\xef\xbb\xbfmodel='x'", b"\x00", b"model = '\x00'", b"profile = 1", b"profile = []", b"[[profile]]",
    b"[profile]\na = 1",
    b"[profile.a]\nurl = 1", b"mcp = 'x'", b"[mcp.a]\nheaders = []", b"[mcp.a]\nheaders = 1",
    b"[mcp.a.headers]\n'a b' = 'x'",
    b"[mcp.a]\nurl = 'x'", b"top_k = 99999999999999999999999", b"top_k = true", b"temperature = nan",
    b"temperature = 1e999",
    b"temperature = inf", b"width = 1979-05-27", b"a" * 2_000_000, b"a = " + b"[" * 5000, b"a = " + b"9" * 5000,
    b"[a.b.c.d]\n",
    b"url = 'http://[bad'", b"url = 1",
    b"token_command = '\"'", b"token_command = ''", b"token_env = 'A B'", b"default_profile = 'x'",
    b"default_profile = 1", b"model = 'a'\nmodel = 'b'", b"= 1", b"[", b"\r",
    b"'''", b"keys = 'VI'", b"system = '@/dev/zero'",
    b"system = '@'", b"\xed\xa0\x80 = 1", b"local_keep = 1e308", b"code_theme = 'x'", b"stats = 'yes'", b"maths = 1",
    b"title = 2",
)  # fmt: skip
"""What a settings file should not have."""


def run_inputs(lmchat: Lmchat, home: Path, count: int, seed: int = 11) -> Section:
    """Give hostile values to every argument, variable and settings file, or to some of them."""
    section, chance = Section("hostile inputs"), random.Random(seed)  # noqa: S311 - the same inputs each time

    def served(request: Request) -> Steps:
        return answer(200, MODELS) if request.method == "GET" else stream(reply())

    with ScriptedServer(served) as server:
        cases: list[tuple[Run, bytes]] = [(run, b"") for text in TEXTS for run in runs(server.url, text)]
        commands = (("settings",), ("ask", "-m", "tiny", "hi"), ("settings", "set", "profile.a.model", "m"))
        at_server: list[Run] = [(("--url", server.url, *command), {}) for command in commands]
        prompt: list[Run] = [
            (("--url", server.url, "ask", "-m", "tiny", *flags), {})
            for flags in (("-p", "x", "hi"), ("-S", ":x", "hi"), ("-p", "x/x", "hi"))
        ]
        prompt += [(("prompts",), {}), (("prompts", "--json"), {}), (("__complete", "ask", "-p", ""), {})]
        others: list[Run] = [(("settings", "unset", "model"), {}), (("__complete", "--profile", ""), {})]
        cases += [(run, text) for text in SETTINGS for run in (*at_server, *others, *prompt)]
        for (arguments, environ), text in cases if count >= len(cases) else chance.sample(cases, count):
            store, settings = home / "conversations.db", home / "settings.toml"
            if not store.exists():
                small_store(home)
            settings.unlink(missing_ok=True)
            if text:
                settings.write_bytes(text)
                _write_prompts(home, text)
            ended = lmchat(*arguments, home=home, environ=environ)
            section.saw(ended.peak, _wrong(ended, environ, text))
    return section


def _write_prompts(home: Path, text: bytes) -> None:
    """Write a prompt and a role of the person's own, with the text in front of them and as them."""
    for place in (home / "prompts" / "x.md", home / "roles" / "x.md", home / "prompts" / "x" / "x.md"):
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(b"---\n" + text + b"\n---\n{{x}} $1 {input}" + text)


def _wrong(ended: Ended, environ: Mapping[str, str], settings: bytes) -> str:
    """Say what is wrong with how a run ended, empty where nothing is."""
    what = f"lmchat {' '.join(each[:60] for each in ended.arguments)} {dict(environ)} {settings[:40]!r}"
    if not ended.in_order or ended.status > 8:
        return f"{what}: status {ended.status}: {ended.stderr[-200:]}"
    if ended.status and not (ended.stderr or ended.stdout):
        return f"{what}: status {ended.status} without a word"
    address = any(before in {"--url", "--mcp"} and "PASS" in each for before, each in pairwise(ended.arguments))
    if _OBEYED.search(ended.stderr) or (address and "PASS" in ended.stderr):
        return f"{what}: stderr is not safe: {ended.stderr[-200:]!r}"
    return ""
