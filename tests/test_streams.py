"""A stream must end with what `/v1/predict` says of the same samples, refuse the rest, and leave the service up."""

import asyncio
import contextlib
import io
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
import soxr
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.export import content_of
from emovae.final import Means, train_final
from emovae.portable import opened
from emovae.presets import resolve
from emovae.shells.bounded import Turns
from emovae.shells.measured import Metrics
from emovae.shells.piling import Pile
from emovae.shells.streams import Streams
from emovae.trained import TrainedModel
from emovae.watcher import Watcher
from service_up import LIMITS, encoded, running, sent

DONE = json.dumps({"done": True})
PATIENT = LIMITS._replace(receive_s=30.0)
"""A machine with much else to do is slow, and no test of patience."""


@pytest.fixture(scope="module")
def client(model: TrainedModel) -> Iterator[httpx.Client]:
    with running(model, PATIENT) as client:
        yield client


@pytest.fixture(scope="module")
def speech(small_corpus: Corpus) -> Waveform:
    """At 48 kHz, in whole steps of 16 bits."""
    sound = np.concatenate([small_corpus.waveform(one) for one in small_corpus.utterances[:2]])
    steps = np.rint(soxr.resample(sound, SAMPLE_RATE_HZ, 48_000).clip(-1, 1) * 32767).astype(np.int16)
    return np.asarray(steps / 32768, np.float32)


def address(client: httpx.Client, query: str = "rate=48000") -> str:
    return f"ws://{client.base_url.netloc.decode()}/v1/stream?{query}"


@contextmanager
def streaming(client: httpx.Client, query: str = "rate=48000") -> Iterator[ClientConnection]:
    with connect(address(client, query), compression=None, max_size=None) as stream:
        yield stream


def heard(stream: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.recv(timeout=30))
    return found


def the_rest(stream: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """All that is still told, and the code of closing."""
    found = []
    try:
        while True:
            found.append(heard(stream))
    except ConnectionClosed as error:
        return found, None if error.rcvd is None else error.rcvd.code


def as_16_bits(samples: Waveform) -> bytes:
    return np.rint(samples * 32768).astype("<i2").tobytes()


def require_alike(found: dict[str, Any], row: dict[str, Any]) -> None:
    assert found["emotion"] == found["label"] == row["label"]
    assert found["flags"] == row["flags"]
    numbers = ["confidence", "entropy", *(name for name in row if name.startswith("p_"))]
    assert {name: found[name] for name in numbers} == pytest.approx({name: row[name] for name in numbers}, abs=1e-5)
    assert found["strangeness"] == pytest.approx(row["strangeness"], rel=1e-3)


@pytest.mark.parametrize("form", ["int16", "float32"])
def test_the_last_answer_is_that_of_the_whole(form: str, client: httpx.Client, speech: Waveform) -> None:
    content = as_16_bits(speech) if form == "int16" else speech.astype("<f4").tobytes()
    (row,) = sent(client, encoded(speech, rate_hz=48_000)).json()["rows"]
    with streaming(client, f"rate=48000&format={form}") as stream:
        for start in range(0, len(content), 40_000):
            stream.send(content[start : start + 40_000])
        stream.send(DONE)
        answers, code = the_rest(stream)
    assert code == 1000
    require_alike(answers[-1], row)
    assert answers[-1]["seconds"] == pytest.approx(len(speech) / 48_000, abs=1e-3)
    assert answers[-1]["end"] == pytest.approx(row["end"], abs=1e-3)
    assert all(answer["bounded"] is False for answer in answers)
    seconds = [answer["seconds"] for answer in answers]
    assert seconds == sorted(seconds)


def test_each_message_is_answered_when_the_answer_is_waited_for(client: httpx.Client, speech: Waveform) -> None:
    loud = speech[np.abs(speech).argmax() :]
    with streaming(client) as stream:
        for start, stop in pairwise((0, 4_800, 24_001, 48_000)):
            stream.send(as_16_bits(loud[start:stop]))
            found = heard(stream)
            (row,) = sent(client, encoded(loud[:stop], rate_hz=48_000)).json()["rows"]
            require_alike(found, row)


def test_several_who_speak_at_once_are_each_told_of_their_own(client: httpx.Client, speech: Waveform) -> None:
    quarters = np.array_split(speech, LIMITS.streams)

    def one(samples: Waveform) -> dict[str, Any]:
        with streaming(client) as stream:
            for part in np.array_split(samples, 20):
                stream.send(as_16_bits(part))
                heard(stream)
            stream.send(DONE)
            return the_rest(stream)[0][-1]

    with ThreadPoolExecutor(len(quarters)) as pool:
        for samples, found in zip(quarters, pool.map(one, quarters), strict=True):
            require_alike(found, sent(client, encoded(samples, rate_hz=48_000)).json()["rows"][0])


def test_silence_has_no_emotion_and_says_why(client: httpx.Client, speech: Waveform) -> None:
    with streaming(client, "rate=16000") as stream:
        stream.send(bytes(3200))
        found = heard(stream)
        assert found["seconds"] == 0.1
        assert (found["emotion"], found["label"], found["flags"]) == (None, None, "silent")
        assert "silent" in found["reason"]
        stream.send(DONE)
        answers, code = the_rest(stream)
    assert (answers[-1]["emotion"], code) == (None, 1000)


def test_what_comes_too_fast_is_answered_at_once(client: httpx.Client, speech: Waveform) -> None:
    content = as_16_bits(np.tile(speech, 20)[: 18 * 48_000])
    with streaming(client) as stream:
        for start in range(0, len(content), 480):  # 5 ms each
            stream.send(content[start : start + 480])
        stream.send(DONE)
        answers, code = the_rest(stream)
    assert code == 1000
    assert 1 <= len(answers) < len(content) / 480
    assert answers[-1]["seconds"] == pytest.approx(18, abs=1e-3)


@pytest.mark.parametrize(
    ("query", "messages", "code", "trouble"),
    [
        ("rate=48000", [b"abc"], 1003, "3 bytes, and a sample of int16 has 2"),
        ("rate=48000&format=float32", [np.full(9, np.nan, "<f4").tobytes()], 1003, "NaN or infinity"),
        ("rate=48000&format=float32", [np.full(9, 99, "<f4").tobytes()], 1003, "scale its samples"),
        ("rate=48000", ["hello"], 1003, "not understood"),
        ("rate=48000", ["[" * 100_000], 1003, "not understood"),
        ("rate=48000", [bytes(2**20 + 2)], 1009, "1,048,576 are the most"),
        ("rate=4000", [bytes(160_000), bytes(2)], 1008, "more than 20 s"),
        ("rate=3999", [], 1008, "rate"),
        ("rate=fast", [], 1008, "rate"),
        ("", [], 1008, "rate"),
        ("rate=48000&format=mp3", [], 1008, "format"),
    ],
    ids=["half", "NaN", "loud", "text", "deep", "large", "long", "slow", "no number", "no rate", "format"],
)
def test_what_cannot_be_heard_is_refused_with_a_word_and_a_code(
    query: str, messages: list[str | bytes], code: int, trouble: str, client: httpx.Client
) -> None:
    with streaming(client, query) as stream:
        for message in messages:
            stream.send(message)
        answers, found = the_rest(stream)
    assert found == code
    assert trouble in answers[-1]["detail"]
    assert client.get("/healthz").json()["streams"] is True


def test_who_says_nothing_is_let_go(model: TrainedModel) -> None:
    with running(model, LIMITS._replace(receive_s=0.2)) as client, streaming(client) as stream:
        answers, code = the_rest(stream)
    assert code == 1008
    assert "nothing came for 0.2 s" in answers[0]["detail"]


def test_who_keeps_a_place_by_a_sample_now_and_then_is_let_go(model: TrainedModel) -> None:
    answers = []
    with running(model, LIMITS._replace(receive_s=1.0, most_s=0.1)) as client, streaming(client) as stream:
        with contextlib.suppress(ConnectionClosed):
            while True:
                stream.send(bytes(2))
                answers.append(heard(stream))
                time.sleep(0.05)
        last, code = the_rest(stream)
    assert code == 1008
    assert "longer than its speech may" in [*answers, *last][-1]["detail"]


def test_a_message_that_is_larger_by_far_is_refused_while_it_comes(client: httpx.Client) -> None:
    with connect(address(client), compression=None) as stream:
        with contextlib.suppress(ConnectionClosed):
            stream.send(bytes(5 * 2**20))
        answers, code = the_rest(stream)
    assert not answers
    assert code in (1009, None)  # the network may forget the word, with what it had still to carry
    require_free(client)


def test_more_streams_than_may_be_are_told_to_come_again(client: httpx.Client, speech: Waveform) -> None:
    with ExitStack() as stack:
        for _ in range(LIMITS.streams):
            stream = stack.enter_context(streaming(client))
            stream.send(as_16_bits(speech[:4_800]))
            heard(stream)
        with streaming(client) as late:
            answers, code = the_rest(late)
        assert code == 1013
        assert "come again" in answers[0]["detail"]
        # A stream takes no turn from recordings.
        assert sent(client, encoded(speech, rate_hz=48_000)).status_code == 200
    with streaming(client) as stream:
        stream.send(as_16_bits(speech[:4_800]))
        assert "seconds" in heard(stream)


def test_clients_that_vanish_leave_their_places(client: httpx.Client, speech: Waveform) -> None:
    for _ in range(2 * LIMITS.streams):
        with connect(address(client), compression=None) as stream:
            stream.send(as_16_bits(speech))
            stream.socket.shutdown(socket.SHUT_RDWR)  # in the middle of what it would have been told
        require_free(client)


@pytest.mark.parametrize(
    "content",
    [b"\x82\xfe\xff\xff" + b"\x01" * 7, b"\x02\x7f" + b"\xff" * 400, b"\xff" * 100],
    ids=["a frame cut short", "neither masked nor with an end", "no frame"],
)
def test_who_does_not_speak_the_protocol_leaves_its_place(content: bytes, client: httpx.Client) -> None:
    for _ in range(LIMITS.streams + 1):
        with connect(address(client), compression=None) as stream:
            stream.socket.sendall(content)
            with contextlib.suppress(OSError):  # where the service was quicker
                stream.socket.shutdown(socket.SHUT_WR)
        require_free(client)


def test_who_reads_nothing_is_let_go(model: TrainedModel) -> None:
    metrics = Metrics(Turns(1, 1))
    sent_on: Iterator[Message] = iter([{"type": "websocket.connect"}, samples_of(bytes(32_000))])

    async def receive() -> Message:
        for message in sent_on:
            return message
        return await asyncio.Future[Message]()

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            await asyncio.Future()  # the network is full

    async def answered() -> int:
        with ThreadPoolExecutor(1) as pool:
            streams = Streams(model, pool, LIMITS._replace(receive_s=0.2), metrics)
            await asyncio.wait_for(streams.answer(WebSocket({"type": "websocket"}, receive, send), 16_000, "int16"), 5)
            return streams.here

    assert asyncio.run(answered()) == 0
    assert metrics.registry.get_sample_value("emovae_streams_total", {"code": "left"}) == 1


def samples_of(content: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": content}


def test_a_client_in_a_hurry_has_to_wait_and_what_is_held_stays_small() -> None:
    async def told() -> None:
        pile, put = Pile(1000), 0

        async def hurry() -> None:
            nonlocal put
            while True:
                await pile.put(bytes(300))
                put += 1

        hurried = asyncio.create_task(hurry())
        for turn in range(1, 4):
            await asyncio.sleep(0.01)
            assert put == 4 * turn  # as many as there is room for
            assert await pile.take() == (bytes(1200), False)
        hurried.cancel()

    asyncio.run(told())


def test_the_example_of_the_documentation_runs(client: httpx.Client) -> None:
    page = Path(__file__).parents[1] / "docs" / "model.md"
    (example,) = re.findall(r"```python\n([^`]*/v1/stream[^`]*)```", page.read_text(encoding="utf-8"))
    here = example.replace("127.0.0.1:8000", client.base_url.netloc.decode())
    assert here != example
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(here, "model.md", "exec"), {})
    *lines, last = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0.25", "0.5", "0.75", "1.0", "1.25", "1.5", "1.75", "2.0"]
    assert lines[-1].split()[1] == last


def test_messages_of_nothing_are_answered_and_take_no_room() -> None:
    async def told() -> None:
        pile = Pile(1000)
        for _ in range(10_000):
            await pile.put(b"")
        assert await pile.take() == (b"", False)
        await pile.end()
        assert await pile.take() == (b"", True)

    asyncio.run(told())


def open_streams(client: httpx.Client) -> int:
    found = re.search(r"^emovae_streams_open (\S+)", client.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def require_free(client: httpx.Client) -> None:
    until = time.monotonic() + 30
    while open_streams(client):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_metrics_count_streams_by_how_they_ended(model: TrainedModel, speech: Waveform) -> None:
    with running(model, PATIENT) as client:
        with streaming(client) as stream:
            stream.send(as_16_bits(speech[:48_000]))
            stream.send(DONE)
            the_rest(stream)
        with streaming(client) as stream:
            stream.send("hello")
            the_rest(stream)
        with streaming(client):
            pass
        require_free(client)
        text = client.get("/metrics").text
    for code in ("1000", "1003", "left"):
        assert f'emovae_streams_total{{code="{code}"}} 1.0' in text
    assert "emovae_audio_seconds_total 1.0" in text


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("http://{host}", True),
        ("https://{host}", True),
        ("https://evil.example", False),
        ("http://127.0.0.1:9", False),
        ("http://localhost", False),
        ("null", False),
        ("http://{host}.evil.example", False),
        ("http://[", False),
    ],
)
def test_a_page_of_another_origin_is_not_let_in(origin: str | None, welcome: bool, client: httpx.Client) -> None:
    named = None if origin is None else origin.format(host=client.base_url.netloc.decode())
    headers = None if named is None else {"Origin": named}
    if welcome:
        with connect(address(client), additional_headers=headers) as stream:
            stream.send(DONE)
            assert the_rest(stream)[1] == 1000
        return
    with pytest.raises(InvalidStatus) as refused:
        connect(address(client), additional_headers=headers)
    assert refused.value.response.status_code == 403
    assert b"another origin" in refused.value.response.body


def test_a_service_with_names_answers_under_these_alone(model: TrainedModel) -> None:
    with running(model, PATIENT, hosts=("127.0.0.1", "voices.example")) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/healthz", headers={"Host": "voices.example"}).status_code == 200
        assert client.get("/healthz", headers={"Host": "VOICES.example:443"}).status_code == 200
        for host in ("evil.example:80", "127.0.0.1.evil.example", "[::1", ""):
            answer = client.get("/healthz", headers={"Host": host})
            assert answer.status_code == 400
            assert "nosniff" in answer.headers["X-Content-Type-Options"]
        with streaming(client) as stream:
            stream.send(DONE)
            assert the_rest(stream)[1] == 1000


def test_a_model_that_needs_the_whole_says_that_it_is_bounded(
    small_corpus: Corpus, cache: Any, tiny: dict[str, Any], speech: Waveform
) -> None:
    keys = {**tiny, "models": ["VAE-LSTM"], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
    experiment = resolve(keys, None, ["normalise=utterance"])
    model = train_final(experiment, small_corpus, Means(cache, Watcher()), fold="1")
    with running(model, PATIENT) as client:
        (row,) = sent(client, encoded(speech, rate_hz=48_000)).json()["rows"]
        with streaming(client) as stream:
            stream.send(as_16_bits(speech))
            stream.send(DONE)
            answers, _ = the_rest(stream)
    assert answers[-1]["bounded"] is True
    require_alike(answers[-1], row)


def test_a_fault_of_the_service_is_told_and_the_next_is_answered(model: TrainedModel, speech: Waveform) -> None:
    broken = replace(model, temperature=cast(float, "none"))
    with running(broken, PATIENT) as client:
        for _ in range(2):
            with streaming(client) as stream:
                stream.send(as_16_bits(speech))
                answers, code = the_rest(stream)
            assert code == 1011
            assert answers == [{"detail": "the service could not answer"}]
        answer = sent(client, encoded(speech, rate_hz=48_000))
        assert answer.status_code == 500
        assert answer.json() == {"detail": "the service could not answer"}
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        with httpx.Client(base_url=client.base_url) as another:  # uvicorn ends a connection after a fault
            assert another.get("/healthz").status_code == 200
            assert open_streams(another) == 0


def test_an_onnx_model_hears_no_streams_and_says_so(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    portable = opened(content_of(model), tmp_path / "m.onnx")
    with running(portable, PATIENT) as client:
        with streaming(client) as stream:
            answers, code = the_rest(stream)
        assert code == 1008
        assert "ONNX" in answers[0]["detail"]
        assert client.get("/healthz").json()["streams"] is False
        assert sent(client, encoded(speech, rate_hz=48_000)).status_code == 200
