"""The options that several commands share, each with its help, written once."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="KEY", help="The model to talk to: -m google/gemma-3-1b.")
]
System = Annotated[
    str | None,
    typer.Option("--system", "-S", metavar="TEXT|@FILE", help="The system prompt, or @FILE to read it from a file."),
]
Images = Annotated[
    list[Path] | None, typer.Option("--image", "-i", metavar="FILE", help="Send a picture along; can be repeated.")
]
Files = Annotated[
    list[Path] | None, typer.Option("--file", "-f", metavar="FILE", help="Quote a text file; can be repeated.")
]
Continue = Annotated[bool, typer.Option("--continue", "-c", help="Go on with the session used last.")]
At = Annotated[
    int | None,
    typer.Option("--at", metavar="TURN", help="Follow that turn instead of the last one; a branch grows there."),
]
Temperature = Annotated[float | None, typer.Option(help="How freely words are chosen, from 0 to 1.")]
TopP = Annotated[float | None, typer.Option(help="Choose among the likeliest words up to this probability, 0 to 1.")]
TopK = Annotated[int | None, typer.Option(help="Choose among this many likeliest words.")]
MinP = Annotated[float | None, typer.Option(help="Leave out words less likely than this share of the likeliest.")]
RepeatPenalty = Annotated[float | None, typer.Option(help="Discourage repetition; 1 is none.")]
MaxOutputTokens = Annotated[int | None, typer.Option(help="The longest reply, in tokens.")]
ContextLength = Annotated[int | None, typer.Option(help="The context to load the model with, in tokens.")]
ReasoningLevel = Annotated[
    str | None, typer.Option("--reasoning", metavar="LEVEL", help="One of the model's own levels, often low or high.")
]
Mcp = Annotated[
    list[str] | None,
    typer.Option("--mcp", metavar="SPEC", help="mcp/label, mcp/label:tool,tool or label=https://url[:tool,tool]."),
]
Private = Annotated[bool, typer.Option("--private", help="Keep nothing, here or on the server.")]
Stats = Annotated[bool | None, typer.Option("--stats/--no-stats", help="Tokens, speed and context used, on stderr.")]
ShowReasoning = Annotated[
    bool | None, typer.Option("--show-reasoning/--hide-reasoning", help="Show what the model thinks, or nothing of it.")
]
Plain = Annotated[
    bool | None, typer.Option("--plain/--markdown", help="The reply's own text, or rendered Markdown (on a terminal).")
]
NoStream = Annotated[bool, typer.Option("--no-stream", help="One JSON request instead of a stream.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
