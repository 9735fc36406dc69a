import { useLayoutEffect, useRef } from "react";
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
  const list = useRef<HTMLDivElement>(null);
  // What is chosen by keys is in sight, also in a list that scrolls.
  useLayoutEffect(() => {
    list.current?.children[selected]?.scrollIntoView?.({ block: "nearest" });
  }, [selected]);
  return (
    <div
      ref={list}
      id={id}
      className={styles.list}
      data-wide={choices[0]?.kind === "command" || undefined}
      role="listbox"
      aria-label={
        people && emotes ? "Names and emotes" : people ? "Names" : emotes ? "Emotes" : "Commands you can give here"
      }
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
          ) : choice.kind === "command" ? (
            <>
              <span className={styles.command}>
                <b>/{choice.command.name}</b> {choice.command.usage}
              </span>
              <span className={styles.about}>{choice.command.about}</span>
            </>
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

function keyOf(choice: Choice): string {
  if (choice.kind === "command") return `/${choice.command.name}`;
  return choice.kind === "person" ? `@${choice.person.username}` : `:${choice.emote.name}`;
}
