"""The options that several commands share, each with its help, written once."""

from pathlib import Path
from typing import Annotated

import typer

Session = Annotated[
    str | None, typer.Option("--session", "-s", metavar="NAME", help="Add to that session, such as -s holidays.")
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="KEY", help="The model to talk to: -m google/gemma-3-1b.")
]
System = Annotated[
    str | None,
    typer.Option("--system", "-S", metavar="TEXT|@FILE", help="The system prompt, or a file: -S @role.txt."),
]
Images = Annotated[
    list[Path] | None, typer.Option("--image", "-i", metavar="FILE", help="Send a picture along; repeatable: -i a.png.")
]
Files = Annotated[
    list[Path] | None, typer.Option("--file", "-f", metavar="FILE", help="Quote a text file; repeatable: -f notes.md.")
]
Continue = Annotated[bool, typer.Option("--continue", "-c", help="Go on with the session used last.")]
At = Annotated[
    int | None,
    typer.Option("--at", metavar="TURN", help="Follow that turn, such as 3: a branch grows."),
]
Temperature = Annotated[float | None, typer.Option(metavar="NUMBER", help="How freely words are chosen, such as 0.7.")]
TopP = Annotated[float | None, typer.Option(metavar="NUMBER", help="Sample the likeliest words, such as 0.95.")]
TopK = Annotated[int | None, typer.Option(metavar="COUNT", help="Sample this many likeliest words: 40.")]
MinP = Annotated[
    float | None,
    typer.Option(metavar="NUMBER", help="Leave out words too unlikely, such as 0.05."),
]
RepeatPenalty = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="Discourage repetition, such as 1.1; 1: not.")
]
MaxOutputTokens = Annotated[int | None, typer.Option(metavar="TOKENS", help="The longest reply, such as 500.")]
ContextLength = Annotated[int | None, typer.Option(metavar="TOKENS", help="The context to load it with, such as 8192.")]
ReasoningLevel = Annotated[
    str | None,
    typer.Option("--reasoning", metavar="LEVEL", help="How much to think, such as low or high."),
]
Mcp = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp", metavar="SPEC", help="Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable."
    ),
]
Private = Annotated[bool, typer.Option("--private", help="Keep nothing, here or on the server.")]
Stats = Annotated[bool | None, typer.Option("--stats/--no-stats", help="Tokens, speed and context used, on stderr.")]
ShowReasoning = Annotated[
    bool | None, typer.Option("--show-reasoning/--hide-reasoning", help="What the model thinks: all, or nothing.")
]
Plain = Annotated[bool | None, typer.Option("--plain/--markdown", help="The reply's own text, or rendered.")]
NoStream = Annotated[bool, typer.Option("--no-stream", help="One JSON answer instead of a stream.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]
