import { useEffect, useState } from "react";
import type { RoomModeration } from "../../client/room-moderation";
import type { LogEntry } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Problem } from "../../ui/problem";
import { useWork } from "../../ui/use-work";
import { Entries } from "./entries";
import styles from "./moderation.module.css";

/** More entries than this are not held on a page; who looks further back starts again from there. */
const ENTRIES_MAX = 500;

/** What was done here, by whom and why, newest first. */
export function LogTab({ moderation }: { moderation: RoomModeration }) {
  const [entries, setEntries] = useState<readonly LogEntry[] | null>(null);
  const [before, setBefore] = useState<string | null>(null);
  const { busy, problem, work } = useWork();

  const load = (from: string | null) =>
    work(async () => {
      const page = await moderation.log(from);
      setEntries((known) => (from === null ? page.entries : [...(known ?? []), ...page.entries]).slice(-ENTRIES_MAX));
      setBefore(page.next_before);
    });
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each room.
  useEffect(() => {
    void load(null);
  }, [moderation]);

  return (
    <>
      <div className={styles.row}>
        <Button disabled={busy} onClick={() => void load(null)}>
          Look again
        </Button>
      </div>
      <Problem text={problem} />
      {entries?.length === 0 && <p className={styles.note}>Nothing had to be done here.</p>}
      {entries && <Entries entries={entries} />}
      {before !== null && (
        <Button disabled={busy} onClick={() => void load(before)}>
          Older
        </Button>
      )}
    </>
  );
}
