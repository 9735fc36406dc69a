import { type FormEvent, useState } from "react";
import type { RoomModeration } from "../../client/room-moderation";
import type { Toasts } from "../../client/toasts";
import type { Room } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Problem } from "../../ui/problem";
import { DescriptionField, TitleField } from "../../ui/room-words";
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
      <TitleField value={title} wrong={wrong("title")} onChange={setTitle} />
      <DescriptionField value={description} wrong={wrong("description")} onChange={setDescription} />
      <Problem text={problem} />
      <Button type="submit" disabled={busy || same || change.title === ""}>
        Save the words
      </Button>
    </form>
  );
}
