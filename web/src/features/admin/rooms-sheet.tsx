import { type FormEvent, useState } from "react";
import { type Administration, SLUG } from "../../client/administration";
import type { RoomDirectory } from "../../client/room-directory";
import type { Toasts } from "../../client/toasts";
import type { Room, RoomTransformer } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Hint } from "../../ui/hint";
import { Problem } from "../../ui/problem";
import { RoomMark } from "../../ui/room-mark";
import { DescriptionField, TitleField } from "../../ui/room-words";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import { useWork } from "../../ui/use-work";
import styles from "./rooms-sheet.module.css";

interface Props {
  administration: Administration;
  directory: RoomDirectory;
  toasts: Toasts;
  /** The room one is in. */
  slug: string;
  onEnter: (slug: string) => void;
  onClose: () => void;
}

/** For admins: a room is made, the one they are in is closed, closed ones are opened again. */
export function RoomsSheet(props: Props) {
  const state = useSignal(props.directory.state);
  const rooms = state.kind === "ready" ? state.rooms : [];
  const here = rooms.find((room) => room.slug === props.slug && !room.archived);
  return (
    <Sheet title="Rooms" onClose={props.onClose}>
      <div className={styles.parts}>
        <NewRoom {...props} rooms={rooms} />
        {here && <OpenRoom {...props} room={here} />}
        <ClosedRooms {...props} rooms={rooms.filter((room) => room.archived)} />
      </div>
    </Sheet>
  );
}

function NewRoom({ administration, directory, toasts, rooms, onEnter, onClose }: Props & { rooms: readonly Room[] }) {
  const [slug, setSlug] = useState("");
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [style, setStyle] = useState<string | null>(null);
  const { busy, forget, problem, wrong, work } = useWork("slug", "title", "description", "transformer");
  const good = slug === "" || SLUG.test(slug);
  const ready = SLUG.test(slug) && title.trim() !== "" && style !== null;

  const make = (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    void work(async () => {
      const body = { slug, title: title.trim(), description: description.trim(), transformer: style };
      const made = await administration.createRoom(body);
      toasts.say(`The room “${made.title}” is open`);
      await directory.refresh();
      onClose();
      onEnter(made.slug);
    });
  };
  return (
    <form className={styles.part} onSubmit={make}>
      <h3>A new room</h3>
      <TitleField value={title} wrong={wrong("title")} onChange={setTitle} />
      <Field
        label="Address"
        required
        autoComplete="off"
        value={slug}
        maxLength={25}
        spellCheck={false}
        autoCapitalize="none"
        wrong={wrong("slug") ?? (good ? null : "Only small letters, digits and _, 3 at least.")}
        hint="3 to 25 small letters, digits or _; for ever."
        onChange={(event) => {
          setSlug(event.target.value);
          forget();
        }}
      />
      <DescriptionField value={description} wrong={wrong("description")} onChange={setDescription} />
      <StyleChoice known={stylesOf(rooms)} value={style} wrong={wrong("transformer")} onChange={setStyle} />
      <Problem text={problem} />
      <Button kind="ink" type="submit" disabled={busy || !ready}>
        Open the room
      </Button>
    </form>
  );
}

/** For text as it is; no room needs to have it for it to be offered. */
const PLAIN: RoomTransformer = { name: "plain", sample_in: "hi there", sample_out: "hi there" };

/** The styles that rooms have, each once, and none. */
export function stylesOf(rooms: readonly Room[]): readonly RoomTransformer[] {
  const known = new Map<string, RoomTransformer>();
  for (const { transformer } of rooms) if (!known.has(transformer.name)) known.set(transformer.name, transformer);
  if (!known.has(PLAIN.name)) known.set(PLAIN.name, PLAIN);
  return [...known.values()];
}

interface StyleChoiceProps {
  known: readonly RoomTransformer[];
  value: string | null;
  wrong: string | null;
  onChange: (name: string) => void;
}

/** What a room does to its messages, shown by doing it. */
function StyleChoice({ known, value, wrong, onChange }: StyleChoiceProps) {
  return (
    <fieldset className={styles.choice}>
      <legend>Style</legend>
      {known.map(({ name, sample_in: typed, sample_out: styled }) => (
        <label key={name} className={styles.style}>
          <input type="radio" name="style" checked={name === value} onChange={() => onChange(name)} />
          <span className={styles.name}>{name}</span>
          <span className={styles.sample}>
            {name === PLAIN.name ? (
              "Leaves text as it is."
            ) : (
              <>
                <span className={styles.typed}>“{typed}” becomes </span>
                <span dir="auto">“{styled}”</span>
              </>
            )}
          </span>
        </label>
      ))}
      <Hint wrong={wrong}>It stays with the room for ever.</Hint>
    </fieldset>
  );
}

function OpenRoom({ administration, directory, toasts, room }: Props & { room: Room }) {
  const [sure, setSure] = useState(false);
  const { busy, problem, work } = useWork();
  const close = () =>
    work(async () => {
      await administration.archive(room.slug);
      toasts.say(`${room.title} is closed`);
      setSure(false);
      await directory.refresh();
    });
  return (
    <section className={styles.part} aria-label={room.title}>
      <h3>{room.title}</h3>
      <Problem text={problem} />
      {sure ? (
        <>
          <p>Everyone but admins has to leave. What was said stays, and it can be opened again.</p>
          <div className={styles.row}>
            <Button kind="danger" disabled={busy} onClick={() => void close()}>
              Close it
            </Button>
            <Button onClick={() => setSure(false)}>Keep it open</Button>
          </div>
        </>
      ) : (
        <Button onClick={() => setSure(true)}>Close this room…</Button>
      )}
    </section>
  );
}

function ClosedRooms({ administration, directory, toasts, rooms, onEnter, onClose }: Props & { rooms: Room[] }) {
  const { busy, problem, work } = useWork();
  if (rooms.length === 0) return null;
  const open = (room: Room) =>
    work(async () => {
      await administration.restore(room.slug);
      toasts.say(`${room.title} is open again`);
      await directory.refresh();
    });
  return (
    <section className={styles.part} aria-label="Closed rooms">
      <h3>Closed rooms</h3>
      <Problem text={problem} />
      <ul className={styles.closed}>
        {rooms.map((room) => (
          <li key={room.slug}>
            <RoomMark title={room.title} />
            <button
              type="button"
              className={styles.enter}
              onClick={() => {
                onClose();
                onEnter(room.slug);
              }}
            >
              {room.title}
            </button>
            <Button disabled={busy} aria-label={`Open ${room.title} again`} onClick={() => void open(room)}>
              Open again
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
