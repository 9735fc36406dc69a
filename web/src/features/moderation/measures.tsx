import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { leads, PRESETS, type Preset, type RoomModeration, type Seat } from "../../client/room-moderation";
import type { Toasts } from "../../client/toasts";
import type { Role } from "../../protocol/__generated__/protocol";
import type { Card } from "../../protocol/moderation";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { useWork } from "../../ui/use-work";
import { Entries } from "./entries";
import styles from "./moderation.module.css";
import { atTime, duration, ROLE_NAMES } from "./words";

const REASON_MAX = 500;

interface Props {
  moderation: RoomModeration;
  toasts: Toasts;
  username: string;
  /** What the reader is here. */
  role: Role;
}

/** On someone's card, for moderators: what can be done about them, and what was. Presets have the keys 1 to 7. */
export function Measures({ moderation, toasts, username, role }: Props) {
  const [card, setCard] = useState<Card | null>(null);
  const [reason, setReason] = useState("");
  const { busy, problem, work } = useWork();
  const top = useRef<HTMLDivElement>(null);

  const load = useCallback(
    (signal?: AbortSignal) =>
      moderation.card(username, signal).then(setCard, () => {
        // What can be done needs no card; what was done stands in the log.
      }),
    [moderation, username],
  );
  useEffect(() => {
    const abort = new AbortController();
    void load(abort.signal);
    return () => abort.abort();
  }, [load]);

  const done = (text: string, undo?: () => Promise<void>) => {
    toasts.say(text, undo && (() => void undo().catch(() => toasts.say(`That could not be undone: ${text}`))));
    setReason("");
    void load();
  };
  const ban = async (preset: Preset) => {
    if (busy || !(await work(() => moderation.ban(username, preset.seconds, reason.trim())))) return;
    const text =
      preset.seconds === null ? `@${username} is banned` : `@${username} is timed out for ${duration(preset.seconds)}`;
    done(text, () => moderation.unban(username));
  };
  const unban = async () => {
    if (await work(() => moderation.unban(username))) done(`@${username} may write again`);
  };
  const clear = async () => {
    if (await work(() => moderation.clear(username, reason.trim())))
      done(`All messages of @${username} here are removed`);
  };
  const seat = async (place: Seat, given: boolean, text: string) => {
    if (await work(() => moderation.seat(place, username, given))) done(text);
  };

  // Keys reach the presets from anywhere in the card but where one types.
  const onKey = (event: KeyboardEvent<HTMLElement> | globalThis.KeyboardEvent) => {
    const typing = (event.target as HTMLElement).matches("input, textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const preset = PRESETS[Number(event.key) - 1];
    if (!preset) return;
    event.preventDefault();
    void ban(preset);
  };
  const listen = useRef(onKey);
  listen.current = onKey;
  useEffect(() => {
    const dialog = top.current?.closest("dialog");
    const key = (event: globalThis.KeyboardEvent) => listen.current(event);
    dialog?.addEventListener("keydown", key);
    return () => dialog?.removeEventListener("keydown", key);
  }, []);

  const theirs = card?.role ?? "viewer";
  return (
    <div ref={top} className={styles.measures}>
      {theirs !== "viewer" && (
        <p className={styles.note}>
          @{username} is {ROLE_NAMES[theirs]} here.
        </p>
      )}
      {card?.banned && (
        <div className={styles.state}>
          <p>
            <b>{card.banned.until === null ? "Banned" : `Timed out until ${atTime(card.banned.until)}`}</b> by @
            {card.banned.by}
            {card.banned.reason && (
              <>
                : <bdi>{card.banned.reason}</bdi>
              </>
            )}
          </p>
          <Button disabled={busy} onClick={() => void unban()}>
            Let them write again
          </Button>
        </div>
      )}
      <fieldset className={styles.presets}>
        <legend>Time out or ban</legend>
        {PRESETS.map((preset, at) => (
          <Button
            key={preset.label}
            kind={preset.seconds === null ? "danger" : "outline"}
            disabled={busy}
            aria-keyshortcuts={String(at + 1)}
            title={`Key ${at + 1}`}
            onClick={() => void ban(preset)}
          >
            {preset.label}
          </Button>
        ))}
      </fieldset>
      <Field
        label="Reason"
        value={reason}
        maxLength={REASON_MAX}
        autoComplete="off"
        hint="They are told it, and it stands in the log."
        onChange={(event) => setReason(event.target.value)}
      />
      <Problem text={problem} />
      <div className={styles.row}>
        <Button disabled={busy} onClick={() => void clear()}>
          Remove all they said here
        </Button>
        {leads(role) && (
          <>
            <SeatButton
              is={theirs === "moderator"}
              name="moderator"
              busy={busy}
              onChange={(given) =>
                void seat(
                  "moderators",
                  given,
                  given ? `@${username} moderates here` : `@${username} moderates here no longer`,
                )
              }
            />
            <SeatButton
              is={theirs === "vip"}
              name="VIP"
              busy={busy}
              onChange={(given) =>
                void seat("vips", given, given ? `@${username} is VIP here` : `@${username} is VIP here no longer`)
              }
            />
          </>
        )}
      </div>
      {card && card.measures.length > 0 && (
        <section>
          <h3 className={styles.heading}>What was done about them here</h3>
          <Entries entries={card.measures} />
        </section>
      )}
    </div>
  );
}

function SeatButton({
  is,
  name,
  busy,
  onChange,
}: {
  is: boolean;
  name: string;
  busy: boolean;
  onChange: (given: boolean) => void;
}) {
  return (
    <Button disabled={busy} onClick={() => onChange(!is)}>
      {is ? `No longer ${name}` : `Make ${name}`}
    </Button>
  );
}
