import { type FormEvent, useState } from "react";
import { DESCRIPTION_MAX, TITLE_MAX } from "../../client/administration";
import type { RoomModeration } from "../../client/room-moderation";
import type { Toasts } from "../../client/toasts";
import type { Room } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { useWork } from "../../ui/use-work";
import styles from "./moderation.module.css";

interface Props {
  info: Room;
  moderation: RoomModeration;
  toasts: Toasts;
}

/** What a room is called, and the line under it. For the broadcaster and admins. */
export function WordsForm({ info, moderation, toasts }: Props) {
  const [title, setTitle] = useState(info.title);
  const [description, setDescription] = useState(info.description);
  const { busy, problem, wrong, work } = useWork("title", "description");
  const change = { title: title.trim(), description: description.trim() };
  const same = change.title === info.title && change.description === info.description;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (await work(() => moderation.settings(change))) toasts.say("The room has its new words");
  };
  return (
    <form className={styles.form} onSubmit={save}>
      <Field
        label="Title"
        required
        autoComplete="off"
        maxLength={TITLE_MAX}
        value={title}
        invalid={wrong("title") !== null}
        hint={wrong("title")}
        onChange={(event) => setTitle(event.target.value)}
      />
      <Field
        label="Description"
        autoComplete="off"
        maxLength={DESCRIPTION_MAX}
        value={description}
        invalid={wrong("description") !== null}
        hint={wrong("description")}
        onChange={(event) => setDescription(event.target.value)}
      />
      {problem && (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
      <Button type="submit" disabled={busy || same || change.title === ""}>
        Save the words
      </Button>
    </form>
  );
}
