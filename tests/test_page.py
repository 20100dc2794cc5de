"""The page must need nothing from elsewhere, and say so in its headers; what it draws is what NumPy draws."""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.drawing import columns_of
from emovae.errors import ConfigError
from emovae.export import export
from emovae.pictures import remade
from emovae.shells.serving import allowed
from emovae.trained import TrainedModel
from service_up import encoded, running, sent


@pytest.fixture(scope="module")
def client(model: TrainedModel) -> Iterator[httpx.Client]:
    with running(model) as client:
        yield client


@pytest.fixture(scope="module")
def speech(small_corpus: Corpus) -> Waveform:
    return small_corpus.waveform(small_corpus.utterances[0])


def drawn(client: httpx.Client, content: bytes, **query: Any) -> httpx.Response:
    return sent(client, content, path="/v1/picture", **query)


def values_of(picture: dict[str, Any]) -> NDArray[np.float64]:
    """In the units of the frames again, [column, band]."""
    shades = np.frombuffer(base64.b64decode(picture["values"]), np.uint8).reshape(picture["columns"], picture["bands"])
    return np.asarray(picture["low"] + shades / 255 * (picture["high"] - picture["low"]), np.float64)


def test_what_is_drawn_is_what_was_sent(client: httpx.Client, model: TrainedModel, speech: Waveform) -> None:
    found = drawn(client, encoded(np.stack([speech, speech], axis=1))).json()
    assert (found["sample_rate_hz"], found["channels"], found["file"]) == (SAMPLE_RATE_HZ, 2, "a.wav")
    assert found["seconds"] == pytest.approx(len(speech) / SAMPLE_RATE_HZ, abs=1e-3)
    front_end = model.settings.front_end
    assert (found["low_hz"], found["high_hz"]) == (front_end.low_hz, front_end.high_hz)
    wave = found["wave"]
    edges = np.arange(wave["columns"]) * len(speech) // wave["columns"]
    assert wave["columns"] == len(wave["low"]) == len(wave["high"]) == 1200
    np.testing.assert_allclose(wave["low"], np.minimum.reduceat(speech, edges), atol=6e-5)
    np.testing.assert_allclose(wave["high"], np.maximum.reduceat(speech, edges), atol=6e-5)
    (frames,) = model.frames([speech])
    picture, made = found["logmel"], found["reconstruction"]
    assert (picture["bands"], picture["columns"], picture["hop_s"]) == (80, len(frames), 0.01)
    assert (picture["low"], picture["high"]) == (frames.min(), frames.max())
    assert {key: made[key] for key in made if key != "values"} == {key: picture[key] for key in made if key != "values"}
    step = (picture["high"] - picture["low"]) / 255
    np.testing.assert_allclose(values_of(picture), frames, atol=0.51 * step)
    expected = remade(model, frames)
    np.testing.assert_allclose(values_of(made), expected.frames.clip(picture["low"], picture["high"]), atol=0.51 * step)
    assert found["reconstruction_error"] == pytest.approx(expected.error, rel=1e-5)


def test_a_long_recording_has_no_more_columns_than_a_screen(
    client: httpx.Client, model: TrainedModel, speech: Waveform
) -> None:
    long = np.tile(speech, 20)[: 15 * SAMPLE_RATE_HZ]
    content = encoded(long, subtype="PCM_16")
    picture = drawn(client, content).json()["logmel"]
    (frames,) = model.frames([soundfile.read(io.BytesIO(content), dtype="float32")[0]])
    assert (picture["columns"], picture["hop_s"]) == (-(-len(frames) // 2), 0.02)
    step = (picture["high"] - picture["low"]) / 255
    np.testing.assert_allclose(values_of(picture), columns_of(frames).values, atol=0.6 * step)


def test_silence_is_drawn_and_not_remade(client: httpx.Client) -> None:
    found = drawn(client, encoded(np.zeros(SAMPLE_RATE_HZ, np.float32))).json()
    assert found["reconstruction"] is found["reconstruction_error"] is None
    assert "silent" in found["why"]
    assert not base64.b64decode(found["logmel"]["values"]).strip(b"\0")


@pytest.mark.parametrize(
    ("content", "query", "status", "trouble"),
    [
        (b"no sound at all", {}, 415, "cannot be decoded"),
        (encoded(np.full(21 * SAMPLE_RATE_HZ, 0.1, np.float32), subtype="PCM_16"), {}, 413, "20 s are the most"),
        (bytes(2**20 + 1), {}, 413, "1,048,576 are the most"),
        (encoded(np.full(100, np.nan, np.float32)), {}, 422, "NaN or infinity"),
        (encoded(np.full(100, 0.1, np.float32)), {"channel": "right"}, 422, "none on the right"),
        (encoded(np.full(100, 0.1, np.float32)), {"channel": "each"}, 422, "channel"),
    ],
    ids=["text", "long", "large", "NaN", "channel", "each"],
)
def test_what_cannot_be_drawn_is_refused_as_elsewhere(
    content: bytes, query: dict[str, Any], status: int, trouble: str, client: httpx.Client
) -> None:
    answer = drawn(client, content, **query)
    assert answer.status_code == status
    assert trouble in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/healthz", "/nowhere", "/page/nothing", "/v1/predict"]
)
def test_every_answer_says_that_nothing_comes_from_elsewhere(path: str, client: httpx.Client) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Permissions-Policy"] == "microphone=(self)"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_names_nothing_that_is_not_here(path: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"""(src|href|action)\s*=\s*["']?(https?:)?//""", answer.text)
    named = [link for link in re.findall(r'(?:src|href)="([^"#]+)"', answer.text) if not link.startswith("data:")]
    assert named
    for link in named:
        assert client.get(link).status_code == 200, link


def test_the_files_of_the_page_are_in_the_package_and_served_as_what_they_are(client: httpx.Client) -> None:
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    names = [one.name for one in (files("emovae.shells") / "page").iterdir()]
    assert {"index.html", "page.css"} <= set(names)
    for name in names:
        answer = client.get(f"/page/{name}")
        assert answer.content == (files("emovae.shells") / "page" / name).read_bytes()
        assert answer.headers["Content-Type"].startswith(kinds.get(Path(name).suffix, ""))
    for name in ("../service.py", "%2e%2e/service.py", "..%2fservice.py", "page.css%00"):
        assert client.get(f"/page/{name}").status_code == 404


def test_the_form_of_the_page_works_without_a_script(client: httpx.Client, speech: Waveform) -> None:
    form = re.search(r"<form[^>]*>.*?</form>", client.get("/").text, re.DOTALL)
    assert form is not None
    assert all(word in form[0] for word in ('action="/v1/predict"', 'method="post"', 'enctype="multipart/form-data"'))
    assert 'name="file"' in form[0]


def test_people_read_of_every_call_what_openapi_tells_programs(client: httpx.Client) -> None:
    text, told = client.get("/docs").text, client.get("/openapi.json").json()["paths"]
    assert told.keys() == {"/healthz", "/metrics", "/v1/predict", "/v1/picture"}
    for path, methods in told.items():
        for method, call in methods.items():
            assert f"{method.upper()} {path}" in text
            assert all(f"<code>{one['name']}</code>" in text for one in call.get("parameters", ()))
    assert "<code>file</code> (file)" in text
    assert "mix | left | right | each; &#34;mix&#34; without" in text
    assert "number, 0.01 to 600; 0.5 without" in text
    assert "/v1/stream" in text


def test_a_service_on_this_machine_alone_answers_under_its_own_names() -> None:
    own = ["127.0.0.1", "::1", "localhost"]
    assert allowed("127.0.0.1", ["Voices.example", "[fe80::1]"]) == [*own, "voices.example", "fe80::1"]
    assert allowed("::1", []) == own
    assert allowed("0.0.0.0", []) == []
    assert allowed("0.0.0.0", ["voices.example"]) == ["voices.example"]
    for wrong in ("*", "https://voices.example", "voices.example:443", ""):
        with pytest.raises(ConfigError, match="without scheme and port"):
            allowed("0.0.0.0", [wrong])


def test_an_onnx_model_is_served_without_torch(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    export(model, file)
    soundfile.write(tmp_path / "a.wav", speech, SAMPLE_RATE_HZ, "FLOAT")
    code = f"""
import sys, threading, time, httpx, uvicorn
from pathlib import Path
from emovae.shells.serving import serve

served = {{}}
def run(server, sockets):
    thread = threading.Thread(target=uvicorn.Server._real, args=(server, sockets), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    at = "http://127.0.0.1:%d" % sockets[0].getsockname()[1]
    content = Path({str(tmp_path / "a.wav")!r}).read_bytes()
    for path in ("/v1/predict", "/v1/picture"):
        served[path] = httpx.post(at + path, files={{"file": ("a.wav", content)}}, timeout=60).json()
    served["/healthz"] = httpx.get(at + "/healthz").json()
    server.should_exit = True
    thread.join()
uvicorn.Server._real, uvicorn.Server.run = uvicorn.Server.run, run
serve([{str(file)!r}, "--port", "0"], standalone_mode=False)
import json
print(json.dumps({{**served, "torch": "torch" in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["torch"] is False
    assert found["/healthz"]["streams"] is False
    assert found["/v1/picture"]["reconstruction"] is None
    assert "ONNX" in found["/v1/picture"]["why"]
    picture = found["/v1/picture"]["logmel"]
    (frames,) = model.frames([speech])
    np.testing.assert_allclose(values_of(picture), frames, atol=0.6 * (picture["high"] - picture["low"]) / 255)
    expected = model.answer([speech]).probabilities[0]
    row = found["/v1/predict"]["rows"][0]
    assert [row[f"p_{name}"] for name in model.classes] == pytest.approx(expected.tolist(), abs=1e-4)
