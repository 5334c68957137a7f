"""Hints as talk gives them: what they name on the command line has a name of its own here."""

from lmchat.errors import LmchatError

NAMES_HERE = {
    "`lmchat models load KEY --context-length N`": "`/load KEY context_length=N`",
    "`lmchat models download NAME`": "`/download NAME`",
    "`lmchat models`": "`/models`",
    "`lmchat sessions`": "`/sessions`",
    "with --reasoning": "with `/reasoning`",
    "Leave out --reasoning": "Take it back with `/unset reasoning`",
    "Raise it with --max-output-tokens (in talk: /set max_output_tokens N)": "Raise it: `/set max_output_tokens N`",
    "--image FILE or /image FILE": "`/image FILE`",
}


def told_here(failure: LmchatError) -> LmchatError:
    """Return a failure to show, whose hint names what can be typed in talk."""
    hint = failure.hint
    for elsewhere, here in NAMES_HERE.items():
        hint = hint.replace(elsewhere, here)
    return LmchatError(failure.message, hint=hint)
