"""The page in a browser: it shows what the service says, with a mouse or without, and stands up after every fault."""

import csv
import io
import itertools
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import soundfile

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.predict import DOUBTFUL, SHORT, SILENT, UNLIKE
from emovae.shells.service import Limits
from emovae.trained import TrainedModel
from service_up import encoded, running, sent

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Page, Playwright, Route

CHROMIUM = shutil.which("chromium")
CORPORA = os.environ.get("EMOVAE_CORPORA")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
MICROPHONE, ALLOWED = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
LIMITS = Limits(most_bytes=4 * 2**20, most_s=60.0, receive_s=20.0, at_once=2, waiting=8, most_windows=300, streams=2)
SEEN = ("wave", "slider", "logmel", "reconstruction")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


@dataclass
class Visit:
    """Somebody who looks at the page of a service, and what the browser said and asked meanwhile."""

    page: "Page"
    client: httpx.Client
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def opened(self) -> "Visit":
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url.replace("ws:", "http:")))
        self.page.goto(str(self.client.base_url))
        self.page.get_by_text("The model VAE-LSTM answers.").wait_for()
        return self

    def gives(self, content: bytes, name: str = "a.wav") -> None:
        """Chooses a file, and waits for the whole answer or for an alert."""
        payload: FilePayload = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.set_input_files("#file", payload)
        self.waits()

    def waits(self) -> None:
        self.page.locator("#result:not([hidden]), .alert").first.wait_for()
        self.page.locator("#busy").wait_for(state="hidden")

    def windows(self) -> list[list[str]]:
        """The cells of the table, which is made when it is opened."""
        self.page.get_by_text("The windows as a table").click()
        self.page.locator("#rows tbody tr").first.wait_for()
        return [line.split("\t") for line in self.text("#rows tbody").splitlines()]

    def text(self, place: str) -> str:
        return self.page.locator(place).inner_text().replace("\u00a0", " ")

    def number(self, script: str) -> float:
        return float(self.page.evaluate(script))


@pytest.fixture(scope="module")
def speech(small_corpus: Corpus) -> Waveform:
    """Eight seconds of voices."""
    return np.concatenate([small_corpus.waveform(one) for one in small_corpus.utterances[:8]])[: 8 * SAMPLE_RATE_HZ]


@pytest.fixture(scope="module")
def client(model: TrainedModel) -> Iterator[httpx.Client]:
    with running(model, LIMITS) as client:
        yield client


@pytest.fixture(scope="module")
def playwright() -> Iterator["Playwright"]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def browsing(playwright: "Playwright", *flags: str) -> Iterator["Browser"]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET.split(), *flags])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def browser(
    playwright: "Playwright", speech: Waveform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Browser"]:
    """One whose microphone hears the speech."""
    heard = tmp_path_factory.mktemp("microphone") / "speech.wav"
    soundfile.write(heard, np.repeat(speech, 3), 48_000, "PCM_16")
    flags = (MICROPHONE, ALLOWED, f"--use-file-for-audio-capture={heard}")
    with browsing(playwright, *flags) as browser:
        yield browser


@pytest.fixture
def visit(browser: "Browser", client: httpx.Client) -> Iterator[Visit]:
    """A visit that asks nobody but the service, and in which nothing goes wrong but what the service refuses."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    visit = Visit(page, client).opened()
    yield visit
    page.close()
    assert visit.asked
    assert all(url.startswith((str(client.base_url), "blob:", "data:")) for url in visit.asked), visit.asked
    assert [words for words in visit.said if not words.startswith("Failed to load resource")] == []


def colours(page: "Page", box: str) -> int:
    """How many colours a canvas has, between its axes."""
    script = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(50, 40, canvas.width - 64, canvas.height - 64);
        return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return int(page.locator(f"#{box} canvas").evaluate(script))


def drawn(visit: Visit) -> dict[str, bool]:
    """Whether each picture holds more than its ground: a wave, several patterns, many strengths of sound."""
    least = {"wave": 2, "slider": 4, "logmel": 50, "reconstruction": 50}
    return {box: colours(visit.page, box) >= count for box, count in least.items()}


def shown(visit: Visit) -> dict[str, float]:
    """The bars of the whole recording."""
    lines = visit.page.locator("#whole .bars li").all_inner_texts()
    return {words[0]: float(words[1].rstrip("\u00a0%")) / 100 for words in (line.split("\n") for line in lines)}


# What is given, and what is seen


def test_an_answer_is_shown_with_its_bars_its_doubt_and_every_picture(visit: Visit, speech: Waveform) -> None:
    content = encoded(speech)
    visit.gives(content, "talk.wav")
    (row,) = sent(visit.client, content).json()["rows"]
    assert visit.text("#result-title") == "What it heard in talk.wav"
    assert row["label"] in visit.text("#whole .says")
    assert shown(visit) == pytest.approx(
        {name[2:]: share for name, share in row.items() if name[:2] == "p_"}, abs=0.006
    )
    assert f"{row['entropy']:.2f} nats" in visit.text("#whole .doubts")
    assert drawn(visit) == dict.fromkeys(SEEN, True)
    assert visit.page.locator("#legend li").all_inner_texts() == list(shown(visit))
    for box in ("wave", "logmel", "reconstruction"):
        assert len(visit.page.locator(f"#{box} canvas").get_attribute("aria-label") or "") > 20
    assert visit.said == []


@pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora")
def test_a_real_recording_is_answered_and_drawn(visit: Visit) -> None:
    file = next((Path(str(CORPORA)) / "urdu").rglob("*.flac"))
    visit.gives(file.read_bytes(), file.name)
    assert file.name in visit.text("#result-title")
    assert drawn(visit) == dict.fromkeys(SEEN, True)
    assert math.isfinite(visit.number("document.getElementById('audio').duration"))


def test_a_tone_lies_where_the_axis_says_so(visit: Visit) -> None:
    time = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    visit.gives(encoded((0.3 * np.sin(2 * np.pi * 2000 * time)).astype(np.float32)))
    script = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(canvas.width / 2, 0, 1, canvas.height);
        const light = [...Array(canvas.height).keys()].map(y => data[4 * y] + data[4 * y + 1] + data[4 * y + 2]);
        const inside = light.map((one, y) => (y >= 6 && y < 156 ? one : -1));
        return inside.indexOf(Math.max(...inside));
    }"""
    brightest = visit.page.locator("#logmel canvas").evaluate(script)

    def mel(hz: float) -> float:
        return 1127 * math.log1p(hz / 700)

    band = (mel(2000) - mel(20)) / ((mel(8000) - mel(20)) / 81) - 1
    assert brightest == pytest.approx(6 + 150 * (1 - (band + 0.5) / 80), abs=4)


def test_channels_are_offered_where_there_are_some_and_heard_one_by_one(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech))
    assert visit.page.locator("#channels").is_hidden()
    content = encoded(np.stack([speech, 0 * speech], axis=1))
    visit.gives(content, "call.wav")
    visit.page.get_by_text("Windows and channels").click()
    visit.page.get_by_label("Of several channels").select_option("each")
    visit.page.get_by_role("button", name="Ask again with these").click()
    visit.page.get_by_text("Right channel").wait_for()
    visit.waits()
    assert "Left channel: it sounds most like" in visit.text("#whole")
    assert "There is nothing to hear in it: it is silent." in visit.text("#whole")
    channels = [line[2] for line in visit.windows()]
    rows = sent(visit.client, content, window=2, hop=0.5, channel="each").json()["rows"]
    assert channels == [row["channel"] for row in rows]
    visit.gives(encoded(speech))
    assert visit.page.locator("#channels").is_hidden()
    assert "channel" not in visit.text("#whole")


def test_a_file_may_be_dropped_on_the_page(visit: Visit, speech: Waveform) -> None:
    script = """bytes => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([Uint8Array.from(bytes)], "dropped.wav"));
        return dropped;
    }"""
    content = encoded(speech[:SAMPLE_RATE_HZ], subtype="PCM_16")
    dropped = visit.page.evaluate_handle(script, list(content))
    visit.page.dispatch_event("h1", "dragover", {"dataTransfer": dropped})
    assert visit.page.locator("body").get_attribute("class") == "over"
    visit.page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    visit.waits()
    assert visit.text("#result-title") == "What it heard in dropped.wav"
    assert visit.page.locator("body").get_attribute("class") == ""


def test_silence_is_said_and_drawn(visit: Visit) -> None:
    visit.gives(encoded(np.zeros(3 * SAMPLE_RATE_HZ, np.float32)))
    assert "nothing to hear" in visit.text("#whole .says").lower()
    assert visit.page.locator("#whole .bars").count() == 0
    assert "There is no picture of it: the recording is silent." in visit.text("#reconstruction-caption")
    assert visit.page.locator("#reconstruction").is_hidden()
    assert visit.text("#now") == "0.0 s: silent"


@pytest.mark.parametrize("flag", [SHORT, SILENT, UNLIKE, DOUBTFUL])
def test_every_flag_is_said_in_words(flag: str, visit: Visit) -> None:
    script = "async flags => (await import('/page/answer.js')).doubts({ flags }, ['anger', 'neutral'])"
    (one,) = visit.page.evaluate(script, flag)
    assert one["flag"]
    assert len(one["words"].split()) > 5


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([0.97, 0.02, 0.01], "It is rather sure."),
        ([0.8, 0.15, 0.05], "It is in some doubt, most of all between anger and neutral."),
        ([0.2, 0.42, 0.38], "It is unsure, most of all between neutral and sadness."),
    ],
)
def test_doubt_is_said_in_words_and_in_nats(shares: list[float], words: str, visit: Visit) -> None:
    script = "async row => (await import('/page/answer.js')).doubts(row, ['anger', 'neutral', 'sadness'])[0].words"
    entropy = -sum(share * math.log(share) for share in shares)
    row = dict(zip(("p_anger", "p_neutral", "p_sadness"), shares, strict=True)) | {"entropy": entropy, "flags": ""}
    told = visit.page.evaluate(script, row).replace("\u00a0", " ")
    assert (
        told == f"{words} Its doubt (entropy) is {entropy:.2f} nats, {100 * entropy / math.log(3):.0f} % of the most."
    )


def test_what_is_too_short_is_said_in_words(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech[:800]))
    assert "was filled up with silence" in visit.text("#whole .doubts")
    assert "there is one" in visit.text("#course-caption")


def test_another_window_changes_the_course_and_nothing_else(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech))
    address = visit.page.locator("#audio").get_attribute("src")
    visit.page.get_by_text("Windows and channels").click()
    visit.page.get_by_label("Window, in seconds").fill("1")
    visit.page.get_by_label("A new one every").fill("0.25")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_text("Each column is a window of 1 s, a new one every 0.25 s").wait_for()
    visit.waits()
    assert len(visit.windows()) == 29
    assert visit.page.locator("#audio").get_attribute("src") == address


def test_a_second_recording_takes_the_place_of_the_first(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech), "first.wav")
    first = visit.page.locator("#audio").get_attribute("src")
    visit.gives(encoded(speech[: 3 * SAMPLE_RATE_HZ]), "second.wav")
    assert visit.text("#result-title") == "What it heard in second.wav"
    assert visit.text("#result-facts").startswith("3.0 s")
    script = """address => new Promise(resolve => {
        const audio = new Audio(address);
        audio.addEventListener("loadedmetadata", () => resolve("there"));
        audio.addEventListener("error", () => resolve("gone"));
    })"""
    assert visit.page.evaluate(script, visit.page.locator("#audio").get_attribute("src")) == "there"
    assert visit.page.evaluate(script, first) == "gone"
    visit.said.clear()  # of the address that is gone


def test_a_recording_that_is_given_while_another_is_heard_is_the_one_that_is_shown(
    visit: Visit, speech: Waveform
) -> None:
    late: list[Route] = []
    visit.page.route("**/v1/predict*", lambda route: route.continue_() if late else late.append(route))
    for name, seconds in (("first.wav", 8), ("second.wav", 2)):
        content = encoded(speech[: seconds * SAMPLE_RATE_HZ])
        visit.page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})
    visit.page.get_by_role("heading", name="What it heard in second.wav").wait_for()
    visit.waits()
    late[0].continue_()
    visit.page.wait_for_timeout(1000)
    assert visit.text("#result-title") == "What it heard in second.wav"
    assert visit.text("#result-facts").startswith("2.0 s")
    assert visit.page.locator(".alert").count() == 0


def test_what_is_heard_may_be_cancelled(visit: Visit, speech: Waveform) -> None:
    visit.page.route("**/v1/predict*", lambda _: None)  # a service that takes its time
    content = encoded(speech)
    visit.page.set_input_files("#file", {"name": "a.wav", "mimeType": "audio/wav", "buffer": content})
    visit.page.get_by_role("button", name="Cancel").click()
    assert visit.page.locator("#busy").is_hidden()
    assert visit.page.locator(".alert").count() == 0
    visit.page.unroute("**/v1/predict*")
    visit.gives(content)
    assert visit.page.locator("#pictures").is_visible()


def test_pictures_are_drawn_anew_where_the_page_becomes_narrow(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech))
    visit.page.set_viewport_size({"width": 400, "height": 800})
    visit.page.wait_for_timeout(300)
    for box in SEEN:
        own, room = visit.page.locator(f"#{box}").evaluate(
            "box => [box.querySelector('canvas').width, box.clientWidth]"
        )
        assert own == room < 400, box


def test_who_wants_no_motion_gets_none(visit: Visit) -> None:
    beat = "getComputedStyle(document.querySelector('.status'), '::before').animationName"
    assert visit.page.evaluate(beat) == "beat"
    visit.page.emulate_media(reduced_motion="reduce")
    assert visit.page.evaluate(beat) == "none"


# Over time


def test_what_the_browser_cannot_play_is_shown_all_the_same(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech, "WAV", "IMA_ADPCM"), "old.wav")
    visit.page.get_by_text("This browser cannot play the recording").wait_for()
    assert visit.page.locator("#player").is_hidden()
    visit.page.locator("#slider").focus()
    visit.page.keyboard.press("End")
    assert visit.text("#now").startswith("8.0 s: ")
    visit.gives(encoded(speech))
    assert visit.page.locator("#player").is_visible()


def test_the_place_follows_the_player_a_click_and_the_keys(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech))
    slider = visit.page.locator("#slider")

    def place() -> float:
        return float(slider.get_attribute("aria-valuenow") or "nan")

    slider.focus()
    moves = {"End": 8, "Home": 0, "ArrowRight": 0.5, "ArrowUp": 1, "ArrowLeft": 0.5, "PageUp": 5.5, "PageDown": 0.5}
    for key, expected in moves.items():
        visit.page.keyboard.press(key)
        assert place() == pytest.approx(expected), key
    assert (slider.get_attribute("aria-valuetext") or "").startswith("0.5 s: ")
    assert visit.text("#now").startswith("0.5 s: ")
    box = visit.page.locator("#wave canvas").bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + 48 + (box["width"] - 60) / 4, box["y"] + 30)
    assert place() == pytest.approx(2, abs=0.05)
    assert visit.number("document.getElementById('audio').currentTime") == pytest.approx(2, abs=0.05)
    at = [visit.page.locator(f"#{name} .cursor").bounding_box() for name in SEEN]
    assert {round(one["x"]) for one in at if one} == {round(box["x"] + 48 + (box["width"] - 60) / 4 - 1)}
    slider.focus()
    visit.page.keyboard.press("Space")
    for _ in range(100):  # a busy machine begins to play late
        visit.page.wait_for_timeout(100)
        if place() > 2.3:
            break
    visit.page.keyboard.press("Space")
    assert 2.3 < place() < 8
    assert visit.page.evaluate("document.getElementById('audio').paused")


def test_the_table_and_its_file_hold_what_the_service_says(visit: Visit, speech: Waveform, tmp_path: Path) -> None:
    content, name = encoded(speech), '=1+1,"of"\u00e4.wav'
    visit.gives(content, name)
    rows = sent(visit.client, content, window=2, hop=0.5).json()["rows"]
    assert [line[:4] for line in visit.windows()] == [
        [f"{row['start']:.2f}", f"{row['end']:.2f}", row["channel"], row["label"]] for row in rows
    ]
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download as CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert list(found[0]) == ["file", *rows[0]]
    assert {row["file"] for row in found} == {"'" + name}
    for one, row in zip(found, rows, strict=True):
        assert {key: float(one[key]) for key in row if isinstance(row[key], float)} == {
            key: value for key, value in row.items() if isinstance(value, float)
        }
        assert {key: one[key] for key in row if isinstance(row[key], str)} == {
            key: value for key, value in row.items() if isinstance(value, str)
        }


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", 'a"b', "a,b", "a\nb", "plain"])
def test_no_text_becomes_a_formula_or_two_fields(text: str, visit: Visit) -> None:
    script = "async text => (await import('/page/table.js')).csv(text, [{ start: -1.5, label: text, error: null }])"
    (_, (file, start, label, error)) = csv.reader(io.StringIO(visit.page.evaluate(script, text), newline=""))
    guarded = text if text[0] in "ap" else f"'{text}"
    assert (file, start, label, error) == (guarded, "-1.5", guarded, "")


# The microphone


def test_what_is_recorded_is_answered_and_can_be_played(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Record").click()
    visit.page.get_by_text("Recording: 2 s").wait_for()
    visit.page.get_by_role("button", name="Stop and ask").click()
    visit.waits()
    assert re.fullmatch(r"What it heard in recording\.(webm|mp4)", visit.text("#result-title"))
    assert sum(shown(visit).values()) == pytest.approx(1, abs=0.03)
    assert drawn(visit) == dict.fromkeys(SEEN, True)
    visit.page.locator("#slider").focus()
    visit.page.keyboard.press("End")
    assert visit.number("document.getElementById('audio').currentTime") > 1.5
    assert visit.page.get_by_role("button", name="Record").is_enabled()


def test_a_recording_may_be_discarded(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Record").click()
    visit.page.get_by_role("button", name="Discard it").click()
    visit.page.get_by_role("button", name="Record").wait_for()
    assert visit.page.locator("#result").is_hidden()
    assert not [url for url in visit.asked if "/v1/" in url]


def test_listening_live_answers_while_it_goes_on_and_ends(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Listen live").click()
    visit.page.locator("#live-answer .bars").wait_for()
    heard = [float(re.findall(r"([\d.]+) s heard", visit.text("#live-facts"))[0])]
    visit.page.wait_for_timeout(1500)
    heard.append(float(re.findall(r"([\d.]+) s heard", visit.text("#live-facts"))[0]))
    assert heard[1] > heard[0] + 0.5
    assert colours(visit.page, "live-plot") >= 4
    visit.page.locator("#live").click()
    visit.page.get_by_role("button", name="Listen live").wait_for()
    assert visit.page.locator("#busy").is_hidden()
    assert visit.page.locator("#live-answer .bars").is_visible()
    assert visit.page.locator(".alert").count() == 0
    assert len([url for url in visit.asked if "/v1/stream" in url]) == 1


def test_a_file_that_is_given_meanwhile_ends_the_listening(visit: Visit, speech: Waveform) -> None:
    visit.page.get_by_role("button", name="Listen live").click()
    visit.page.locator("#live-answer .bars").wait_for()
    visit.gives(encoded(speech), "file.wav")
    visit.page.get_by_role("heading", name="What it heard in file.wav").wait_for()
    assert visit.page.locator("#listening").is_hidden()
    assert visit.page.get_by_role("button", name="Listen live").is_enabled()


def test_a_microphone_that_is_refused_is_told_and_a_file_still_works(
    playwright: "Playwright", client: httpx.Client, speech: Waveform
) -> None:
    with browsing(playwright, MICROPHONE, f"{ALLOWED}=deny") as browser:
        visit = Visit(browser.new_page(), client).opened()
        for name in ("Record", "Listen live"):
            visit.page.get_by_role("button", name=name).click()
            visit.page.locator(".alert").wait_for()
            assert "The microphone was refused." in visit.text("[role=alert]")
            assert visit.page.get_by_role("button", name=name).is_enabled()
        visit.gives(encoded(speech))
        assert visit.page.locator(".alert").count() == 0
        assert visit.page.locator("#pictures").is_visible()


# Faults


def test_a_file_that_is_no_sound_is_told_and_the_next_one_works(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech), "good.wav")
    visit.gives(b"dear diary", "diary.txt")
    assert visit.text("[role=alert]").startswith("diary.txt: cannot be decoded")
    assert visit.page.locator("#result").is_hidden()
    assert visit.page.locator("#retry").is_hidden()
    visit.gives(encoded(speech), "good.wav")
    assert visit.page.locator(".alert").count() == 0
    assert visit.text("#result-title").endswith("good.wav")


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (encoded(np.full(61 * SAMPLE_RATE_HZ, 0.1, np.float32), subtype="PCM_16"), "60 s are the most"),
        (encoded(np.full(SAMPLE_RATE_HZ, np.nan, np.float32)), "NaN or infinity"),
        (b"", "cannot be decoded"),
    ],
    ids=["long", "NaN", "empty"],
)
def test_the_services_own_words_are_shown(content: bytes, trouble: str, visit: Visit) -> None:
    visit.gives(content)
    assert trouble in visit.text("[role=alert]")


def test_a_file_that_is_too_large_is_not_even_sent(visit: Visit) -> None:
    assert "at most 4 MiB and 1 min" in visit.text("#limits")
    visit.gives(bytes(5 * 2**20), "large.wav")
    assert visit.text("[role=alert]") == (
        "large.wav: it has 5.0 MiB, and the service takes 4.0 MiB at most; send a shorter part."
    )
    assert not [url for url in visit.asked if "/v1/" in url]


def test_windows_that_are_too_many_leave_the_answer_standing(visit: Visit, speech: Waveform) -> None:
    visit.page.get_by_text("Windows and channels").click()
    visit.page.get_by_label("A new one every").fill("0.05")
    visit.gives(encoded(np.tile(speech, 3)))
    visit.page.locator(".alert").wait_for()
    assert "more than 300 windows" in visit.text("[role=alert]")
    assert visit.page.locator("#course").is_hidden()
    assert visit.page.locator("#pictures").is_visible()
    assert sum(shown(visit).values()) == pytest.approx(1, abs=0.03)
    visit.page.get_by_label("A new one every").fill("1")
    visit.page.get_by_role("button", name="Ask again with these").click()
    visit.page.get_by_text("a new one every 1 s").wait_for()
    visit.waits()
    assert visit.page.locator(".alert").count() == 0


def test_a_service_that_hears_one_at_a_time_is_asked_again_until_all_is_there(
    browser: "Browser", model: TrainedModel, speech: Waveform
) -> None:
    with running(model, LIMITS._replace(at_once=1, waiting=0)) as client:
        visit = Visit(browser.new_page(), client).opened()
        visit.gives(encoded(speech))
        assert visit.page.locator(".alert").count() == 0
        assert drawn(visit) == dict.fromkeys(SEEN, True)
        visit.page.close()


def test_a_network_that_is_gone_is_told_and_may_be_tried_again(visit: Visit, speech: Waveform) -> None:
    visit.page.context.set_offline(True)
    visit.gives(encoded(speech))
    assert "a.wav: the service cannot be reached" in visit.text("[role=alert]")
    visit.page.context.set_offline(False)
    visit.page.get_by_role("button", name="Try again").click()
    visit.page.locator("#pictures").wait_for()
    visit.waits()
    assert visit.page.locator(".alert").count() == 0
    assert visit.page.get_by_role("button", name="Try again").is_hidden()


def test_a_service_that_stops_while_it_listens_is_told(browser: "Browser", model: TrainedModel) -> None:
    with running(model, LIMITS) as client:
        visit = Visit(browser.new_page(), client).opened()
        visit.page.get_by_role("button", name="Listen live").click()
        visit.page.locator("#live-answer .bars").wait_for()
    visit.page.locator(".alert").wait_for()
    assert "ended it" in visit.text("[role=alert]") or "went away" in visit.text("[role=alert]")
    assert visit.page.get_by_role("button", name="Listen live").is_enabled()
    assert visit.page.locator("#busy").is_hidden()
    visit.page.close()


# Everybody


def test_the_page_is_used_by_keys_alone(visit: Visit, speech: Waveform, tmp_path: Path) -> None:
    (tmp_path / "keys.wav").write_bytes(encoded(speech))
    visit.page.on("filechooser", lambda _: None)  # from now on none is opened that nobody could close

    def focused() -> str:
        return str(visit.page.evaluate("document.activeElement.id || document.activeElement.textContent"))

    def tabs_to(name: str) -> None:
        for _ in range(20):
            visit.page.keyboard.press("Tab")
            if focused() == name:
                outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", name
                return
        raise AssertionError(f"{name} cannot be reached")

    visit.page.keyboard.press("Tab")
    assert focused() == "To the content"
    tabs_to("choose")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "keys.wav")
    visit.waits()
    for name in ("record", "live", "Windows and channels", "audio", "slider"):
        tabs_to(name)
    visit.page.keyboard.press("ArrowRight")
    assert visit.text("#now").startswith("0.5 s")
    tabs_to("The windows as a table")
    visit.page.keyboard.press("Enter")
    tabs_to("download")
    with visit.page.expect_download():
        visit.page.keyboard.press("Enter")


def test_headings_are_in_order_and_the_answer_is_announced(visit: Visit, speech: Waveform) -> None:
    visit.gives(encoded(speech), "talk.wav")
    levels = visit.page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert visit.text("[role=status]").startswith("talk.wav sounds most like ")
    assert visit.page.locator("header, main, footer").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_stands_in_the_way_of_anybody_before_and_after_an_answer(
    width: int, scheme: Any, browser: "Browser", client: httpx.Client, speech: Waveform
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visit = Visit(page, client).opened()

    def faults() -> list[Any]:
        found = Axe().run(page).response
        assert len(found["passes"]) > 20
        return [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found["violations"]]

    assert faults() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    visit.gives(encoded(np.stack([speech, speech[::-1]], axis=1)), f"{'a-long-name' * 9}.wav")
    for summary in page.locator("summary").all():
        summary.click()
    assert faults() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    visit.gives(b"x", "bad.txt")
    assert faults() == []
    assert [words for words in visit.said if "415" not in words] == []
    page.close()
