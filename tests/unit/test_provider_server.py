"""The loopback provider as a server: counts, gates, failures, and nothing left open."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import openai
import pytest

from llmcache.testing.provider import Answer, Failure, LoopbackProvider

CHAT = "/v1/chat/completions"


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    with LoopbackProvider() as started:
        yield started


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as started:
        yield started


def body(content: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


def post(
    provider: LoopbackProvider, content: Any, path: str = CHAT, headers: Any = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """One request over one connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", provider.port)
    try:
        sent = content if isinstance(content, str) else json.dumps(content)
        connection.request("POST", path, sent, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers
    finally:
        connection.close()


def said(provider: LoopbackProvider, content: str = "hi") -> str:
    status, answer, _ = post(provider, body(content))
    assert status == 200
    text = answer["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def test_the_same_question_is_answered_alike_by_every_provider(provider: LoopbackProvider) -> None:
    with LoopbackProvider() as other:
        assert said(provider, "one") == said(other, "one") != said(provider, "two")


def test_the_order_of_a_messages_members_does_not_count(provider: LoopbackProvider) -> None:
    turned = {"model": "m", "messages": [{"content": "hi", "role": "user"}]}
    _, answer, _ = post(provider, turned)
    assert answer["choices"][0]["message"]["content"] == said(provider, "hi")


def test_requests_are_recorded_without_anything_secret(provider: LoopbackProvider) -> None:
    secrets = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "s3cret"}
    post(provider, body("remember"), headers={**secrets, "X-Other": "kept"})
    [request] = provider.requests
    assert (request.number, request.path, request.model, request.text) == (1, CHAT, "m", "remember")
    assert request.body == body("remember")
    assert request.headers["x-other"] == "kept"
    assert "s3cret" not in f"{request!r} {request.headers}"


def test_a_queue_of_answers_is_used_up_one_a_request(provider: LoopbackProvider) -> None:
    made_up = said(provider)
    provider.script("first", Answer(value="second"), lambda request: request.text.upper(), None)
    assert [said(provider) for _ in range(5)] == ["first", "second", "HI", made_up, made_up]


def test_a_function_answers_every_request(provider: LoopbackProvider) -> None:
    provider.script(lambda request: f"{request.number}: {request.fill()}")
    first, second = said(provider), said(provider)
    assert first == second.replace("2", "1", 1)


def test_a_scripts_proposal_is_the_value_of_the_first_tool(provider: LoopbackProvider) -> None:
    tool = {"type": "function", "function": {"name": "t", "parameters": {"const": [1]}}}
    provider.script(lambda request: [request.fill()])
    _, answer, _ = post(provider, body(tools=[tool, tool]))
    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == "[[1]]"


def test_json_in_a_prompt_is_a_schema_only_where_it_looks_like_one(
    provider: LoopbackProvider,
) -> None:
    written = '{not json} {"a": {"b": 1}} {"properties": {"x": {"const": 7}}, "required": ["x"]}'
    assert json.loads(said(provider, written)) == {"x": 7}
    assert said(provider, '{"a": 1} {').endswith(".")


def test_broken_arguments_can_be_scripted(provider: LoopbackProvider) -> None:
    provider.script(lambda _request: Answer(calls=[("t", '{"cut')]))
    _, chat, _ = post(provider, body())
    _, messages, _ = post(provider, body(), "/v1/messages")
    assert chat["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"cut'
    assert messages["content"][0]["input"] == {"INVALID_JSON": '{"cut'}


def test_a_script_that_fails_is_a_failure_that_names_the_error(provider: LoopbackProvider) -> None:
    provider.script(lambda request: request.body["nothing"])
    status, answer, _ = post(provider, body())
    assert (status, answer["error"]["message"]) == (500, "The script failed: KeyError('nothing')")


def test_a_failure_has_its_status_and_says_when_to_come_again(provider: LoopbackProvider) -> None:
    provider.script(Failure(status=429, retry_after=1.5, message="slow down"))
    status, answer, headers = post(provider, body())
    assert (status, headers["Retry-After"]) == (429, "1.5")
    assert (answer["error"]["type"], answer["error"]["message"]) == (
        "rate_limit_error",
        "slow down",
    )
    assert said(provider)


def test_a_dropped_connection_ends_without_an_answer(provider: LoopbackProvider) -> None:
    provider.script(Failure(drop=True))
    with pytest.raises(ConnectionError):
        post(provider, body())
    assert provider.count == 1


def test_a_schema_without_a_value_is_a_bad_request(provider: LoopbackProvider) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}
    status, answer, _ = post(provider, body(response_format=form))
    assert status == 400
    assert "#/nowhere leads nowhere" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [("/v1/embeddings", "{}", 404), (CHAT, "{", 400), (CHAT, "[]", 400)],
)
def test_what_is_not_understood_is_refused_and_not_counted(
    provider: LoopbackProvider, path: str, content: str, status: int
) -> None:
    assert post(provider, content, path)[0] == status
    assert provider.count == 0


def test_one_connection_carries_many_requests(provider: LoopbackProvider) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", provider.port)
    for _ in range(3):
        connection.request("POST", CHAT, json.dumps(body()))
        connection.getresponse().read()
        before = connection.sock
    assert connection.sock is before is not None
    connection.close()


def test_held_requests_are_in_flight_together(
    provider: LoopbackProvider, pool: ThreadPoolExecutor
) -> None:
    with provider.hold() as gate:
        waiting = [pool.submit(said, provider, str(number)) for number in range(5)]
        provider.wait_for(5)
        gate.wait_for(5)
        assert (provider.in_flight, provider.most_in_flight) == (5, 5)
        assert not any(future.done() for future in waiting)
    assert len({future.result() for future in waiting}) == 5
    assert (provider.in_flight, provider.most_in_flight, provider.abandoned) == (0, 5, 0)


def test_an_answered_request_is_no_longer_in_flight(provider: LoopbackProvider) -> None:
    for _ in range(50):
        said(provider)
    assert provider.most_in_flight == 1


def test_a_gate_holds_only_what_it_is_told_to(
    provider: LoopbackProvider, pool: ThreadPoolExecutor
) -> None:
    gate = provider.hold(lambda request: request.text == "slow")
    slow = pool.submit(said, provider, "slow")
    gate.wait_for(1)
    assert said(provider, "quick")
    assert not slow.done()
    gate.release()
    assert slow.result()
    assert said(provider, "slow")


def test_a_stream_is_held_after_so_many_pieces(
    provider: LoopbackProvider, pool: ThreadPoolExecutor
) -> None:
    gate = provider.hold(after_chunks=3)
    connection = http.client.HTTPConnection("127.0.0.1", provider.port)
    connection.request("POST", CHAT, json.dumps(body(stream=True)))
    response = connection.getresponse()
    read = [response.readline() for _ in range(6)]
    gate.wait_for(1)
    rest: Future[bytes] = pool.submit(response.read)
    assert (sum(line.startswith(b"data: ") for line in read), rest.done()) == (3, False)
    gate.release()
    assert rest.result().endswith(b"data: [DONE]\n\n")
    connection.close()


def test_a_client_that_hangs_up_is_counted_as_gone(provider: LoopbackProvider) -> None:
    with provider.hold():
        connection = http.client.HTTPConnection("127.0.0.1", provider.port)
        connection.request("POST", CHAT, json.dumps(body()))
        provider.wait_for(1)
        connection.close()
        provider.wait_until_idle()
    assert (provider.abandoned, provider.in_flight) == (1, 0)


def test_a_reset_forgets_everything_and_opens_the_gates(
    provider: LoopbackProvider, pool: ThreadPoolExecutor
) -> None:
    provider.script("scripted", "scripted")
    provider.hold()
    future = pool.submit(said, provider)
    provider.wait_for(1)
    provider.reset()
    assert future.result() == "scripted"
    assert (provider.count, provider.requests, provider.most_in_flight) == (0, [], 0)
    assert said(provider) != "scripted"


def test_waiting_for_too_many_ends_with_the_state(provider: LoopbackProvider) -> None:
    said(provider)
    with pytest.raises(TimeoutError, match=r"2 requests did not come within 0\.01 s: 1 came"):
        provider.wait_for(2, timeout=0.01)
    with provider.hold() as gate, pytest.raises(TimeoutError, match="0 of 1"):
        gate.wait_for(1, timeout=0.01)


def test_closing_interrupts_what_is_held_and_delayed(pool: ThreadPoolExecutor) -> None:
    provider = LoopbackProvider(delay=3_600).start()
    delayed = pool.submit(post, provider, body())
    provider.wait_for(1)
    provider.hold()
    held = pool.submit(post, provider, body())
    provider.wait_for(2)
    threads = set(provider.server.connections) if provider.server else set()
    provider.close()
    for future in (delayed, held):
        with pytest.raises(ConnectionError):
            future.result()
    assert len(threads) == 2
    assert not any(thread.is_alive() for thread in threads)


def test_a_closed_provider_refuses_connections_and_closes_twice() -> None:
    with LoopbackProvider() as provider:
        port = provider.port
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        idle.request("POST", CHAT, json.dumps(body()))
        idle.getresponse().read()
    provider.close()
    assert idle.sock.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(RuntimeError, match="inside `with"):
        _ = provider.url


def test_a_taken_port_is_an_error_and_leaves_nothing_open(provider: LoopbackProvider) -> None:
    threads = set(threading.enumerate())
    with pytest.raises(OSError, match="in use"):
        LoopbackProvider(port=provider.port).start()
    assert set(threading.enumerate()) <= threads


async def test_async_it_is_a_context_manager_too() -> None:
    async with LoopbackProvider() as provider:
        client = provider.async_openai_client()
        await client.chat.completions.create(**body())
        await provider.wait_for_async(1)
        assert not client.is_closed()
    assert client.is_closed()


async def test_an_async_client_keeps_no_connection_that_could_outlive_its_loop(
    provider: LoopbackProvider,
) -> None:
    for client in (provider.async_openai_client(), provider.async_anthropic_client()):
        if isinstance(client, openai.AsyncOpenAI):
            await client.chat.completions.create(**body())
        else:
            await client.messages.create(**body(max_tokens=9))
    assert [request.headers["connection"] for request in provider.requests] == ["close", "close"]


def test_it_runs_by_itself_and_tells_its_counts() -> None:
    command = [sys.executable, "-m", "llmcache.testing.provider"]
    with subprocess.Popen(  # noqa: S603 - this very Python
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", CHAT, json.dumps(body()))
        assert connection.getresponse().read()
        connection.request("GET", "/")
        assert json.load(connection.getresponse()) == {"count": 1, "most_in_flight": 1}
        connection.close()
        process.terminate()
