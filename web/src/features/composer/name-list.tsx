import { nameColorStyle } from "../../ui/name-color-style";
import type { Completion } from "./completion";
import styles from "./name-list.module.css";

interface Props {
  id: string;
  completion: Completion;
  onPick: (at: number) => void;
}

export const optionId = (list: string, at: number): string => `${list}-${at}`;

/** The names a word may become. Focus stays in the box, which points here. */
export function NameList({ id, completion, onPick }: Props) {
  const { selected } = completion;
  return (
    <div id={id} className={styles.list} role="listbox" aria-label="Names">
      {completion.choices.map((person, at) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the box has the keys.
        <div
          key={person.username}
          id={optionId(id, at)}
          className={styles.option}
          role="option"
          aria-selected={at === selected}
          tabIndex={-1}
          // Before the box loses focus to it.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onPick(at)}
        >
          <bdi className="name" style={nameColorStyle(person.color)}>
            {person.displayName}
          </bdi>
        </div>
      ))}
    </div>
  );
}
