import { EmoteImage } from "../../ui/emote-image";
import { nameColorStyle } from "../../ui/name-color-style";
import styles from "./choice-list.module.css";
import type { Choice, Completion } from "./completion";

interface Props {
  id: string;
  completion: Completion;
  onPick: (at: number) => void;
}

export const optionId = (list: string, at: number): string => `${list}-${at}`;

/** What a word may become. Focus stays in the box, which points here. */
export function ChoiceList({ id, completion, onPick }: Props) {
  const { choices, selected } = completion;
  const people = choices.some((choice) => choice.kind === "person");
  const emotes = choices.some((choice) => choice.kind === "emote");
  return (
    <div
      id={id}
      className={styles.list}
      role="listbox"
      aria-label={people && emotes ? "Names and emotes" : people ? "Names" : "Emotes"}
    >
      {choices.map((choice, at) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the box has the keys.
        <div
          key={keyOf(choice)}
          id={optionId(id, at)}
          className={styles.option}
          role="option"
          aria-selected={at === selected}
          tabIndex={-1}
          // Before the box loses focus to it.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onPick(at)}
        >
          {choice.kind === "person" ? (
            <bdi className="name" style={nameColorStyle(choice.person.color)}>
              {choice.person.displayName}
            </bdi>
          ) : (
            <>
              <span aria-hidden="true">
                <EmoteImage id={choice.emote.id} name={choice.emote.name} size={28} />
              </span>
              {choice.emote.name}
            </>
          )}
        </div>
      ))}
    </div>
  );
}

const keyOf = (choice: Choice): string =>
  choice.kind === "person" ? `@${choice.person.username}` : `:${choice.emote.name}`;
