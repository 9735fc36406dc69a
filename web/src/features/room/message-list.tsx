import {
  type FocusEvent,
  Fragment,
  type KeyboardEvent,
  type MouseEvent,
  useEffect,
  useLayoutEffect,
  useRef,
} from "react";
import type { RoomSession } from "../../client/room-session";
import type { MessageRow, RemovedRow } from "../../client/rows";
import type { User } from "../../protocol/__generated__/protocol";
import { Icon } from "../../ui/icon";
import { count } from "../../ui/numbers";
import { useSignal } from "../../ui/use-signal";
import { type Anchor, AT_END_PX, distanceToEnd, NEAR_START_PX, readAnchor, restoreAnchor } from "./list-position";
import styles from "./message-list.module.css";
import { DayRow, LogRow } from "./message-row";
import { PendingRow } from "./pending-row";
import { useSteadyHand } from "./steady-hand";
import { midnight } from "./times";

interface Props {
  room: RoomSession;
  title: string;
  user: User | null;
  onReply: (row: MessageRow) => void;
  onEdit: (text: string) => void;
  onCompose: () => void;
  onPerson: (username: string) => void;
  onThread: (id: string) => void;
  onTime: () => void;
  /** Whether the reader moderates: rows get tools, and stand still under the pointer. */
  tools: boolean;
  onDelete: (row: MessageRow) => void;
  onPin: (row: MessageRow) => void;
  /** Finds out who took messages away, and why. */
  onWhy: (row: RemovedRow) => void;
  /** Whose lines stand out while all others are dimmed. */
  alone: string | null;
  onAllAlike: () => void;
}

/** A scroll this soon after a wheel, touch, key or scrollbar drag was meant; any other was caused by the page itself. */
const INTENT_MS = 800;
const SCROLL_KEYS = ["PageUp", "PageDown", "Home", "End", " "];

export function MessageList(props: Props) {
  const { room, title, user, onReply, onEdit, onCompose, onPerson, onThread, onTime, alone, onAllAlike, tools } = props;
  const log = useSignal(room.log);
  const target = useSignal(room.target);
  const list = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor | null>(null);
  const intentUntil = useRef(0);
  const dragging = useRef(false);
  /** The row one is in: what takes its place has the focus then. */
  const focusKey = useRef<string | null>(null);
  const hand = useSteadyHand(room, list, tools);

  // Own the position: the end while following, the row being read while paused.
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    if (log.following) element.scrollTop = element.scrollHeight;
    else if (anchor.current) restoreAnchor(element, anchor.current);
    if (!log.following) anchor.current = readAnchor(element);
    if (focusKey.current !== null && document.activeElement === document.body)
      element
        .querySelector<HTMLElement>(`[data-key="${CSS.escape(focusKey.current)}"]`)
        ?.focus({ preventScroll: true });
  }, [log]);

  // Bring what was asked for into sight, once it is there.
  useLayoutEffect(() => {
    const element = list.current;
    const row = target && log.rows.find((candidate) => candidate.kind === "message" && candidate.message.id === target);
    const found = row && element?.querySelector<HTMLElement>(`[data-key="${CSS.escape(row.key)}"]`);
    if (!element || !found) return;
    room.target.set(null);
    found.scrollIntoView({ block: "center" });
    anchor.current = readAnchor(element);
    found.classList.add(styles.flash ?? "");
    found.addEventListener("animationend", () => found.classList.remove(styles.flash ?? ""), { once: true });
    found.focus({ preventScroll: true });
  }, [room, log, target]);

  // A short room is filled up, so that there is something to scroll.
  useEffect(() => {
    const element = list.current;
    if (
      element &&
      log.phase === "live" &&
      log.older === "idle" &&
      element.scrollHeight <= element.clientHeight + AT_END_PX
    ) {
      void room.loadOlder();
    }
  }, [room, log]);

  useEffect(() => {
    const element = list.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => {
      if (room.log.getSnapshot().following) element.scrollTop = element.scrollHeight;
      else if (anchor.current) restoreAnchor(element, anchor.current);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [room]);

  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const intend = () => {
      intentUntil.current = performance.now() + INTENT_MS;
    };
    const press = (event: PointerEvent) => {
      // On the list itself and not on a row: the scrollbar.
      dragging.current = event.target === element;
    };
    const release = () => {
      dragging.current = false;
    };
    element.addEventListener("wheel", intend, { passive: true });
    element.addEventListener("touchmove", intend, { passive: true });
    element.addEventListener("pointerdown", press);
    globalThis.addEventListener("pointerup", release);
    return () => {
      element.removeEventListener("wheel", intend);
      element.removeEventListener("touchmove", intend);
      element.removeEventListener("pointerdown", press);
      globalThis.removeEventListener("pointerup", release);
    };
  }, []);

  const onScroll = () => {
    const element = list.current;
    if (!element) return;
    const meant = dragging.current || performance.now() < intentUntil.current;
    const toEnd = distanceToEnd(element);
    if (log.following) {
      if (!meant || toEnd <= AT_END_PX) return;
      anchor.current = readAnchor(element);
      room.pause();
    } else anchor.current = readAnchor(element);
    if (meant) intentUntil.current = performance.now() + INTENT_MS;
    if (meant && toEnd <= AT_END_PX) room.readOn();
    if (element.scrollTop < NEAR_START_PX && log.older === "idle") void room.loadOlder();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const element = list.current;
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (SCROLL_KEYS.includes(event.key)) intentUntil.current = performance.now() + INTENT_MS;
    const focused = (event.target as HTMLElement).closest<HTMLElement>("[data-key]");
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        const rows = [...element.querySelectorAll<HTMLElement>("[data-key]")];
        const at = focused ? rows.indexOf(focused) + (event.key === "ArrowUp" ? -1 : 1) : rows.length - 1;
        event.preventDefault();
        room.pause();
        rows[at]?.focus();
        return;
      }
      case "Enter":
      case " ": {
        const pressed = (event.target as HTMLElement).closest<HTMLElement>('[role="button"][data-action]');
        if (!pressed) return;
        event.preventDefault();
        pressed.click();
        return;
      }
      case "r":
      case "R":
      case "t":
      case "T": {
        const row = log.rows.find((candidate) => candidate.key === focused?.dataset.key);
        if (row?.kind !== "message") return;
        event.preventDefault();
        if (event.key.toLowerCase() === "r") onReply(row);
        else if (room.recall.thread(row.message.id)) onThread(row.message.id);
        return;
      }
      case "d":
      case "D":
      case "b":
      case "B":
      case "o":
      case "O": {
        const row = log.rows.find((candidate) => candidate.key === focused?.dataset.key);
        if (row?.kind !== "message" || !(tools || row.own)) return;
        event.preventDefault();
        const key = event.key.toLowerCase();
        if (key === "d") props.onDelete(row);
        else if (key === "o") original(row, focused);
        else if (tools) onPerson(row.message.user.username);
        return;
      }
      case "p":
      case "P":
        event.preventDefault();
        if (log.following) room.pause();
        else room.follow();
        return;
      case "End":
      case "Escape":
        event.preventDefault();
        room.follow();
        if (event.key === "Escape") onCompose();
        return;
      case "c":
      case "/":
        event.preventDefault();
        onCompose();
    }
  };

  const original = (row: MessageRow, element: HTMLElement | null) => {
    void room.revealOriginal(row.message);
    element?.toggleAttribute("data-reveal");
  };

  const onClick = (event: MouseEvent<HTMLDivElement>) => {
    if (hand.swallows()) return;
    const button = (event.target as HTMLElement).closest<HTMLElement>("[data-action]");
    if (!button) return;
    const element = button.closest<HTMLElement>("[data-key]");
    const key = element?.dataset.key ?? "";
    const nonce = button.dataset.nonce ?? "";
    const row = log.rows.find((candidate) => candidate.key === key);
    switch (button.dataset.action) {
      case "reply":
        if (row?.kind === "message") onReply(row);
        return;
      case "original":
        if (row?.kind === "message") original(row, element);
        return;
      case "delete":
        if (row?.kind === "message") props.onDelete(row);
        return;
      case "pin":
        if (row?.kind === "message") props.onPin(row);
        return;
      case "reveal":
        if (row?.kind !== "removed") return;
        room.changeRemoved(key, { revealed: !row.revealed });
        if (!row.revealed && row.why === null) props.onWhy(row);
        return;
      case "jump":
        void room.reveal(button.dataset.target ?? "");
        return;
      case "person":
        if (row?.kind === "message") onPerson(row.message.user.username);
        return;
      case "thread":
        if (row?.kind === "message") onThread(row.message.id);
        return;
      case "fill":
        room.pause();
        void room.fillGap(key);
        return;
      case "follow":
        room.follow();
        return;
      case "retry":
        room.talk.retry(nonce);
        return;
      case "edit":
        onEdit(room.talk.discard(nonce) ?? "");
        return;
      case "discard":
        room.talk.discard(nonce);
    }
  };

  /** What can be pressed in a row is a stop for Tab while the row has focus, and not among two hundred others before. */
  const onFocus = (event: FocusEvent<HTMLDivElement>) => {
    const row = event.target.closest<HTMLElement>("[data-key]");
    focusKey.current = row?.dataset.key ?? null;
    for (const stop of list.current?.querySelectorAll<HTMLElement>('[data-stop][tabindex="0"]') ?? [])
      if (!row?.contains(stop)) stop.tabIndex = -1;
    for (const stop of row?.querySelectorAll<HTMLElement>("[data-stop]") ?? []) stop.tabIndex = 0;
  };

  // A moment's hold needs no words while nothing waits for it.
  const paused = !log.following && !(log.held && log.waiting === 0);
  let day = midnight(Date.now());
  return (
    <div className={styles.frame} data-timestamps={log.away ? "on" : undefined}>
      <div
        ref={list}
        id="messages"
        className={styles.list}
        role="log"
        aria-live="off"
        aria-label={`Messages in ${title}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard.
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onFocus={onFocus}
        onBlur={(event) => {
          if (event.relatedTarget !== null) focusKey.current = null;
        }}
      >
        <div className={styles.top}>
          {log.older === "loading" && "Loading older messages…"}
          {log.older === "start" && (log.rows.length === 0 ? "" : `This is where ${title} begins.`)}
          {log.older === "failed" && (
            <>
              Older messages could not be loaded.{" "}
              <button type="button" onClick={() => void room.retryOlder()}>
                Try again
              </button>
            </>
          )}
        </div>
        {log.phase === "joining" && <p className={styles.empty}>Opening the room…</p>}
        {log.phase === "slow" && (
          <p className={styles.empty}>
            The room takes long to answer.{" "}
            <button type="button" onClick={() => room.reconnect()}>
              Try again
            </button>
          </p>
        )}
        {log.phase === "live" && log.rows.length === 0 && log.pending.length === 0 && (
          <p className={styles.empty}>Nobody has said anything yet. Be the first to be misquoted.</p>
        )}
        {log.rows.map((row) => {
          const dim = alone !== null && row.kind === "message" && row.message.user.username !== alone;
          const newDay = row.kind === "message" && !row.muted && row.day !== day;
          if (newDay) day = row.day;
          return newDay ? (
            <Fragment key={row.key}>
              <DayRow day={row.day} />
              <LogRow row={row} dim={dim} tools={tools} />
            </Fragment>
          ) : (
            <LogRow key={row.key} row={row} dim={dim} tools={tools} />
          );
        })}
        {log.pending.map((line) => (
          <PendingRow key={line.key} line={line} user={user} />
        ))}
      </div>
      {(paused || alone !== null) && (
        <div className={styles.pills}>
          {alone !== null && (
            <button type="button" className={styles.pill} onClick={onAllAlike}>
              Show all alike
            </button>
          )}
          {paused && (
            <>
              <button type="button" className={styles.pill} onClick={() => room.follow()}>
                {log.jump === "searching"
                  ? "One moment…"
                  : log.jump === "failed"
                    ? "No answer. Try again"
                    : log.away
                      ? "Back to now"
                      : "Paused"}
                {log.waiting > 0 && ` · ${count(log.waiting)} new`} <span aria-hidden="true">↓</span>
                {!log.away && <span className="visually-hidden">. Back to the newest</span>}
              </button>
              <button
                type="button"
                className={styles.pill}
                onClick={onTime}
                aria-label="Go to a time"
                title="Go to a time"
              >
                <Icon name="clock" size={16} />
              </button>
            </>
          )}
        </div>
      )}
    </div>
  );
}
