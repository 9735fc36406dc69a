/** Walks lines sent before, newest first, and comes back to what was being typed. */
export class SentHistory {
  private at: number | null = null;
  private unsent = "";
  private readonly lines: () => readonly string[];

  constructor(lines: () => readonly string[]) {
    this.lines = lines;
  }

  older(current: string): string | null {
    const lines = this.lines();
    const next = this.at === null ? lines.length - 1 : this.at - 1;
    const line = lines[next];
    if (line === undefined) return null;
    if (this.at === null) this.unsent = current;
    this.at = next;
    return line;
  }

  newer(): string | null {
    if (this.at === null) return null;
    const next = this.at + 1;
    const line = this.lines()[next];
    this.at = line === undefined ? null : next;
    return line ?? this.unsent;
  }

  leave(): void {
    this.at = null;
  }
}
