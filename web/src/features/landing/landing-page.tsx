import { type ReactNode, useEffect, useState } from "react";
import type { Api } from "../../client/api";
import type { RoomDirectory } from "../../client/room-directory";
import { Button } from "../../ui/button";
import { useSignal } from "../../ui/use-signal";
import styles from "./landing-page.module.css";
import { StyleCard } from "./style-card";
import { usePreviews } from "./use-previews";

interface Props {
  api: Api;
  directory: RoomDirectory;
  roomHref: (slug: string) => string;
  /** Into a room, with what was typed. */
  onEnter: (slug: string, typed: string) => void;
  actions: ReactNode;
}

const TEXT_CODE_POINTS_MAX = 500;

export function LandingPage({ api, directory, roomHref, onEnter, actions }: Props) {
  const state = useSignal(directory.state);
  const pulses = useSignal(directory.pulses);
  const [typed, setTyped] = useState("");
  const { previews, failed } = usePreviews(api, typed);

  useEffect(() => directory.watch(), [directory]);

  return (
    <div className={styles.page}>
      <header className={styles.top}>{actions}</header>
      <main className={styles.main}>
        <h1 className={styles.headline}>
          <label htmlFor="sentence">Say something normal.</label>
        </h1>
        <p className={styles.lead} id="sentence-about">
          Every room here rewrites what people type before anyone sees it. This is what they would make of you.
        </p>
        <input
          id="sentence"
          className={styles.sentence}
          aria-describedby="sentence-about"
          value={typed}
          onChange={(event) => setTyped([...event.target.value].slice(0, TEXT_CODE_POINTS_MAX).join(""))}
          placeholder="The build is broken again"
          autoComplete="off"
          enterKeyHint="done"
          spellCheck={false}
        />
        <p className={styles.status} role="status">
          {failed ? "The rooms can't be asked right now. These are their samples." : ""}
        </p>

        {state.kind === "failed" && (
          <div className={styles.trouble} role="alert">
            <p>The server can't be reached. This page tries again by itself.</p>
            <Button onClick={() => directory.retry()}>Try now</Button>
          </div>
        )}
        {state.kind === "loading" && (
          <ul className={styles.cards} aria-label="Rooms are loading" aria-busy="true">
            <li className={styles.skeleton} />
            <li className={styles.skeleton} />
            <li className={styles.skeleton} />
          </ul>
        )}
        {state.kind === "ready" && (
          <ul className={styles.cards} aria-label="Rooms">
            {state.rooms
              .filter((room) => !room.archived)
              .map((room) => {
                const styled = previews?.rooms[room.slug];
                return (
                  <StyleCard
                    key={room.slug}
                    room={room}
                    said={styled === undefined ? room.transformer.sample_in : (previews?.text ?? "")}
                    styled={styled ?? room.transformer.sample_out}
                    pulse={pulses.get(room.slug) ?? []}
                    href={roomHref(room.slug)}
                    onEnter={(slug) => onEnter(slug, typed.trim())}
                  />
                );
              })}
          </ul>
        )}
        <p className={styles.small}>
          Reading needs no account, talking takes a name and a password. What you really typed is kept for you and the
          room's moderators.
        </p>
      </main>
    </div>
  );
}
