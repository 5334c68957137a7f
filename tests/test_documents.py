"""The documents of the repository agree with each other and with the program."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat import __version__
from lmchat.local.catalogue import CATALOGUE
from lmchat.store.documents import FORMAT, VERSION

ROOT = Path(__file__).parent.parent
PROTOCOL = ROOT / "lmchat/wire/lmstudio/PROTOCOL.md"
CHANGES = ROOT / "lmchat/CHANGES.md"
ARCHITECTURE = ROOT / "lmchat/ARCHITECTURE.md"
FOLDERS = (".ci", ".github", "completions", "lmchat", "tests")

CITED = re.compile(r"\b([A-Z][A-Z_-]{2,}\.md)\b|\b([A-Z]{4,}),? sections? \d|\(([A-Z]{4,}): (?=[a-z])")
"""A document by its file's name, or by that name without its suffix in front of a section or a topic."""

PLACEHOLDERS = {"FILE.md", "NAME.md"}

SECTIONS = re.compile(r"sections? (\d(?:(?:, | and | to )\d)*)(?:, ([A-Z]\w+))?")
"""One or more sections by number, or one with the name of a part of it."""


def project() -> dict[str, object]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def files() -> Iterator[Path]:
    yield from (each for each in ROOT.iterdir() if each.suffix in {".md", ".toml", ".yaml"})
    for folder in FOLDERS:
        found = (ROOT / folder).rglob("*")
        yield from (each for each in found if each.is_file() and "__pycache__" not in each.parts)


def prose(path: Path) -> str:
    """Return a file's text on one line, as if its comments were not wrapped."""
    return re.sub(r"\s*\n[\s#]*", " ", path.read_text(encoding="utf-8", errors="ignore"))


def documents() -> list[Path]:
    return [each for each in files() if each.suffix == ".md"]


def slug(heading: str) -> str:
    """Return the anchor that a heading of Markdown gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings(path: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def protocol_sections() -> dict[int, set[str]]:
    """Return the number of each section with the names of its parts."""
    found: dict[int, set[str]] = {}
    for heading in headings(PROTOCOL)[1:]:
        numbered = re.match(r"(\d)\. ", heading)
        if numbered:
            found[int(numbered[1])] = set()
        else:
            found[max(found)].add(heading)
    return found


def numbers(listed: str) -> list[int]:
    """Return the numbers of `2`, `1, 2 and 5` or `3 to 5`."""
    if " to " in listed:
        first, last = listed.split(" to ")
        return list(range(int(first), int(last) + 1))
    return [int(each) for each in re.findall(r"\d", listed)]


def test_no_file_cites_a_document_that_is_not_there() -> None:
    there = {each.name for each in documents()} | PLACEHOLDERS
    cited = {
        (str(path.relative_to(ROOT)), found[1] or f"{found[2] or found[3]}.md")
        for path in files()
        for found in CITED.finditer(prose(path))
    }
    assert PROTOCOL.name in {each[1] for each in cited}
    assert sorted(each for each in cited if each[1] not in there) == []


def test_every_cited_section_of_the_protocol_exists() -> None:
    sections = protocol_sections()
    missing = []
    count = 0
    for path in files():
        if PROTOCOL.name not in (text := prose(path)):
            continue
        for found in SECTIONS.finditer(text):
            cited = numbers(found[1])
            count += len(cited)
            parts = {part for each in cited for part in sections.get(each, ())}
            if not set(cited) <= set(sections) or (found[2] and found[2] not in parts):
                missing.append((str(path.relative_to(ROOT)), found[0]))
    assert list(sections) == [1, 2, 3, 4, 5, 6]
    assert count > 20
    assert missing == []


def test_every_reply_that_the_protocol_quotes_is_json() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", PROTOCOL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    quoted = [each for block in blocks for each in re.split(r"^\d{3} ", block, flags=re.MULTILINE) if each]
    assert len(quoted) > 14
    assert all(isinstance(json.loads(each), dict) for each in quoted)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        leads_to = (path.parent / name).resolve() if name else path
        if not leads_to.exists() or (anchor and anchor not in map(slug, headings(leads_to))):
            broken.append(target)
    assert broken == []


def is_there(path: str) -> bool:
    return (ROOT / "lmchat" / path).exists() or (ROOT / path).exists()


def test_the_architecture_names_files_that_are_there() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").replace("`anthropic.py`", "")
    named = re.findall(r"`(\w[\w/]*(?:\.py|/))`", text)
    assert len(named) > 50
    assert [each for each in named if not is_there(each)] == []


def test_the_architecture_names_tables_that_are_there() -> None:
    named = re.findall(r"`(\w+)` in\s`(\w[\w/]*\.py)`", ARCHITECTURE.read_text(encoding="utf-8"))
    assert len(named) > 5
    assert [(name, path) for name, path in named if name not in (ROOT / "lmchat" / path).read_text()] == []


def test_the_layers_of_markdown_are_files() -> None:
    folder = ROOT / "lmchat/render/markdown"
    text = (folder / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    layers = set(re.findall(r"`(\w+)`", text))
    assert layers == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_the_wheel_declares_the_licence_and_the_notice() -> None:
    declared = project()
    assert declared["license"] == "MIT"
    assert declared["license-files"] == ["lmchat/LICENSE", "lmchat/NOTICE"]
    assert (ROOT / "lmchat/LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")


def test_the_notice_says_which_files_the_models_are() -> None:
    notice = (ROOT / "lmchat/NOTICE").read_text(encoding="utf-8")
    facts = [
        fact
        for model in CATALOGUE
        for fact in (model.licence, model.repository, model.revision, model.file, f"{model.size} bytes", model.sha256)
    ]
    assert [fact for fact in facts if f" {fact}\n" not in notice] == []


def test_the_changes_name_the_version_and_the_export_format() -> None:
    text = CHANGES.read_text(encoding="utf-8")
    assert f"The current version is **{__version__}**" in text
    assert {"Unreleased", __version__} <= set(headings(CHANGES))
    assert f'`"format": "{FORMAT}"` and, currently, `"version": {VERSION}`' in text


def test_a_commit_is_checked_by_the_commands_of_the_check_script() -> None:
    script = (ROOT / "tests/check").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    modules = [each for each in re.findall(r'^"\$python" (-m .+)$', script, re.MULTILINE) if "pytest" not in each]
    programs = re.findall(r"/([\w-]+)\"$", script, re.MULTILINE)
    wanted = [*(f"python {each}" for each in modules), *programs]
    assert re.findall(r"entry: \.venv/bin/(.+)$", hooks, re.MULTILINE) == wanted
