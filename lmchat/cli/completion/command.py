"""`lmchat completion`: print a shell's script."""

from typing import Any

from lmchat.cli.call import Call
from lmchat.cli.completion.scripts import FILES, script
from lmchat.errors import BadUseError


def print_script(call: Call, shell: str, root: Any) -> None:
    """Write the script to stdout; raise BadUseError for a shell there is none for."""
    if shell not in FILES:
        raise BadUseError(f"There is no completion for '{shell}'.", hint=f"There is for: {', '.join(FILES)}.")
    call.world.stdout.write(script(shell, root))
