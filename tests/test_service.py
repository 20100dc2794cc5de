"""The service must say what `emovae predict` says, refuse what is too much, and be up afterwards."""

import io
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import av
import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from emovae.answers import told
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.errors import ConfigError
from emovae.shells.cli import cli
from emovae.trained import TrainedModel
from processes import EMOVAE
from service_up import encoded, running, sent


@pytest.fixture(scope="module")
def waveform(small_corpus: Corpus) -> Waveform:
    return small_corpus.waveform(small_corpus.utterances[0])


@pytest.fixture(scope="module")
def client(model: TrainedModel) -> Iterator[httpx.Client]:
    with running(model) as client:
        yield client


def as_a_browser_sends(samples: Waveform, container: str, codec: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = cast(av.AudioStream, file.add_stream(codec, rate=48_000))
        whole = av.AudioFrame.from_ndarray(np.repeat(samples, 3)[None], format="fltp", layout="mono")
        whole.sample_rate = 48_000
        size = stream.codec_context.frame_size or 960
        for frame in av.AudioResampler(stream.format, stream.layout, 48_000, size).resample(whole):
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def test_it_says_what_predict_says(client: httpx.Client, model: TrainedModel, waveform: Waveform) -> None:
    found = sent(client, encoded(waveform)).json()
    expected = told(model, [waveform])[0]
    (row,) = found["rows"]
    assert found["classes"] == list(model.classes)
    assert found["seconds"] == pytest.approx(len(waveform) / SAMPLE_RATE_HZ, abs=1e-3)
    assert row["label"] == expected.label
    assert {name: row[f"p_{name}"] for name in model.classes} == pytest.approx(expected.probabilities, abs=1e-5)


def test_a_timeline_and_channels_are_rows(client: httpx.Client, waveform: Waveform) -> None:
    call = np.stack([waveform, 0 * waveform], axis=1)
    rows = sent(client, encoded(call), window=0.5, hop=0.25, channel="each").json()["rows"]
    assert {row["channel"] for row in rows} == {"left", "right"}
    assert all((row["flags"] == "silent") == (row["channel"] == "right") for row in rows)
    assert [row["start"] for row in rows[:3]] == [0, 0.25, 0.5]


@pytest.mark.parametrize(
    ("kind", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
def test_usual_containers_are_heard(kind: str, subtype: str, client: httpx.Client, waveform: Waveform) -> None:
    answer = sent(client, encoded(waveform, kind, subtype))
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"][0]["confidence"] > 0


@pytest.mark.parametrize(("container", "codec"), [("webm", "libopus"), ("mp4", "aac"), ("adts", "aac")])
def test_what_browsers_and_phones_record_is_heard(
    container: str, codec: str, client: httpx.Client, waveform: Waveform
) -> None:
    answer = sent(client, as_a_browser_sends(waveform, container, codec))
    assert answer.status_code == 200, answer.text
    assert answer.json()["seconds"] == pytest.approx(len(waveform) / SAMPLE_RATE_HZ, abs=0.1)
    long = sent(client, as_a_browser_sends(np.tile(waveform, 12)[: 21 * SAMPLE_RATE_HZ], container, codec))
    assert long.status_code == 413


def tone(seconds: float) -> Waveform:
    return (0.1 * np.sin(np.arange(round(seconds * SAMPLE_RATE_HZ)) / 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("content", "query", "status", "trouble"),
    [
        (b"", {}, 415, "cannot be decoded"),
        (b"no sound at all", {}, 415, "cannot be decoded"),
        (b"#EXTM3U\nfile:///etc/passwd\n", {}, 415, "cannot be decoded"),
        (b"\x1aE\xdf\xa3" + bytes(100), {}, 415, "cannot be decoded"),
        (encoded(tone(21), subtype="PCM_16"), {}, 413, "21.0 s or more, and 20 s are the most"),
        (bytes(2**20 + 1), {}, 413, "1,048,576 are the most"),
        (encoded(tone(1) * np.nan), {}, 422, "NaN or infinity"),
        (encoded(tone(1)), {"channel": "right"}, 422, "none on the right"),
        (encoded(tone(5)), {"window": 1, "hop": 0.01}, 413, "more than 100 windows"),
        (encoded(tone(1)), {"window": -1}, 422, "greater than or equal"),
        (encoded(tone(1)), {"channel": "up"}, 422, "channel"),
        (encoded(tone(1)), {"window": "2m"}, 422, "'2m' is no length of time above 0; write seconds or milliseconds"),
        (encoded(tone(1)), {"window": "0.2ms"}, 422, "steps of 10 ms"),
        (encoded(tone(1)), {"window": "nan"}, 422, "window"),
    ],
    ids=[
        "empty",
        "text",
        "playlist",
        "webm",
        "long",
        "large",
        "NaN",
        "channel",
        "windows",
        "window",
        "name",
        "minutes",
        "step",
        "nan",
    ],
)
def test_what_cannot_be_heard_is_refused_and_the_service_stays_up(
    content: bytes, query: dict[str, Any], status: int, trouble: str, client: httpx.Client
) -> None:
    answer = sent(client, content, **query)
    assert answer.status_code == status
    assert trouble in answer.text
    assert "/tmp" not in answer.text
    assert client.get("/healthz").json()["status"] == "ok"


def test_a_parameter_that_is_none_is_refused_by_its_name(client: httpx.Client) -> None:
    for path, known in (("/v1/predict", "window, hop, channel, reject"), ("/v1/picture", "channel")):
        answer = sent(client, encoded(tone(1)), path=path, chanel="each")
        assert answer.status_code == 422
        (told_of,) = answer.json()["detail"]
        assert told_of["loc"] == ["query", "chanel"]
        assert told_of["msg"] == f"is no parameter of this path, which has {known}; perhaps channel is meant"


def test_times_are_taken_as_the_command_takes_them(client: httpx.Client, waveform: Waveform) -> None:
    plain = sent(client, encoded(waveform), window=0.5, hop=0.25).json()["rows"]
    assert sent(client, encoded(waveform), window="500ms", hop=" .25s").json()["rows"] == plain
    assert sent(client, encoded(waveform), window="700s").status_code == 422


@pytest.mark.parametrize(
    "sent_so",
    [{}, {"content": b"RIFF"}, {"files": {"sound": ("a.wav", b"RIFF")}}, {"data": {"file": "a.wav"}}],
    ids=["nothing", "no form", "another field", "no file"],
)
def test_who_sends_no_file_is_told_how(sent_so: dict[str, Any], client: httpx.Client) -> None:
    answer = client.post("/v1/predict", **sent_so)
    assert answer.status_code == 422
    (told_of,) = answer.json()["detail"]
    assert told_of["loc"] == ["body", "file"]
    assert "curl -F file=@recording.wav" in told_of["msg"]


def test_a_file_name_is_only_a_name(client: httpx.Client, waveform: Waveform) -> None:
    answer = sent(client, encoded(waveform), name="../../etc/passwd\x00.wav")
    assert answer.status_code == 200
    assert answer.json()["file"].startswith("../../etc/passwd")


def raw(client: httpx.Client, content: bytes) -> bytes:
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        connection.sendall(content)
        return connection.recv(65536)


def test_who_promises_too_much_is_refused_before_it_is_sent(client: httpx.Client) -> None:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    assert raw(client, head + b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_who_is_too_slow_is_let_go(client: httpx.Client) -> None:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    assert raw(client, head + b"Content-Length: 1000\r\n\r\n--b\r\n").startswith(b"HTTP/1.1 408")
    assert client.get("/healthz").status_code == 200


def test_chunks_without_an_end_are_refused(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
        for _ in range(200):
            yield bytes(2**16)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        answer = client.post("/v1/predict", content=endless(), headers=headers)
    except httpx.WriteError:  # the service has closed before all was sent
        answer = None
    assert answer is None or answer.status_code == 413
    assert client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_two_hundred_clients_at_once_are_answered_or_told_to_come_again(
    client: httpx.Client, waveform: Waveform
) -> None:
    content = encoded(waveform, subtype="PCM_16")

    def one(_: int) -> httpx.Response:
        return httpx.post(client.base_url.join("/v1/predict"), files={"file": ("a.wav", content)}, timeout=60)

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(one, range(200)))
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert any(answer.status_code == 200 for answer in answers)
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 429)
    labels = {answer.json()["rows"][0]["label"] for answer in answers if answer.status_code == 200}
    assert len(labels) == 1


def test_metrics_count_what_was_asked(model: TrainedModel, waveform: Waveform) -> None:
    with running(model) as client:
        sent(client, encoded(waveform))
        sent(client, b"x")
        client.get("/made/up")
        text = client.get("/metrics").text
    assert 'emovae_requests_total{path="/v1/predict",status="200"} 1.0' in text
    assert 'emovae_requests_total{path="/v1/predict",status="415"} 1.0' in text
    assert 'emovae_requests_total{path="other",status="404"} 1.0' in text
    heard = re.search(r"^emovae_audio_seconds_total (\S+)", text, re.MULTILINE)
    assert heard is not None
    assert float(heard[1]) == pytest.approx(len(waveform) / SAMPLE_RATE_HZ, abs=1e-3)


@pytest.mark.slow
def test_a_port_that_is_taken_is_told_before_anything_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked = ["serve", str(tmp_path / "no model"), "--port", str(taken.getsockname()[1])]
        done = CliRunner().invoke(cli, asked)
    assert isinstance(done.exception, ConfigError)
    assert "Address already in use; give another --port" in str(done.exception)


@pytest.mark.slow
def test_the_command_serves_a_model_folder(model: TrainedModel, waveform: Waveform, tmp_path: Path) -> None:
    save(model, tmp_path / "m", "")
    words = [str(EMOVAE), "serve", str(tmp_path / "m"), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+", line)))
            with httpx.Client(base_url=address) as client:
                assert sent(client, encoded(waveform)).status_code == 200
                assert client.get("/healthz").json()["classes"] == list(model.classes)
                assert client.get("/openapi.json").json()["paths"].keys() >= {"/v1/predict", "/healthz"}
                assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
                sent(client, encoded(waveform), name="Anna.wav", of="Anna")
                with connect(f"ws{address.removeprefix('http')}/v1/stream?rate=16000&of=Anna") as stream:
                    stream.send('{"done": true}')
                    assert "emotion" in str(stream.recv(timeout=10))
        finally:
            process.terminate()
            _, log = process.communicate(timeout=30)
    assert "Anna" not in log
    assert "shut" in log.lower()
