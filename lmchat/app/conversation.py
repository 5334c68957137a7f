"""A conversation with a server: one prompt asked with the settings, flags, store and client that belong together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from lmchat.advice import Action, Do
from lmchat.app.connect import connected, known_models, remember_model, remembered_model
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.chat.exchange import ChatRequest, Exchange, Show
from lmchat.chat.keeping import Memory
from lmchat.chat.models import (
    EphemeralMcp,
    Integration,
    Model,
    by_use,
    context_length,
    find_model,
    meant_model,
    name_to_ask,
    pick_model,
    require_reasoning,
    require_sight,
)
from lmchat.chat.session import Session, Turn
from lmchat.chat.talk import talk
from lmchat.chat.transcript import without_quotes
from lmchat.chat.values import Prompt, Reply
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import LmchatError, NotFoundError, some_of
from lmchat.settings import Settings
from lmchat.store.store import Store
from lmchat.wire.client import Client
from lmchat.wire.dialects import DIALECTS, LMSTUDIO
from lmchat.world import World

_RECENT = 50
"""How many sessions back a model counts as used lately."""

_NAMED = 20
"""How many models are named where one has to be chosen; a gateway may have hundreds."""

_CLOSE = 0.5
"""The share of a context from which on its size is looked up again."""

_LONG = 1000
"""The tokens of a conversation from which on it is worth a question how many fit."""

Tap = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything a conversation needs of the world."""

    world: World
    settings: Settings
    store: Store
    client: Client
    server: str
    flags: ChatFlags = field(default_factory=ChatFlags)
    private: Memory | None = None
    tap: Tap | None = None
    debug: bool = False
    schema: Mapping[str, Any] | None = None

    def speak(
        self,
        session: Session,
        prompt: Prompt,
        show: Show,
        *,
        growing: Session | None = None,
        summary: bool = False,
        once: Session | None = None,
    ) -> Exchange:
        """Ask `prompt` in `session` and keep what comes; a session that is not on disk yet is written first.

        `growing` is the session with its head where the turn should grow, if that is not its end; `summary` marks
        the reply as one that replaces everything above it; `once` has the model and options of this request where
        they are not the session's own.
        """
        before, session = session, self.written(session, prompt)
        keep = self.private.keeper(session) if self.private else self.store.keeper(session)
        asking = replace(session, head=growing.head) if growing else session
        client = self._answering
        exchange = talk(
            replace(asking, model=once.model, options=once.options) if once else asking,
            prompt,
            server=self.server,
            send=lambda request: client.chat(self._completed(request), stream=self.flags.stream, tap=self.tap),
            show=show,
            keep=keep,
            now=self.world.now,
            defaults=self.settings.options(),
            private=self.private is not None,
            summary=summary,
            keeps=client.route.keeps,
            find=partial(self._meant, asking),
            context_size=lambda reply: self.context_size(reply, once or asking),
        )
        self._name_other_model(before, exchange.turn)
        after = replace(exchange.session, model=session.model if once else exchange.turn.model, options=session.options)
        if after.model != session.model and not self.private:
            self.store.configure(after)
        if exchange.turn.empty and not self.private and self.store.forget_unanswered(after):
            after = replace(before, id=0, turns={}, head=None)
        return replace(exchange, session=after)

    def written(self, session: Session, prompt: Prompt) -> Session:
        """Return the session as it is on disk now, with the settings of `session`; a new one is added.

        Raise SessionGoneError where another program has deleted it.
        """
        if self.private:
            return self.private.over(session)
        if self.store.rewrite_removed():
            self._say("The file of the conversations was removed meanwhile; it is written again, whole.")
        if session.id:
            session = self.store.current(session)
            self.store.configure(session)
            return session
        if session.name:
            return self.store.join(session)
        return self.store.create(
            None,
            without_quotes(prompt.text),
            model=session.model,
            system=session.system,
            options=session.options,
            integrations=session.integrations,
        )

    def with_model(
        self,
        session: Session,
        choose: Callable[[Sequence[Model]], str | None] | None = None,
        known: Sequence[Model] = (),
    ) -> Session:
        """Return the session with a model to talk to: named, loaded, the only one, or chosen before.

        Where several could answer, `choose` lets the person decide, and what they choose counts from then on; without
        it, or without an answer, raise NotFoundError. `known` are the server's models, where they were just listed.
        """
        named = session.model or self.settings.text("model")
        if named:
            return replace(session, model=named)
        models = known or self.client.models()
        if picked := pick_model(models, self._used()) or self._chosen_before(models):
            return replace(session, model=picked.key)
        chatting = self.by_use([model for model in models if model.usual])
        if not chatting:
            raise NotFoundError("The server has no model yet.", hint=("Download one: ", Do(Action.DOWNLOAD_MODEL)))
        if choose is not None and (chosen := choose(chatting)):
            self.remember(chosen)
            return replace(session, model=chosen)
        keys = [model.key for model in chatting]
        raise NotFoundError(
            "Several models could answer.",
            hint=("Choose one, such as ", Do(Action.CHOOSE_MODEL, keys[0]), f". There are: {some_of(keys, _NAMED)}."),
        )

    def by_use(self, models: Sequence[Model]) -> list[Model]:
        """Return models with the one used last first."""
        return by_use(models, [remembered_model(self.world, self.server), *self._used()])

    def remember(self, key: str) -> None:
        """Keep that the person chose this model, unless nothing is to be kept."""
        if self.private is None:
            remember_model(self.world, self.server, key)

    def check(self, session: Session, prompt: Prompt) -> None:
        """Refuse what the model is known not to do, before it is sent; raise BadUseError."""
        level = str(session.options.value("reasoning") or self.settings.text("reasoning"))
        if not (prompt.images or level):
            return
        models: Sequence[Model] = ()
        with suppress(LmchatError):  # a server that lists no models decides by itself
            models = self.client.models()
        if prompt.images:
            require_sight(models, session.model)
        if level:
            require_reasoning(models, session.model, level)

    def context_size(self, reply: Reply, session: Session) -> int | None:
        """Return how many tokens fit into the context of what answered in a session, None where that is not known.

        What was listed last may be old: where that matters, the server is asked.
        """
        used, name = reply.stats.context_used, reply.model_instance_id or session.model
        known = context_length(known_models(self.world, [self.server]), name)
        wanted = session.options.over(self.settings.options()).value("context_length")
        likely = known or (wanted if isinstance(wanted, int) else None)
        if used is None or used < (likely * _CLOSE if likely else _LONG):
            return known
        with suppress(LmchatError):
            return context_length(self.client.models(), name)
        return known

    def meant_by(self, names: Sequence[str]) -> list[str]:
        """Return the keys that names, or parts of some, mean on this server, saying which a part means.

        Raise NotFoundError for a part of several.
        """
        models: Sequence[Model] = ()
        with suppress(LmchatError):  # a server that lists no models takes names as they are
            models = [model for model in self.client.models() if model.chats]
        keys = []
        for name in names:
            found = meant_model(models, name)
            if found is not None and find_model([found], name) is None:
                self._say(f"'{name}' is {found.key} here.")
            keys.append(name if found is None else name_to_ask(found, name))
        return keys

    def _name_other_model(self, before: Session, turn: Turn) -> None:
        """Say that another model answered than was asked, once for each in a row."""
        answered, asked = turn.reply.model_instance_id, turn.model
        # LM Studio names an instance of the model; elsewhere another name is another model.
        if answered in {"", asked} or self.client.route.dialect is LMSTUDIO:
            return
        last = before.turns.get(before.head) if before.head is not None else None
        if last is None or (last.reply.model_instance_id, last.model) != (answered, asked):
            self._say(f"The server answered with {answered}, not with {asked}.")

    def _say(self, sentence: str) -> None:
        from lmchat.render.messages import show_note

        show_note(self.world, sentence)

    def _used(self) -> list[str]:
        """Return the models of the latest sessions, the one used last first."""
        return [summary.model for summary in self.store.sessions(limit=_RECENT)]

    def _chosen_before(self, models: Sequence[Model]) -> Model | None:
        found = find_model(models, remembered_model(self.world, self.server))
        return found if found is not None and found.chats else None

    def _meant(self, session: Session, name: str) -> str | None:
        """Return the model to ask where the server has none of that name, None where no other is meant.

        A session that comes from another server has the name of its model there, unless one was named now.
        """
        [key] = self.meant_by([name])
        if key != name:
            return key
        last = session.turns.get(session.head) if session.head is not None else None
        if last is None or last.server == self.server or last.model != name or name in self.flags.models:
            return None
        chosen = self.with_model(replace(session, model="")).model
        self._say(f"This server has no {name}; {chosen} is asked.")
        return chosen

    @property
    def _answering(self) -> Client:
        """Return the client that is asked: with a schema, unless the API was named, on a route that takes one."""
        free = self.settings.text("api") not in DIALECTS
        return self.client.with_schemas() if self.schema is not None and free else self.client

    def _completed(self, request: ChatRequest) -> ChatRequest:
        """Add what is kept nowhere: the form of the reply, and the headers of ephemeral servers from the settings."""
        integrations = tuple(self._headed(each) for each in request.integrations)
        return replace(request, integrations=integrations, schema=self.schema)

    def _headed(self, integration: Integration) -> Integration:
        if not isinstance(integration, EphemeralMcp):
            return integration
        return replace(integration, headers=self.settings.mcp_headers(integration.server_label, integration.server_url))


@contextmanager
def open_conversation(
    invocation: Invocation,
    settings: Settings,
    store: Store,
    flags: ChatFlags,
    *,
    tap: Tap | None = None,
    schema: Mapping[str, Any] | None = None,
) -> Iterator[Conversation]:
    """Connect to the server, and put everything together."""
    with connected(invocation, settings, remember=not flags.private) as connection:
        yield Conversation(
            world=invocation.world,
            settings=settings,
            store=store,
            client=connection.client,
            server=connection.server,
            flags=flags,
            private=Memory() if flags.private else None,
            tap=tap,
            debug=invocation.debug,
            schema=schema,
        )
