"""What people mean by the names that other programs have for the same things."""

from collections.abc import Iterable, Mapping, Sequence

_COMMANDS: Mapping[str, Mapping[str, str]] = {
    "": {
        "talk": "chat interactive new repl resume shell start tui",
        "talk -m": "run use with",
        "ask": "a complete exec generate message prompt q query question say send tell",
        "sessions": "chats conversations hist history list log logs ls session threads",
        "sessions delete": "clean clear del erase forget remove rm",
        "sessions rename": "move mv",
        "sessions fork": "branch clone copy cp",
        "sessions search": "find grep",
        "sessions show": "cat open print view",
        "sessions export": "dump save share",
        "sessions check": "doctor fsck",
        "settings": "cfg conf config configuration env info options preferences prefs setup",
        "settings set": "assign define",
        "settings unset": "reset",
        "settings edit": "editor",
        "models": "available m model ps tags",
        "models download": "add fetch get install pull",
        "models unload": "eject",
        "serve": "api daemon listen",
        "local": "builtin status",
        "local stop": "kill quit stop",
        "help": "? man usage",
        "--version": "v ver version",
        "servers": "discover hosts scan server",
        "completion": "autocomplete complete completions",
    },
    "sessions": {
        "sessions list": "all index ls",
        "sessions show": "cat get open print read view",
        "sessions delete": "clean clear del erase forget remove rm",
        "sessions restore": "recover undelete undo",
        "sessions rename": "move mv name",
        "sessions fork": "branch clone copy cp duplicate",
        "sessions search": "find grep",
        "sessions tree": "branches graph log",
        "sessions compare": "diff",
        "sessions export": "dump print-to save share",
        "sessions import": "load",
        "sessions check": "doctor fsck repair verify",
        "talk": "continue create go new resume start switch use",
    },
    "models": {
        "models list": "all available ls ps show tags",
        "models load": "run start up use warm",
        "models unload": "del delete down eject remove rm stop uninstall",
        "models download": "add fetch get install pull",
    },
    "settings": {
        "settings": "all get list ls print show view",
        "settings set": "add assign change put",
        "settings unset": "clear del delete remove reset rm",
        "settings path": "file location where which",
        "settings edit": "editor open",
    },
    "local": {
        "local": "info list ls ps show status",
        "local stop": "down end exit kill quit shutdown unload",
        "serve": "run serve start up",
        "models": "models",
    },
}
"""For each group of commands what is meant, and the words that other programs have for it."""

_OPTIONS: Mapping[str, str] = {
    "--temperature": "--temp --heat -t -T",
    "--system": "--sys --system-prompt --role --persona --instructions",
    "--continue": "--resume --last --cont --previous -r",
    "--session": "--chat --conversation --id --name --session-id --thread -n",
    "--max-output-tokens": "--max --max-length --max-tokens --n-predict --num-predict --length -n",
    "--context-length": "--context --ctx --ctx-size --max-context --n-ctx --num-ctx --window",
    "--image": "--img --images --photo --picture --attachment",
    "--file": "--attach --files --input --include",
    "--reasoning": "--effort --reasoning-effort --think --thinking",
    "--hide-reasoning": "--hide-thinking --no-reasoning --no-think --no-thinking",
    "--show-reasoning": "--show-thinking --thoughts",
    "--plain": "--no-markdown --raw --text",
    "--markdown": "--md --render",
    "--private": "--ephemeral --incognito --no-history --no-log --no-save --temporary",
    "--repeat-penalty": "--frequency-penalty --repetition-penalty",
    "--schema": "--json-schema --response-format",
    "--mcp": "--plugin --tool --tools",
    "--quiet": "--silent",
    "--no-stream": "--nostream --sync",
    "--url": "--address --api-base --base-url --endpoint --host --server -u -H",
    "--profile": "--config --env -P",
    "--debug": "--trace --verbose -d -v",
    "--version": "-V -v",
    "--color": "--ansi --colour --colours --colors",
    "--color never": "--no-ansi --no-color --no-colour --no-colors",
    "--json": "--as-json --format --output-format -j",
    "--output": "--dest --destination --out --save --to -O",
    "--yes": "--assume-yes --confirm --force --no-confirm -f",
    "--force": "--clobber --overwrite --replace --yes -y",
    "--purge": "--permanent --permanently",
    "--limit": "--count --head --max --number -l -n",
    "--quantization": "--quant -q",
    "--at": "--from --turn",
    "--all": "-a --everything",
    "--encoding": "--charset --codepage",
    'lmchat ask "…"': "-p --print --prompt -q --question -e",
    "lmchat models": "--list-models --models",
    "lmchat sessions": "--list-sessions --sessions --list",
    "lmchat settings set token_command …": "--api-key --key --token",
}
"""The options by what other programs call them; what begins with lmchat is another command line."""

_SHORTEST = 3
_MOST = 3


def meant_commands(path: Sequence[str], word: str, every: Iterable[str]) -> list[str]:
    """Return what a word that names no command may mean there; `every` are the command lines that there are."""
    from difflib import get_close_matches

    every, word = list(every), word.lower()
    group = " ".join(path)
    for names in (_COMMANDS.get(group, {}), _COMMANDS[""]):
        for meant, others in names.items():
            if word in others.split():
                return [meant]
    here = {line.rpartition(" ")[2]: line for line in every if line.rpartition(" ")[0] == group}
    anywhere = {line.rpartition(" ")[2]: line for line in reversed(every)}
    if word in anywhere:
        return [anywhere[word]]
    for names in (here, anywhere):
        if close := get_close_matches(word, names, n=_MOST, cutoff=0.6):
            return [names[each] for each in close]
    return []


def meant_options(name: str, known: Mapping[str, object], *, guess: bool = True) -> list[str]:
    """Return which of the known options a name may mean; without `guess` only what is surely meant by it."""
    from difflib import get_close_matches

    written = name.replace("_", "-")
    written = written.lower() if written.startswith("--") else written
    if written in known:
        return [written]
    sure = [
        meant
        for meant, others in _OPTIONS.items()
        if written in others.split() and (meant.partition(" ")[0] in known or meant.startswith("lmchat "))
    ]
    own = [each for each in sure if not each.startswith("lmchat ")]
    if own or sure or not guess or len(written) < _SHORTEST:
        return own or sure
    longer = [each for each in known if each.startswith(written)] if len(written) > _SHORTEST + 1 else []
    return longer[:_MOST] or get_close_matches(written, list(known), n=_MOST, cutoff=0.6)
