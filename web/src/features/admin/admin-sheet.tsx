import { type FormEvent, useEffect, useState } from "react";
import type { Administration } from "../../client/administration";
import type { EmoteBook } from "../../client/emote-book";
import type { Toasts } from "../../client/toasts";
import { Button } from "../../ui/button";
import { Check } from "../../ui/choice";
import { EmoteImage } from "../../ui/emote-image";
import { Field } from "../../ui/field";
import { plural } from "../../ui/numbers";
import { Problem } from "../../ui/problem";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import { useWork } from "../../ui/use-work";
import styles from "./admin-sheet.module.css";
import { PictureField, pictureFault } from "./picture-field";

const EMOTE_NAME = /^[A-Za-z][A-Za-z0-9_]{1,31}$/;
const NAME_RULE = "Letters, digits and _, with a capital, a digit or _ in it, so that no everyday word is one.";

interface Props {
  administration: Administration;
  book: EmoteBook;
  toasts: Toasts;
  /** The room one is in. */
  slug: string;
  title: string;
}

/** For admins: emotes, of all rooms and of this one, added and taken away. */
export function AdminSheet({ onClose, ...props }: Props & { onClose: () => void }) {
  return (
    <Sheet title="Emotes" onClose={onClose}>
      <Emotes {...props} />
    </Sheet>
  );
}

function Emotes({ administration, book, toasts, slug, title }: Props) {
  const [name, setName] = useState("");
  const [picture, setPicture] = useState<File | null>(null);
  const [here, setHere] = useState(true);
  const { busy, problem, wrong, work } = useWork("name", "picture");
  const pages = useSignal(book.pages);
  useEffect(() => void book.open(), [book]);
  const good = name === "" || EMOTE_NAME.test(name);
  const taken = pages.kind === "open" && pages.emotes.some((emote) => emote.name === name);

  const ready = EMOTE_NAME.test(name) && picture !== null && pictureFault(picture) === null;

  const put = (event: FormEvent) => {
    event.preventDefault();
    void work(async () => {
      if (!picture) return;
      await administration.putEmote(here ? slug : null, name, picture);
      toasts.say(`${name} is an emote ${here ? `of ${title}` : "of all rooms"}`);
      setName("");
      setPicture(null);
      await book.retry();
    });
  };
  const remove = (emote: string) =>
    work(async () => {
      // Where both have a name it is the room's that shows, so that goes first.
      await administration.deleteEmote(slug, emote).catch(() => administration.deleteEmote(null, emote));
      toasts.say(`${emote} is an emote no longer`);
      await book.retry();
    });

  return (
    <form className={styles.form} onSubmit={put}>
      <Field
        label="Name"
        required
        value={name}
        maxLength={32}
        spellCheck={false}
        autoCapitalize="none"
        wrong={wrong("name") ?? (good ? null : NAME_RULE)}
        hint={taken ? "There is one of that name; yours takes its place." : NAME_RULE}
        onChange={(event) => setName(event.target.value)}
      />
      <PictureField picture={picture} disabled={busy} told={wrong("picture")} onChange={setPicture} />
      <Check checked={here} onChange={setHere}>
        For {title} alone
      </Check>
      <Problem text={problem} />
      <Button kind="ink" type="submit" disabled={busy || !ready}>
        Add the emote
      </Button>
      {pages.kind === "open" && pages.emotes.length > 0 && (
        <section className={styles.there} aria-label="Emotes there are">
          <h3>{plural(pages.emotes.length, "emote", "emotes")}</h3>
          <ul className={styles.emotes}>
            {pages.emotes.map((emote) => (
              <li key={emote.name}>
                <span aria-hidden="true">
                  <EmoteImage id={emote.id} name={emote.name} size={28} />
                </span>
                <span className={styles.name}>{emote.name}</span>
                <Button
                  kind="quiet"
                  disabled={busy}
                  aria-label={`Remove ${emote.name}`}
                  onClick={() => void remove(emote.name)}
                >
                  Remove
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </form>
  );
}
