/** Listens live: the microphone's samples go to the service, and it answers what it hears so far. */

import { giveBack } from "./microphone.js";
import { Trouble } from "./service.js";

const MOST_BEHIND_S = 10;
const GOODBYE_MS = 3000;

/**
 * Begins to listen.
 * @param {MediaStream} stream the microphone
 * @param {(row: object) => void} onRow gets each answer
 * @param {(trouble: Trouble | null) => void} onEnd is told once that it is over, and why
 * @returns {Promise<() => void>} stops
 */
export async function listening(stream, onRow, onEnd) {
  const context = new AudioContext();
  let [socket, source] = [null, null];
  let over = false;
  let [sent, answered] = [0, 0]; // seconds

  function end(trouble = null) {
    if (over) return;
    over = true;
    giveBack(stream);
    context.close();
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
    onEnd(trouble);
  }

  function stop() {
    if (socket?.readyState !== WebSocket.OPEN) return end();
    giveBack(stream);
    socket.send(JSON.stringify({ done: true }));
    setTimeout(end, GOODBYE_MS);
  }

  try {
    await context.audioWorklet.addModule("/page/listener.js");
    await context.resume();
    source = context.createMediaStreamSource(stream);
  } catch (error) {
    end();
    throw new Trouble(`This browser cannot listen live (${error.message || error.name}); record instead.`);
  }
  socket = new WebSocket(address(context.sampleRate));
  socket.addEventListener("open", () => {
    const listener = new AudioWorkletNode(context, "listener");
    listener.port.onmessage = ({ data }) => {
      if (socket.readyState !== WebSocket.OPEN || over) return;
      if (sent - answered > MOST_BEHIND_S) {
        return end(new Trouble("The service cannot keep up; record instead, and ask then.", true));
      }
      sent += data.byteLength / Int16Array.BYTES_PER_ELEMENT / context.sampleRate;
      socket.send(data);
    };
    source.connect(listener).connect(context.destination); // which it gives silence
  });
  socket.addEventListener("message", ({ data }) => {
    const row = JSON.parse(data);
    if (row.detail) return end(new Trouble(`The service ended it: ${row.detail}.`, true));
    answered = row.seconds;
    if (!over) onRow(row);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    const why = reason ? `The service ended it: ${reason}.` : "The service went away while it listened.";
    end(code === 1000 || code === 1005 ? null : new Trouble(why, true));
  });
  for (const track of stream.getTracks()) {
    track.addEventListener("ended", () => end(new Trouble("The microphone went away.")));
  }
  return stop;
}

function address(rate) {
  const place = new URL("/v1/stream", window.location.href);
  place.protocol = place.protocol === "https:" ? "wss:" : "ws:";
  place.search = new URLSearchParams({ rate, format: "int16" });
  return place.href;
}
