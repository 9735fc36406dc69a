import { type FormEvent, useEffect, useState } from "react";
import type { RoomModeration } from "../../client/room-moderation";
import type { BlockedPhrase } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Check } from "../../ui/choice";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { useWork } from "../../ui/use-work";
import styles from "./moderation.module.css";

const PHRASE_MAX = 200;

/** What may not be said here. */
export function PhrasesTab({ moderation }: { moderation: RoomModeration }) {
  const [phrases, setPhrases] = useState<readonly BlockedPhrase[] | null>(null);
  const [words, setWords] = useState("");
  const [pattern, setPattern] = useState(false);
  const { busy, problem, work } = useWork();

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each room.
  useEffect(() => {
    void work(async () => setPhrases(await moderation.phrases()));
  }, [moderation]);

  const block = async (event: FormEvent) => {
    event.preventDefault();
    await work(async () => {
      const made = await moderation.block(words.trim(), pattern);
      setPhrases((known) => [...(known ?? []), made]);
      setWords("");
    });
  };
  const allow = (id: string) =>
    work(async () => {
      await moderation.unblock(id);
      setPhrases((known) => (known ?? []).filter((one) => one.id !== id));
    });

  return (
    <>
      <form className={styles.form} onSubmit={block}>
        <Field
          label={pattern ? "A pattern that may not be said" : "Words that may not be said"}
          value={words}
          maxLength={PHRASE_MAX}
          autoComplete="off"
          hint={pattern ? "A regular expression, in any case of letters." : "In any case of letters."}
          onChange={(event) => setWords(event.target.value)}
        />
        <Check checked={pattern} onChange={setPattern}>
          It is a regular expression
        </Check>
        <Problem text={problem} />
        <Button type="submit" disabled={busy || words.trim() === ""}>
          Block it
        </Button>
      </form>
      {phrases?.length === 0 && <p className={styles.note}>Nothing is blocked here.</p>}
      <ul className={styles.people}>
        {phrases?.map((one) => (
          <li key={one.id}>
            <span className={styles.phrase}>
              {one.pattern ? <code dir="auto">{one.phrase}</code> : <bdi>{one.phrase}</bdi>}
              <span className={styles.detail}> by @{one.by}</span>
            </span>
            <Button
              kind="quiet"
              disabled={busy}
              aria-label={`Allow “${one.phrase}”`}
              onClick={() => void allow(one.id)}
            >
              Allow
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}
