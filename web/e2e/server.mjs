import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A server of one's own on a data folder of its own, to be ended and started as a test needs it. */
export class Server {
  #binary;
  #env;
  #data = mkdtempSync(join(tmpdir(), "twitchy-server-"));
  #process = null;

  constructor(binary, env = {}) {
    this.#binary = binary;
    this.#env = env;
  }

  /** Gives its address once it accepts. */
  async start(listen = "127.0.0.1:0") {
    const args = ["serve", "--data", this.#data, "--listen", listen, "--log-level", "error"];
    const env = { ...process.env, ...this.#env };
    this.#process = spawn(this.#binary, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface({ input: this.#process.stdout }), "line");
    return line.replace("ready ", "");
  }

  /** A command on the same data, while the server is down. */
  async run(...args) {
    const child = spawn(this.#binary, [...args, "--data", this.#data], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`twitchy ${args.join(" ")} ended with ${code}`);
  }

  async end(signal) {
    const gone = once(this.#process, "exit");
    this.#process.kill(signal);
    await gone;
  }

  async dispose() {
    const { exitCode, signalCode } = this.#process ?? { exitCode: 0 };
    if (exitCode === null && signalCode === null) await this.end("SIGTERM");
    rmSync(this.#data, { recursive: true, force: true });
  }
}
