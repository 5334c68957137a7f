"""LM Studio's REST API as a client: one method a route (PROTOCOL.md section 1). It must not know who asks, or why."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lmchat.chat.events import Event
from lmchat.chat.models import DownloadJob, Model
from lmchat.chat.request import ChatRequest
from lmchat.errors import LmchatError
from lmchat.wire.address import Address
from lmchat.wire.faults import not_lm_studio
from lmchat.wire.http import exchange
from lmchat.wire.lmstudio.models import LoadedModel, read_job, read_loaded, read_models
from lmchat.wire.lmstudio.request import chat_body
from lmchat.wire.loose_json import parse_json, text
from lmchat.wire.request import CHAT, GREETING, MODELS, Call
from lmchat.wire.stream import chat_events, json_object, whole_answer


@dataclass(frozen=True, slots=True)
class Client:
    """Speak with one server. It holds no connection, so there is nothing to close.

    Every method raises LmchatError where the server cannot be reached, refuses or breaks off. `log` is told of each
    exchange, for `--debug`; no secret is ever in it. `listed` is told of the models whenever they were listed.
    `locate` is asked before each request where the server is, should that change; without it, it is at `address`.
    """

    address: Address
    log: Callable[[str], None] | None = None
    listed: Callable[[Sequence[Model]], None] | None = None
    locate: Callable[[], Address] | None = None

    def chat(
        self,
        request: ChatRequest,
        *,
        stream: bool = True,
        tap: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Generator[Event, None, None]:
        """Ask for one turn and yield its events, `Quiet` after each silent tenth of a second.

        Closing the generator closes the connection, which is how a server is told to stop. `tap` is handed every
        event's JSON as it came; a reply that came at once is handed over as the `chat.end` it would have been.
        """
        call = self._call("POST", CHAT, chat_body(request, stream=stream))
        with closing(exchange(call, self.log)) as pieces:
            yield from chat_events(pieces, call, tap)

    def greets(self) -> bool:
        """Tell at once whether a server of LM Studio's kind answers.

        One that is too strict for its greeting (a token is needed) or too old for it answers in JSON all the same.
        """
        call = Call(self.address, "GET", GREETING, connect_seconds=0.5, read_seconds=1.0)
        try:
            with closing(exchange(call, self.log)) as pieces:
                _, body = whole_answer(pieces)
            return isinstance(parse_json(body.decode()), dict)
        except (LmchatError, ValueError):
            return False

    def models(self) -> tuple[Model, ...]:
        """List every downloaded model with its loaded instances."""
        call = self._call("GET", MODELS, read_seconds=30)
        answer = self._answer(call)
        if "models" not in answer:
            raise not_lm_studio(call, "something that is no list of models")
        models = tuple(read_models(answer["models"]))
        if self.listed:
            self.listed(models)
        return models

    def load(
        self,
        key: str,
        *,
        context_length: int | None = None,
        eval_batch_size: int | None = None,
        flash_attention: bool | None = None,
        num_experts: int | None = None,
        offload_kv_cache_to_gpu: bool | None = None,
        parallel: int | None = None,
        echo_load_config: bool | None = None,
    ) -> LoadedModel:
        """Load a model, which can take minutes; one that is loaded already gets a second instance.

        Only with `echo_load_config` does the server say what it made of the options.
        """
        options = {
            "context_length": context_length,
            "eval_batch_size": eval_batch_size,
            "flash_attention": flash_attention,
            "num_experts": num_experts,
            "offload_kv_cache_to_gpu": offload_kv_cache_to_gpu,
            "parallel": parallel,
            "echo_load_config": echo_load_config,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return read_loaded(self._answer(self._call("POST", f"{MODELS}/load", {"model": key, **given})))

    def unload(self, instance_id: str) -> str:
        """Unload one instance and return its id."""
        answer = self._answer(self._call("POST", f"{MODELS}/unload", {"instance_id": instance_id}))
        return text(answer.get("instance_id")) or instance_id

    def download(self, name: str, quantization: str | None = None) -> DownloadJob:
        """Begin a download of a catalogue id or a Hugging Face URL (only a URL takes a quantization)."""
        body = {"model": name} | ({"quantization": quantization} if quantization else {})
        return read_job(self._answer(self._call("POST", f"{MODELS}/download", body)))

    def download_status(self, job_id: str) -> DownloadJob:
        """Ask how far a download is."""
        path = f"{MODELS}/download/status/{quote(job_id, safe='')}"
        return read_job(self._answer(self._call("GET", path, read_seconds=30)), job_id)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, read_seconds: float | None = None
    ) -> Call:
        address = self.locate() if self.locate else self.address
        return Call(address, method, path, body, read_seconds=read_seconds)

    def _answer(self, call: Call) -> Mapping[str, Any]:
        with closing(exchange(call, self.log)) as pieces:
            head, body = whole_answer(pieces)
        return json_object(head, body, call)
