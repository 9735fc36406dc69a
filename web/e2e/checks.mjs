/**
 * What the journey reports with: each step is named, timed out and counted; nothing waits for time, only for conditions.
 */
export class Checks {
  passed = 0;
  failures = [];

  /** One step. A failed one is told at once and ends the journey, since later steps stand on earlier ones. */
  async step(name, run) {
    try {
      await run();
      this.passed += 1;
      console.log(`ok   ${name}`);
    } catch (error) {
      this.failures.push(name);
      console.log(
        `FAIL ${name}\n     ${String(error?.message ?? error)
          .split("\n")
          .join("\n     ")}`,
      );
      throw new Stop();
    }
  }

  /** Prints the last line and says how the process should end. */
  finish() {
    console.log(`${this.passed} passed, ${this.failures.length} failed`);
    return this.failures.length === 0 ? 0 : 1;
  }
}

/** The journey ends early; what went wrong was told already. */
export class Stop extends Error {}

export function equal(actual, expected, what) {
  if (actual !== expected)
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`);
}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}
