/** Runs beside the page (AudioWorklet): hands on the microphone's samples, 16 bits each, a quarter second at a time. */

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Int16Array(Math.round(sampleRate / 4));
    this.filled = 0;
  }

  process([channels]) {
    const samples = channels[0]?.length ?? 0;
    for (let at = 0; at < samples; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      const share = Math.max(-1, Math.min(1, sum / channels.length));
      this.chunk[this.filled++] = Math.round(share * 32767);
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk.slice().buffer);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("listener", Listener);
