import { type FormEvent, useEffect, useState } from "react";
import { type Administration, EMOTE_BYTES_MAX, EMOTE_TYPES } from "../../client/administration";
import type { EmoteBook } from "../../client/emote-book";
import type { Toasts } from "../../client/toasts";
import { Button } from "../../ui/button";
import { Check } from "../../ui/choice";
import { EmoteImage } from "../../ui/emote-image";
import { Field } from "../../ui/field";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import { useWork } from "../../ui/use-work";
import styles from "./admin-sheet.module.css";

const EMOTE_NAME = /^[A-Za-z][A-Za-z0-9_]{1,31}$/;

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
  const { busy, problem, work } = useWork();
  const pages = useSignal(book.pages);
  useEffect(() => void book.open(), [book]);
  const good = name === "" || EMOTE_NAME.test(name);
  const fault = picture && pictureFault(picture);

  const put = (event: FormEvent) => {
    event.preventDefault();
    void work(async () => {
      if (!picture) return;
      await administration.putEmote(here ? slug : null, name, picture);
      toasts.say(`${name} is an emote ${here ? `of ${title}` : "of all rooms"}`);
      setName("");
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
        invalid={!good}
        hint="Letters, digits and _, with a capital, a digit or _ in it, so that no everyday word is one."
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label="Picture"
        type="file"
        required
        accept={EMOTE_TYPES.join()}
        invalid={fault !== null}
        hint={fault ?? "SVG, PNG, GIF or WebP, 256 kB at most. Square ones look best."}
        onChange={(event) => setPicture(event.target.files?.[0] ?? null)}
      />
      <Check checked={here} onChange={setHere}>
        For {title} alone
      </Check>
      <Problem text={problem} />
      <Button type="submit" disabled={busy || !EMOTE_NAME.test(name) || picture === null || fault !== null}>
        Add the emote
      </Button>
      {pages.kind === "open" && pages.emotes.length > 0 && (
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
      )}
    </form>
  );
}

function Problem({ text }: { text: string | null }) {
  return text === null ? null : (
    <p className={styles.problem} role="alert">
      {text}
    </p>
  );
}

function pictureFault(picture: File): string | null {
  if (!EMOTE_TYPES.includes(picture.type)) return "That is no SVG, PNG, GIF or WebP.";
  return picture.size > EMOTE_BYTES_MAX ? "That is bigger than 256 kB." : null;
}
