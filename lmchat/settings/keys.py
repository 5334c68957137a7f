"""The table of settings, from which the checks, `lmchat settings`, completion and README's table are made.

To add a setting, add a row to `KEYS` and read it where it is used: `settings.text(name)`, `.flag(name)` or
`.number(name)`. To add an option of a request, add a row to `_OPTION_ROWS`: nothing else has to change. Then write
README's tables and the completion scripts again (`python -m tests.readme`, `python -m tests.cli.completions`).
"""

from collections.abc import Mapping

from lmchat.dataclass import dataclass, field
from lmchat.settings.shapes import Shape, choice, command_line, count, names, number, switch, text

TOKEN_VARIABLE = "LM_API_TOKEN"  # noqa: S105 - a variable's name, LM Studio's own (PROTOCOL.md section 1)

SECRET_VARIABLES = frozenset({TOKEN_VARIABLE, "LMCHAT_SERVE_TOKEN"})
"""The environment variables that are secret whatever the settings say."""

Value = str | int | float | bool
"""The types of a setting; its shape says which one."""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    `example` is a value as it is written in the file. `variable` is the environment variable that sets it,
    `in_profile` tells whether a profile may set it. `option` is its command-line option where that is not its name with
    dashes, `options` those for certain values; `metavar` names the value of an option of `ask` and `talk`.
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
    metavar: str = ""

    def option_for(self, value: object) -> str:
        """Return the command-line option that gives this value."""
        return self.options.get(value) or self.option or f"--{self.name.replace('_', '-')}"


PORTION = number(0, 1)
COUNT = count()
WHEN = choice("auto", "always", "never")
ADDRESS = text("an address like http://localhost:1234, or local", r"(?i:https?://)?(?!\w+://)[^\s/\\][^\s\\]*")
VARIABLE_NAME = text("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*", secret=True)


def _option(name: str, metavar: str, shape: Shape, help_: str, example: str) -> Key:
    return Key(name, shape, help_, example, in_profile=True, metavar=metavar)


_OPTION_ROWS = (
    _option("temperature", "NUMBER", PORTION, "How freely words are chosen (0: least).", "0.7"),
    _option("top_p", "NUMBER", PORTION, "Sample from the likeliest words up to this total probability.", "0.95"),
    _option("top_k", "COUNT", COUNT, "Sample from this many of the likeliest words.", "40"),
    _option("min_p", "NUMBER", PORTION, "Leave out words less likely than this share of the likeliest.", "0.05"),
    _option("repeat_penalty", "NUMBER", number(0, above=True), "Penalize repetition (1 turns it off).", "1.1"),
    _option("presence_penalty", "NUMBER", number(-2, 2), "Penalize words that were used (0 turns it off).", "0.5"),
    _option("max_output_tokens", "TOKENS", COUNT, "The longest reply in tokens.", "2000"),
    _option("context_length", "TOKENS", COUNT, "The context to load a model with in tokens.", "16384"),
    _option("reasoning", "LEVEL", text("one word", r"\S+"), "How much to think, in the model's own levels.", '"low"'),
)
"""The options of a request by the API's own names (PROTOCOL.md section 2); an unset one is never sent.

The flag of `ask` and `talk`, the setting, `/set`, completion, README's tables and the request are all made from a row.
"""

OPTIONS: Mapping[str, Key] = {row.name: row for row in _OPTION_ROWS}

_LOAD_ROWS = (
    OPTIONS["context_length"],
    Key("eval_batch_size", COUNT, "Tokens evaluated at once.", "512", metavar="TOKENS"),
    Key("flash_attention", switch(), "Use flash attention.", "true"),
    Key("num_experts", COUNT, "Experts used at once.", "8", metavar="COUNT"),
    Key("offload_kv_cache_to_gpu", switch(), "Keep the context on the GPU.", "true"),
    Key("parallel", COUNT, "Requests answered at once.", "4", metavar="COUNT"),
)

LOAD_OPTIONS: Mapping[str, Key] = {row.name: row for row in _LOAD_ROWS}
"""The options of loading a model by the API's own names (PROTOCOL.md section 5)."""

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
        "api",
        choice("auto", "lmstudio", "responses", "completions"),
        "The server's API; auto: LM Studio's own, else what the server is found to have.",
        '"completions"',
        default="auto",
        in_profile=True,
    ),
    Key(
        "usual_ports",
        text("port numbers with commas between, or off", r"off|\d{1,5}( *, *\d{1,5})*"),
        "Where servers are looked for on this machine if none is named and LM Studio does not answer; off: nowhere.",
        '"8080, 11434"',
        default="11434, 8080, 8000, 30000",
        variable="LMCHAT_USUAL_PORTS",
    ),
    Key(
        "model",
        text("a model's key"),
        "The model to talk to; unset, the one that is loaded.",
        '"google/gemma-3-1b"',
        variable="LMCHAT_MODEL",
        in_profile=True,
    ),
    Key(
        "system",
        text("text", r"(?s:[^\x00]*)"),
        "The system prompt of new conversations, or @FILE.",
        '"Answer briefly."',
        in_profile=True,
    ),
    Key(
        "default_profile",
        text("a profile's name"),
        "The profile to use when --profile names none.",
        '"work"',
        variable="LMCHAT_PROFILE",
        option="--profile",
    ),
    *_OPTION_ROWS,
    Key(
        "token_env",
        VARIABLE_NAME,
        "The environment variable with the API token, instead of LM_API_TOKEN.",
        '"WORK_TOKEN"',
        in_profile=True,
    ),
    Key(
        "token_command",
        command_line(),
        "The program that prints the API token, run without a shell.",
        '"pass show lmstudio"',
        in_profile=True,
    ),
    Key("color", WHEN, "Colours and styles; auto: on a terminal, unless NO_COLOR is set.", '"never"', default="auto"),
    Key(
        "code_theme", text(), "The Pygments style of code; empty: the terminal's own colours.", '"monokai"', default=""
    ),
    Key("maths", choice("unicode", "source"), "Formulas in Unicode, or as TeX.", '"source"', default="unicode"),
    Key("width", number(20, 10_000), "The most columns that a row of prose takes.", "80", default=100),
    Key(
        "accessible",
        switch(),
        "For screen readers: nothing is painted over, choices are numbered, replies come in paragraphs.",
        "true",
        default=False,
        variable="LMCHAT_ACCESSIBLE",
    ),
    Key("keys", choice("emacs", "vi"), "The editing keys of the prompt.", '"vi"', default="emacs"),
    Key(
        "show_reasoning",
        switch(),
        "Keep what the model thinks on the screen, or hide it; unset: shown while it runs, then one line.",
        "true",
        options={False: "--hide-reasoning"},
    ),
    Key(
        "stats",
        switch(),
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
    Key(
        "notify",
        choice("off", "bell", "desktop"),
        "How to call you back when a long reply is there and the window has lost the focus.",
        '"desktop"',
        default="off",
    ),
    Key(
        "notify_after", number(0, 100_000), "Only after replies that took at least this many seconds.", "30", default=10
    ),
    Key(
        "title",
        switch(),
        "Show the session's name as the terminal's title, and that a reply runs.",
        "true",
        default=False,
    ),
    Key(
        "local_model",
        text("a path to a .gguf file"),
        "The file of the built-in model, instead of the one lmchat fetches.",
        '"~/models/qwen.gguf"',
        variable="LMCHAT_LOCAL_MODEL",
    ),
    Key(
        "local_keep",
        number(0, 100_000),
        "Minutes without use after which the built-in model leaves memory; 0: at once.",
        "30",
        default=5,
        variable="LMCHAT_LOCAL_KEEP",
    ),
    Key(
        "context_warning",
        number(0, 1, above=True),
        "Warn when this share of the context is used.",
        "0.9",
        default=0.8,
    ),
)

BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}

HEADER = text("printable ASCII text", r"[\x20-\x7e\t]*", secret=True)
SERVER_SHAPES: Mapping[str, Shape] = {
    "url": text("an address like https://example.com/mcp", r"(?i:https?://)[^\s/\\][^\s\\]*"),
    "tools": names(),
}
"""What an `[mcp.LABEL]` table may contain besides its table of headers."""
