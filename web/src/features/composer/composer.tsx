import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Api } from "../../client/api";
import type { Refusal } from "../../client/room-state";
import type { Armed } from "../../client/talk";
import type { RoomSettings } from "../../protocol/__generated__/protocol";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { problemText } from "../../ui/problem-text";
import { StyledText } from "../../ui/styled-text";
import { ChoiceList, optionId } from "./choice-list";
import { commandIn, usageOf } from "./command-list";
import {
  askedCompletion,
  type Completion,
  type Finder,
  inserted,
  isWhole,
  moved,
  restored,
  typedCompletion,
} from "./completion";
import styles from "./composer.module.css";
import type { Draft } from "./draft";
import { modesText } from "./modes";
import { SentHistory } from "./sent-history";
import { usePreview } from "./use-preview";
import { useSecondsLeft } from "./use-seconds-left";

export const CODE_POINTS_MAX = 500;
/** The counter shows from here on. */
const COUNTER_FROM = 400;
const NEAR_LIMIT = 50;
/** What is pasted beyond this is not kept: nobody shortens a book to a line by hand, and the box would crawl. */
const KEPT_MAX = 10_000;

const MODIFIERS = ["Shift", "Control", "Alt", "Meta"];

export interface ComposerHandle {
  focus(): void;
  /** Puts text into the box, in front of what is there. */
  insert(text: string): void;
  /** Puts a word where the caret is, with spaces around it. */
  word(word: string): void;
  clear(): void;
}

interface Props {
  api: Api;
  room: string;
  roomTitle: string;
  draft: Draft;
  member: boolean;
  /** Null while nothing is wrong. */
  refusal: Refusal | null;
  banned: string | null;
  /** Nobody writes here for now; only admins see it at all. */
  closed: boolean;
  modes: RoomSettings;
  /** When slow mode lets one speak again; null if one may now. */
  nextAt: number | null;
  /** What is said by itself then. */
  armed: Armed | null;
  replyingTo: { displayName: string; excerpt: string } | null;
  /** What may be completed. */
  find: Finder;
  /** Opens and closes the emotes. */
  onEmotes: () => void;
  emotesOpen: boolean;
  /** The emotes, while they are open. */
  children?: ReactNode;
  onCancelReply: () => void;
  /** False when it was not taken; the text stays. */
  onSend: (text: string) => boolean;
  /** Says it when slow mode allows; false when something waits for that already. */
  onArm: (text: string) => boolean;
  /** Gives back what waits. */
  onDisarm: () => string | null;
  /** Carries a command out; what went wrong in words, or null. The text stays where it went wrong. */
  onCommand: (name: string, rest: string) => Promise<string | null>;
  /** An anonymous reader wants to say this. */
  onJoin: (text: string) => void;
  onTyped: () => void;
  /** Escape in an empty box. */
  onLeave: () => void;
  ref?: Ref<ComposerHandle>;
}

export function Composer(props: Props) {
  const { api, room, draft, member, refusal, banned, closed, armed } = props;
  const [text, setText] = useState(() => draft.read());
  const [completion, setCompletion] = useState<Completion | null>(null);
  /** A command is under way, or what went wrong with one. */
  const [carrying, setCarrying] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const caretTo = useRef<number | null>(null);
  const history = useRef<SentHistory>(null);
  history.current ??= new SentHistory(() => draft.history());
  const id = useId();
  const preview = usePreview(api, room, closed ? "" : text);
  const secondsLeft = useSecondsLeft(refusal?.retryAt ?? null);
  const toWait = useSecondsLeft(props.nextAt);

  const trimmed = text.trim();
  const left = CODE_POINTS_MAX - [...trimmed].length;
  const found = commandIn(trimmed);
  // `/me` is said, and so waits like anything that is said.
  const command = found?.name === "me" ? null : found;
  const ready = command
    ? !carrying && !closed
    : trimmed !== "" && left >= 0 && banned === null && !closed && !(toWait > 0 && armed !== null);

  const change = (next: string) => {
    if (closed) return;
    setFault(null);
    // Lines are single: a pasted paragraph becomes one line.
    const line = next.slice(0, KEPT_MAX).replace(/[\r\n]+/g, " ");
    setText(line);
    draft.write(line);
  };

  useImperativeHandle(props.ref, () => ({
    focus: () => box.current?.focus(),
    clear: () => change(""),
    word: (word) => {
      const at = box.current?.selectionEnd ?? text.length;
      const [before, after] = [text.slice(0, at), text.slice(at)];
      const put = `${before}${before === "" || before.endsWith(" ") ? "" : " "}${word} `;
      caretTo.current = put.length;
      change(put + after.trimStart());
    },
    insert: (more) => {
      if (!closed)
        setText((now) => {
          const next = now.trim() === "" ? more : `${more.trimEnd()} ${now}`;
          draft.write(next);
          return next;
        });
      box.current?.focus();
    },
  }));

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
    if (caretTo.current !== null) element.setSelectionRange(caretTo.current, caretTo.current);
    caretTo.current = null;
  }, [text]);

  // A draft belongs to its room.
  useEffect(() => {
    setText(draft.read());
    setCompletion(null);
  }, [draft]);

  const put = (next: { text: string; caret: number }) => {
    caretTo.current = next.caret;
    change(next.text);
  };

  /** Takes a name out of the list into the text. */
  const complete = (chosen: Completion) => {
    const element = box.current;
    if (!element) return;
    put(inserted(text, element.selectionStart, chosen));
    element.focus();
  };

  /** True if the key was for the list of names. */
  const completionKey = (event: KeyboardEvent<HTMLTextAreaElement>): boolean => {
    const { selectionStart: caret, selectionEnd, value } = event.currentTarget;
    if (completion === null) {
      if (event.key !== "Tab" || event.shiftKey || caret !== selectionEnd) return false;
      const asked = askedCompletion(value, caret, props.find);
      if (!asked) return false;
      complete(asked);
      setCompletion({ ...asked, inserted: true });
      return true;
    }
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
      case "Tab": {
        const back = event.key === "ArrowUp" || (event.key === "Tab" && event.shiftKey);
        const next = event.key === "Tab" && !completion.inserted ? completion : moved(completion, back ? -1 : 1);
        const inText = completion.inserted || event.key === "Tab";
        if (inText) complete(next);
        setCompletion({ ...next, inserted: inText });
        return true;
      }
      case "Enter":
        setCompletion(null);
        if (completion.inserted || isWhole(completion)) return false;
        complete(completion);
        return true;
      case "Escape":
        if (completion.inserted) put(restored(value, caret, completion));
        setCompletion(null);
        return true;
      default:
        // The list stays for what is typed next to be looked up; a chosen name is chosen.
        if (completion.inserted && !MODIFIERS.includes(event.key)) setCompletion(null);
        return false;
    }
  };

  const give = async ({ name, rest }: { name: string; rest: string }) => {
    if (name === "help") {
      put({ text: "/", caret: 1 });
      setCompletion(typedCompletion("/", 1, props.find));
      return;
    }
    setCarrying(true);
    const wrong = await props.onCommand(name, rest);
    setCarrying(false);
    if (wrong !== null) {
      setFault(wrong);
      return;
    }
    draft.remember(trimmed);
    // What was typed meanwhile stays.
    if (draft.read().trim() === trimmed) change("");
  };

  const submit = () => {
    if (!ready) return;
    setCompletion(null);
    history.current?.leave();
    if (command) {
      void give(command);
      return;
    }
    if (!member) {
      props.onJoin(trimmed);
      return;
    }
    if (!(toWait > 0 ? props.onArm(trimmed) : props.onSend(trimmed))) return;
    draft.remember(trimmed);
    change("");
  };

  /** What waits for slow mode comes back in front of what was typed since. */
  const disarm = () => {
    const waiting = props.onDisarm();
    if (waiting !== null) change(trimmed === "" ? waiting : `${waiting} ${text}`);
    box.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing || (closed && event.key !== "Escape")) return;
    const { selectionStart, value } = event.currentTarget;
    if (completionKey(event)) {
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape") {
      if (armed) {
        disarm();
        return;
      }
      if (props.replyingTo) props.onCancelReply();
      else if (value === "") props.onLeave();
      event.currentTarget.blur();
    } else if (event.key === "ArrowUp" && selectionStart === 0) {
      const line = history.current?.older(value) ?? null;
      if (line === null) return;
      event.preventDefault();
      change(line);
    } else if (event.key === "ArrowDown" && selectionStart === value.length) {
      const line = history.current?.newer() ?? null;
      if (line === null) return;
      event.preventDefault();
      change(line);
    }
  };

  const trouble = closed ? null : (fault ?? banned ?? (refusal ? sentence(refusal, secondsLeft) : null));

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {preview !== null && (
        <div className={styles.preview} id={`${id}-preview`}>
          <span className={styles.previewLabel}>Something like</span>
          <p dir="auto">
            <StyledText original={trimmed} styled={preview} />
          </p>
        </div>
      )}
      {props.replyingTo && (
        <div className={styles.reply}>
          <Icon name="reply" size={16} />
          <span className={styles.replyText}>
            Replying to <b>{props.replyingTo.displayName}</b>: <bdi>{props.replyingTo.excerpt}</bdi>
          </span>
          <IconButton className={styles.small} label="Cancel reply" onClick={props.onCancelReply}>
            <Icon name="close" size={16} />
          </IconButton>
        </div>
      )}
      {armed && (
        <div className={styles.reply} role="status">
          <Icon name="clock" size={16} />
          <span className={styles.replyText}>
            Goes out <span aria-hidden="true">{toWait > 0 ? `in ${toWait} s` : "now"}</span>
            <span className="visually-hidden">when slow mode allows</span>: <bdi>{armed.text}</bdi>
          </span>
          <IconButton className={styles.small} label="Don't send it (Esc)" onClick={disarm}>
            <Icon name="close" size={16} />
          </IconButton>
        </div>
      )}
      {completion && (
        <ChoiceList
          id={`${id}-names`}
          completion={completion}
          onPick={(at) => {
            complete({ ...completion, selected: at });
            setCompletion(null);
          }}
        />
      )}
      {props.children}
      <div className={styles.box} data-over={left < 0 || undefined} data-closed={closed || undefined}>
        <label className="visually-hidden" htmlFor="composer">
          Message in {props.roomTitle}
        </label>
        <textarea
          ref={box}
          id="composer"
          rows={1}
          // Here too, so that the browser never lays a pasted book out.
          maxLength={KEPT_MAX}
          value={text}
          // Not disabled: whoever comes here by keys is to hear why.
          readOnly={closed}
          placeholder={closed ? "Closed for now" : "Say something normal"}
          autoComplete="off"
          enterKeyHint="send"
          dir="auto"
          aria-invalid={left < 0 || trouble !== null || undefined}
          aria-describedby={`${id}-note`}
          aria-autocomplete="list"
          aria-controls={completion ? `${id}-names` : undefined}
          aria-activedescendant={completion ? optionId(`${id}-names`, completion.selected) : undefined}
          onBlur={() => setCompletion(null)}
          onChange={(event) => {
            history.current?.leave();
            change(event.target.value);
            setCompletion(typedCompletion(event.target.value, event.target.selectionStart, props.find));
            props.onTyped();
          }}
          onKeyDown={onKeyDown}
        />
        <IconButton
          className={styles.emotes}
          label="Emotes"
          aria-haspopup="dialog"
          aria-expanded={props.emotesOpen}
          disabled={closed}
          onClick={props.onEmotes}
        >
          <Icon name="smile" />
        </IconButton>
        <Button
          kind="primary"
          type="submit"
          className={styles.send}
          disabled={!ready}
          aria-label={member && !command && toWait > 0 ? `Send when slow mode allows, in ${toWait} s` : undefined}
        >
          {command ? (
            "Do it"
          ) : !member ? (
            "Join to send"
          ) : toWait > 0 ? (
            <span className={styles.wait}>{toWait} s</span>
          ) : (
            "Send"
          )}
        </Button>
      </div>
      <div className={styles.note}>
        <p id={`${id}-note`} className={trouble ? styles.trouble : undefined} role={trouble ? "alert" : undefined}>
          {closed
            ? "This room is closed: nobody can write here until an admin opens it again."
            : (trouble ??
              (found && usageOf(found.name)) ??
              modesText(props.modes) ??
              (member
                ? "Enter sends. Nobody sees it the way you typed it."
                : "You are reading along. Talking takes a name."))}
        </p>
        {CODE_POINTS_MAX - left >= COUNTER_FROM && (
          <output className={left < 0 ? styles.over : left <= NEAR_LIMIT ? styles.near : styles.left}>
            {left < 0 ? `${-left} too many` : `${left} left`}
          </output>
        )}
      </div>
    </form>
  );
}

function sentence(refusal: Refusal, secondsLeft: number): string {
  const told = problemText(refusal.code, refusal.detail);
  if (refusal.retryAt === null) return told;
  return secondsLeft > 0 ? `${told} Try again in ${secondsLeft} s.` : `${told} You can try again now.`;
}
