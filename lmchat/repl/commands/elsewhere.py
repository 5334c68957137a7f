"""What people who come from other programs type: the names that `ollama run`, aichat, llm, gptme, aider and oterm use.

A name is here where what it does elsewhere is what our command does, and nothing can be lost by it.
"""

import unicodedata

OURS = {
    "?": "help", "h": "help", "commands": "help",
    "q": "quit", "bye": "quit",
    "regen": "retry", "regenerate": "retry", "again": "retry",
    "log": "history", "jump": "goto", "branches": "tree", "branch": "fork",
    "summarize": "compact", "summarise": "compact", "compress": "compact",
    "reset": "new", "chat": "new",
    "resume": "switch", "open": "switch",
    "ls": "sessions", "chats": "sessions", "find": "search",
    "title": "rename", "name": "rename", "rm": "delete",
    "pull": "download", "ps": "models",
    "config": "set", "settings": "set", "options": "set", "params": "set",
    "effort": "reasoning", "tools": "mcp",
    "add": "file", "read": "file", "attach": "file", "fragment": "file", "img": "image", "picture": "image",
    "write": "save", "info": "stats", "usage": "stats", "cost": "stats", "tokens": "context",
    "multi": "editor", "cls": "clear",
}  # fmt: skip
"""Names of other programs, and the command that does the same here."""

MEANT = {
    "list": "/sessions lists the sessions, /models the models.",
    "show": "/models shows the models, /set the options and /system the system prompt.",
    "session": "/switch picks a session, /new begins one and /rename gives it another name.",
    "drop": "/file off and /image off drop what is attached.",
    "role": "/system TEXT, /system @FILE or /system :ROLE changes the system prompt.",
    "prompt": "/system changes the system prompt; prompts of your own are commands by their names.",
    "run": "!COMMAND runs a command in your shell, and quotes what it prints in the next prompt.",
    "web": "Pages are not fetched here; /file FILE quotes a file.",
    "voice": "lmchat reads and writes text only.",
}
"""What to do instead of commands of other programs that are none of ours."""

_WIDE_SLASH = "\uff0f"


def ordinary_slash(text: str) -> str:
    """Return a line whose command was typed with an input method's wide letters as it is meant; others as they are."""
    if not text.startswith(_WIDE_SLASH):
        return text
    word, *_ = text.split(maxsplit=1)
    return unicodedata.normalize("NFKC", word) + text[len(word) :]
