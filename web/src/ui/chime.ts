let audio: AudioContext | null = null;

/** Two soft tones, made here rather than loaded. Does nothing where there is no sound or none is allowed. */
export function chime(): void {
  try {
    audio ??= new AudioContext();
    const { currentTime, destination } = audio;
    void audio.resume();
    for (const [at, hertz] of [660, 880].entries()) {
      const start = currentTime + at * 0.09;
      const tone = new OscillatorNode(audio, { frequency: hertz, type: "sine" });
      const loudness = new GainNode(audio, { gain: 0 });
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(0.12, start + 0.01);
      loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.18);
      tone.connect(loudness).connect(destination);
      tone.start(start);
      tone.stop(start + 0.2);
    }
  } catch {
    // No sound device, or a browser that forbids it: the mark on the line is what counts.
  }
}
