"""The one table of settings: from it come the checks, `lmchat settings`, completion and README's table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lmchat.settings.shapes import LARGEST_WHOLE, Choice, CommandLine, Names, Number, Shape, Switch, Text

TOKEN_VARIABLE = "LM_API_TOKEN"  # noqa: S105 - a variable's name, LM Studio's own (PROTOCOL.md section 1)

Value = str | int | float | bool
"""What a setting can be; which of them, its shape says."""


@dataclass(frozen=True, slots=True)
class Key:
    """Hold all there is to know about one setting.

    `example` is a value as it is written in the file. `variable` is the environment variable that sets it,
    `in_profile` tells whether a profile may set it. `option` is its command-line option where that is not its name with
    dashes, `options` those for certain values.
    """

    name: str
    shape: Shape
    help: str
    example: str
    default: Value | None = None
    variable: str = ""
    in_profile: bool = False
    option: str = ""
    options: Mapping[object, str] = field(default_factory=dict)

    def option_for(self, value: object) -> str:
        """Name the command-line option that gives this value."""
        return self.options.get(value) or self.option or f"--{self.name.replace('_', '-')}"


PORTION = Number(0, 1)
COUNT = Number(1, LARGEST_WHOLE, whole=True)
WHEN = Choice(("auto", "always", "never"))
ADDRESS = Text("an address like http://localhost:1234, or local", r"(?i:https?://)?(?!\w+://)[^\s/\\][^\s\\]*")
VARIABLE_NAME = Text("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*", secret=True)


def _sampling(name: str, shape: Shape, text: str, example: str) -> Key:
    return Key(name, shape, text, example, in_profile=True)


SAMPLING = (
    _sampling("temperature", PORTION, "How freely words are chosen; 0 is the most predictable.", "0.7"),
    _sampling("top_p", PORTION, "Choose among the likeliest words up to this total probability.", "0.95"),
    _sampling("top_k", COUNT, "Choose among this many of the likeliest words.", "40"),
    _sampling("min_p", PORTION, "Leave out words less likely than this share of the likeliest.", "0.05"),
    _sampling("repeat_penalty", Number(0, above=True), "Discourage repetition; 1 is none.", "1.1"),
    _sampling("max_output_tokens", COUNT, "The longest reply, in tokens.", "2000"),
    _sampling("context_length", COUNT, "The context to load a model with, in tokens.", "16384"),
    _sampling("reasoning", Text("one word", r"\S+"), "How much to think: one of the model's own levels.", '"low"'),
)
"""The sampling keys of the API (PROTOCOL.md section 2); an unset one is never sent."""

KEYS = (
    Key(
        "url",
        ADDRESS,
        "The server's address; local is the built-in model.",
        '"http://192.168.1.20:1234"',
        default="http://localhost:1234",
        variable="LMCHAT_URL",
        in_profile=True,
    ),
    Key(
        "model",
        Text("a model's key"),
        "The model to talk to; unset, the one that is loaded.",
        '"google/gemma-3-1b"',
        variable="LMCHAT_MODEL",
        in_profile=True,
    ),
    Key(
        "system",
        Text("text", r"(?s:[^\x00]*)"),
        "The system prompt of new conversations, or @FILE.",
        '"Answer briefly."',
        in_profile=True,
    ),
    Key(
        "default_profile",
        Text("a profile's name"),
        "The profile to use when --profile names none.",
        '"work"',
        variable="LMCHAT_PROFILE",
        option="--profile",
    ),
    *SAMPLING,
    Key(
        "token_env",
        VARIABLE_NAME,
        "The environment variable that holds the API token, instead of LM_API_TOKEN.",
        '"WORK_TOKEN"',
        in_profile=True,
    ),
    Key(
        "token_command",
        CommandLine(),
        "The program that prints the API token, run without a shell.",
        '"pass show lmstudio"',
        in_profile=True,
    ),
    Key("color", WHEN, "Colours and styles; auto: on a terminal, unless NO_COLOR is set.", '"never"', default="auto"),
    Key(
        "code_theme", Text(), "The Pygments style of code; empty: the terminal's own colours.", '"monokai"', default=""
    ),
    Key("keys", Choice(("emacs", "vi")), "The editing keys of the prompt.", '"vi"', default="emacs"),
    Key(
        "show_reasoning",
        Switch(),
        "Keep what the model thinks on the screen, or hide it; unset: shown while it runs, then one line.",
        "true",
        options={False: "--hide-reasoning"},
    ),
    Key(
        "stats",
        Switch(),
        "Tokens, speed and context used after each reply.",
        "true",
        default=False,
        options={False: "--no-stats"},
    ),
    Key(
        "markdown",
        WHEN,
        "Render replies as Markdown; auto: on a terminal.",
        '"never"',
        default="auto",
        options={"never": "--plain"},
    ),
    Key("title", Switch(), "Show the session's name as the terminal's title.", "true", default=False),
    Key(
        "local_model",
        Text("a path to a .gguf file"),
        "The file of the built-in model, instead of the one lmchat fetches.",
        '"~/models/qwen.gguf"',
        variable="LMCHAT_LOCAL_MODEL",
    ),
    Key(
        "local_keep",
        Number(0, 100_000),
        "Minutes without use after which the built-in model leaves memory; 0: at once.",
        "30",
        default=5,
        variable="LMCHAT_LOCAL_KEEP",
    ),
    Key(
        "context_warning",
        Number(0, 1, above=True),
        "Warn when this share of the context is used.",
        "0.9",
        default=0.8,
    ),
)

BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}

HEADER = Text("printable ASCII text", r"[\x20-\x7e\t]*", secret=True)
SERVER_SHAPES: Mapping[str, Shape] = {
    "url": Text("an address like https://example.com/mcp", r"(?i:https?://)[^\s/\\][^\s\\]*"),
    "tools": Names(),
}
"""What an `[mcp.LABEL]` table may hold besides its table of headers."""
