import { type FormEvent, useEffect, useState } from "react";
import { type Administration, EMOTE_BYTES_MAX, EMOTE_TYPES } from "../../client/administration";
import type { EmoteBook } from "../../client/emote-book";
import type { RoomDirectory } from "../../client/room-directory";
import type { Toasts } from "../../client/toasts";
import { Button } from "../../ui/button";
import { Check } from "../../ui/choice";
import { EmoteImage } from "../../ui/emote-image";
import { Field } from "../../ui/field";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import { useWork } from "../../ui/use-work";
import styles from "./admin-sheet.module.css";

const SLUG = /^[a-z0-9_]{3,25}$/;
const EMOTE_NAME = /^[A-Za-z][A-Za-z0-9_]{1,31}$/;

interface Props {
  administration: Administration;
  directory: RoomDirectory;
  book: EmoteBook;
  toasts: Toasts;
  /** The room one is in. */
  slug: string;
  title: string;
  archived: boolean;
  onEnter: (slug: string) => void;
  onClose: () => void;
}

/** For admins: rooms and emotes, made and put away. */
export function AdminSheet(props: Props) {
  return (
    <Sheet title="Administration" onClose={props.onClose}>
      <div className={styles.parts}>
        <NewRoom {...props} />
        <Emotes {...props} />
        <ThisRoom {...props} />
      </div>
    </Sheet>
  );
}

function NewRoom({ administration, directory, toasts, onEnter, onClose }: Props) {
  const [slug, setSlug] = useState("");
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [style, setStyle] = useState("");
  const { busy, problem, work } = useWork();
  const rooms = useSignal(directory.state);
  const known = rooms.kind === "ready" ? [...new Set(rooms.rooms.map((room) => room.transformer.name))] : [];
  const good = slug === "" || SLUG.test(slug);

  const make = (event: FormEvent) => {
    event.preventDefault();
    void work(async () => {
      const body = { slug, title: title.trim(), description: description.trim(), transformer: style.trim() };
      const made = await administration.createRoom(body);
      toasts.say(`The room “${made.title}” is open`);
      directory.retry();
      onClose();
      onEnter(made.slug);
    });
  };
  return (
    <form className={styles.form} onSubmit={make}>
      <h3>A new room</h3>
      <Field
        label="Address"
        required
        value={slug}
        maxLength={25}
        spellCheck={false}
        autoCapitalize="none"
        invalid={!good}
        hint={good ? "3 to 25 small letters, digits or _; for ever." : "Only small letters, digits and _, 3 at least."}
        onChange={(event) => setSlug(event.target.value)}
      />
      <Field label="Title" required maxLength={100} value={title} onChange={(event) => setTitle(event.target.value)} />
      <Field
        label="Description"
        maxLength={300}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <Field
        label="Style"
        required
        list="styles"
        value={style}
        hint="For ever, too. “plain” leaves text as it is."
        onChange={(event) => setStyle(event.target.value)}
      />
      <datalist id="styles">
        {[...new Set([...known, "plain"])].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Problem text={problem} />
      <Button
        kind="ink"
        type="submit"
        disabled={busy || !SLUG.test(slug) || title.trim() === "" || style.trim() === ""}
      >
        Open the room
      </Button>
    </form>
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
      <h3>Emotes</h3>
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

function ThisRoom({ administration, directory, toasts, slug, title, archived }: Props) {
  const [sure, setSure] = useState(false);
  const { busy, problem, work } = useWork();
  const change = () =>
    work(async () => {
      await (archived ? administration.restore(slug) : administration.archive(slug));
      toasts.say(archived ? `${title} is open again` : `${title} is closed`);
      setSure(false);
      directory.retry();
    });
  return (
    <section className={styles.form}>
      <h3>{title}</h3>
      <Problem text={problem} />
      {archived ? (
        <Button disabled={busy} onClick={() => void change()}>
          Open it again
        </Button>
      ) : sure ? (
        <>
          <p>Nobody but admins can read it then. It can be opened again.</p>
          <div className={styles.row}>
            <Button kind="danger" disabled={busy} onClick={() => void change()}>
              Close it
            </Button>
            <Button onClick={() => setSure(false)}>Keep it open</Button>
          </div>
        </>
      ) : (
        <Button kind="quiet" onClick={() => setSure(true)}>
          Close this room…
        </Button>
      )}
    </section>
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
