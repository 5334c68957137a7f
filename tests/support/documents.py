"""Conversations as other programs write them, by hand after their formats."""

from base64 import b64decode
from typing import Any

Document = dict[str, Any]

RED = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5ErkJggg==")
"""A picture of 4 × 4 pixels."""


def message(role: str, text: str, at: float = 0, **more: Any) -> Document:
    """Write a message of ChatGPT's."""
    content = more.pop("content", None) or {"content_type": "text", "parts": [text]}
    return {
        "author": {"role": role, "name": more.pop("name", None), "metadata": {}},
        "create_time": 1_700_000_000 + at,
        "content": content,
        "metadata": more.pop("metadata", {}),
        "recipient": more.pop("recipient", "all"),
        **more,
    }


def chatgpt() -> Document:
    """Write a conversation of ChatGPT's: a reply made again, a prompt edited, thinking, a tool, a picture, a sound."""
    model = {"model_slug": "gpt-5"}
    said: list[tuple[str, str | None, Document | None]] = [
        ("root", None, None),
        ("hello", "root", message("system", "", metadata={"is_visually_hidden_from_conversation": True})),
        (
            "custom",
            "hello",
            message(
                "user",
                "",
                content={
                    "content_type": "user_editable_context",
                    "user_profile": "I am a potter.",
                    "user_instructions": "Be brief.",
                },
                metadata={"is_visually_hidden_from_conversation": True},
            ),
        ),
        (
            "q1",
            "custom",
            message(
                "user",
                "",
                1,
                content={
                    "content_type": "multimodal_text",
                    "parts": [
                        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-Red1"},
                        {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_gone"},
                        {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_sound"},
                        "青は何色?",
                    ],
                },
            ),
        ),
        ("a1", "q1", message("assistant", "Blue.", 2, metadata=model)),
        (
            "t2",
            "q1",
            message(
                "assistant",
                "",
                3,
                content={
                    "content_type": "thoughts",
                    "thoughts": [{"summary": "Colours", "content": "It is a colour."}],
                },
            ),
        ),
        (
            "r2",
            "t2",
            message(
                "assistant",
                "",
                4,
                content={"content_type": "reasoning_recap", "content": "Thought for 3s"},
                metadata={"finished_duration_sec": 3},
            ),
        ),
        (
            "c2",
            "r2",
            message(
                "assistant",
                "",
                5,
                content={"content_type": "code", "language": "unknown", "text": '{"q": "blue"}'},
                recipient="web.search",
            ),
        ),
        (
            "o2",
            "c2",
            message("tool", "", 6, name="web.search", content={"content_type": "execution_output", "text": "a colour"}),
        ),
        (
            "a2",
            "o2",
            message(
                "assistant",
                "It is blue.\ue200cite\ue202turn0\ue201\ue200x\ue201",
                7,
                metadata={
                    **model,
                    "content_references": [
                        {"matched_text": "\ue200cite\ue202turn0\ue201", "alt": "([Sky](https://sky.example))"}
                    ],
                },
            ),
        ),
        ("q3", "a2", message("user", "And green?", 8)),
        ("a3", "q3", message("assistant", "Green.", 9, metadata=model)),
        ("q4", "a2", message("user", "And red?", 10)),
        ("a4", "q4", message("assistant", "Red.", 11, metadata=model)),
    ]
    mapping: Document = {
        key: {"id": key, "message": each, "parent": parent, "children": []} for key, parent, each in said
    }
    for key, parent, _ in said:
        if parent:
            mapping[parent]["children"].append(key)
    return {
        "title": "Colours of the sky",
        "create_time": 1_700_000_000.5,
        "update_time": 1_700_000_100.0,
        "mapping": mapping,
        "current_node": "a3",
        "conversation_id": "conversation-1",
        "default_model_slug": "gpt-5",
    }


def claude() -> Document:
    """Write a conversation of Claude's: an edited prompt, thinking, a tool, an attached text, a file."""

    def said(uuid: str, parent: str, sender: str, minute: int, *content: Document, **more: Any) -> Document:
        return {
            "uuid": uuid,
            "parent_message_uuid": parent,
            "sender": sender,
            "created_at": f"2026-03-29T07:{minute:02}:00.000000Z",
            "content": list(content),
            "text": "",
            "attachments": [],
            "files": [],
            **more,
        }

    def text(words: str) -> Document:
        return {"type": "text", "text": words}

    return {
        "uuid": "c-1",
        "name": "カレンダー",
        "created_at": "2026-03-29T07:00:00.000000Z",
        "updated_at": "2026-03-30T07:00:00Z",
        "model": "claude-opus",
        "current_leaf_message_uuid": "a2",
        "chat_messages": [
            said(
                "q1",
                "00000000-0000-4000-8000-000000000000",
                "human",
                1,
                text("Sort this"),
                attachments=[{"file_name": "list.txt", "extracted_content": "b\na"}, {"file_name": "x.bin"}],
                files=[{"file_name": "photo.png"}],
            ),
            said(
                "a1",
                "q1",
                "assistant",
                2,
                {
                    "type": "thinking",
                    "thinking": "Easy.",
                    "start_timestamp": "2026-03-29T07:01:00Z",
                    "stop_timestamp": "2026-03-29T07:01:02.5Z",
                },
                {"type": "tool_use", "id": "tool-1", "name": "sort", "input": {"lines": ["b", "a"]}},
                {"type": "tool_result", "tool_use_id": "tool-1", "name": "sort", "content": [text("a\nb")]},
                text("Sorted."),
                {"type": "flag"},
            ),
            said("q2", "a1", "human", 3, text("And backwards?")),
            said("a2", "q2", "assistant", 4, text("b, a.")),
            said("q3", "a1", "human", 5, text("And twice?")),
        ],
    }


def lmstudio() -> Document:
    """Write a conversation of LM Studio's: two versions of a reply, the second in steps, and a picture."""

    def version(role: str, text: str) -> Document:
        return {"type": "singleStep", "role": role, "content": [{"type": "text", "text": text}]}

    steps = [
        {
            "type": "contentBlock",
            "stepIdentifier": "1-0",
            "style": {"type": "thinking", "ended": True, "title": "Thought for 0.74 seconds"},
            "content": [
                {"type": "text", "text": "<think>", "isStructural": True},
                {"type": "text", "text": "A colour."},
                {"type": "text", "text": "</think>", "isStructural": True},
            ],
        },
        {
            "type": "contentBlock",
            "content": [
                {
                    "type": "toolCallRequest",
                    "callId": 1,
                    "toolCallRequestId": "77",
                    "name": "look",
                    "parameters": {"at": "sky"},
                    "pluginIdentifier": "mcp/eyes",
                }
            ],
        },
        {"type": "toolStatus", "callId": 1, "statusState": {"status": {"type": "toolCallSucceeded"}}},
        {
            "type": "contentBlock",
            "roleOverride": "tool",
            "content": [{"type": "toolCallResult", "callId": 1, "toolCallId": "77", "content": "blue"}],
        },
        {
            "type": "contentBlock",
            "content": [{"type": "text", "text": "It is blue."}],
            "genInfo": {
                "identifier": "qwen/qwen3-4b",
                "stats": {
                    "stopReason": "eosFound",
                    "tokensPerSecond": 57.5,
                    "timeToFirstTokenSec": 0.25,
                    "promptTokensCount": 20,
                    "predictedTokensCount": 10,
                },
            },
        },
        {"type": "debugInfoBlock", "debugInfo": "Conversation naming technique: 'prompt'"},
        {"type": "citationBlock", "citedText": "sky", "source": {}},
    ]
    first = version("user", "What colour?")
    first["content"].append({"type": "file", "fileIdentifier": "1755 - 4.png", "fileType": "image", "sizeBytes": 80})
    first["content"].append({"type": "file", "fileIdentifier": "../../x", "fileType": "image", "sizeBytes": 80})
    return {
        "name": "Sky",
        "pinned": False,
        "createdAt": 1_755_014_461_974,
        "systemPrompt": "",
        "perChatPredictionConfig": {"fields": [{"key": "llm.prediction.systemPrompt", "value": "Be brief."}]},
        "lastUsedModel": {"identifier": "qwen/qwen3-4b"},
        "assistantLastMessagedAt": 1_755_014_561_974,
        "messages": [
            {"versions": [first], "currentlySelected": 0},
            {
                "versions": [
                    {**version("assistant", "Blue?"), "senderInfo": {"senderName": "tiny"}},
                    {"type": "multiStep", "role": "assistant", "steps": steps},
                ],
                "currentlySelected": 1,
            },
            {"versions": [version("user", "Sure?")], "currentlySelected": 0},
            {"versions": [version("assistant", "Yes.")], "currentlySelected": 0},
        ],
    }
