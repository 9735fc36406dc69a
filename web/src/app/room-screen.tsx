import { type ComponentProps, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import type { RoomSession } from "../client/room-session";
import type { MessageRow } from "../client/rows";
import { Composer, type ComposerHandle } from "../features/composer/composer";
import { Draft } from "../features/composer/draft";
import { CallAnnouncer } from "../features/room/call-announcer";
import { ConnectionStrip } from "../features/room/connection-strip";
import { ContextPanel } from "../features/room/context-panel";
import { MessageList } from "../features/room/message-list";
import { RoomCard } from "../features/room/room-card";
import { RoomHeader } from "../features/room/room-header";
import { RoomsRail } from "../features/rooms/rooms-rail";
import { roomAccent } from "../ui/accent";
import { Logo } from "../ui/logo";
import { useSignal } from "../ui/use-signal";
import { AccountBar } from "./account-bar";
import { banText } from "./ban-text";
import { MissingPage } from "./missing-page";
import type { Panel } from "./panels";
import styles from "./room-screen.module.css";
import { landingPath, roomPath } from "./routes";
import type { Services } from "./services";

/** Watches the room's numbers by itself, so that they do not render the whole screen. */
function LiveRail({ room, ...rest }: Omit<ComponentProps<typeof RoomsRail>, "currentViewers"> & { room: RoomSession }) {
  return <RoomsRail {...rest} currentViewers={useSignal(room.vitals).viewers} />;
}

interface Props {
  services: Services;
  slug: string;
  open: (panel: Panel) => void;
}

export function RoomScreen({ services, slug, open }: Props) {
  const { api, connection, directory, navigation, session, settings, storage } = services;
  const [room] = useState(() => services.openRoom(slug));
  const log = useSignal(room.log);
  const refusal = useSignal(room.refusal);
  const ban = useSignal(room.ban);
  const rooms = useSignal(directory.state);
  const viewer = useSignal(session.state);
  const look = useSignal(settings.state);
  const [replyTo, setReplyTo] = useState<MessageRow | null>(null);
  const [cardSeen, setCardSeen] = useState(() => storage.shared.get(`twitchy.seen.${slug}`) !== null);
  const composer = useRef<ComposerHandle>(null);
  const draft = useMemo(() => new Draft(storage.ofTab, slug), [storage, slug]);

  useEffect(() => {
    room.start();
    const shown = () => {
      if (!document.hidden) room.shown();
    };
    document.addEventListener("visibilitychange", shown);
    return () => {
      document.removeEventListener("visibilitychange", shown);
      room.stop();
    };
  }, [room]);

  const info = rooms.kind === "ready" ? rooms.rooms.find((candidate) => candidate.slug === slug) : undefined;
  const title = info?.title ?? slug;
  const user = viewer.kind === "member" ? viewer.user : null;

  const send = (text: string): boolean => {
    const sent = room.send(text, replyTo?.message.id ?? null);
    if (sent) setReplyTo(null);
    return sent;
  };
  const join = (text: string) =>
    open({
      kind: "account",
      intent: "register",
      keptText: text,
      onMember: () => {
        if (!send(text)) return;
        draft.remember(text);
        composer.current?.clear();
      },
    });
  const dismissCard = () => {
    storage.shared.set(`twitchy.seen.${slug}`, "1");
    setCardSeen(true);
  };
  const home = (event: MouseEvent) => {
    event.preventDefault();
    navigation.go(landingPath);
  };

  if (log.phase === "missing") {
    return <MissingPage what={`There is no room called “${slug}”.`} onHome={() => navigation.go(landingPath)} />;
  }

  return (
    <div className={styles.screen} {...roomAccent(slug)} data-timestamps={look.timestamps ? "on" : "off"}>
      <nav className="skip-links" aria-label="Skip to">
        <a href="#messages">Messages</a>
        <a href="#composer">Message box</a>
      </nav>
      <nav className={styles.rail} aria-label="Rooms">
        <a className={styles.home} href={landingPath} onClick={home}>
          <span className={styles.wideLogo}>
            <Logo />
          </span>
          <span className={styles.narrowLogo}>
            <Logo compact />
          </span>
        </a>
        <LiveRail
          room={room}
          directory={directory}
          current={slug}
          roomHref={roomPath}
          form="rail"
          onEnter={(next) => navigation.go(roomPath(next))}
        />
        <div className={styles.railEnd}>
          <span className={styles.wideLogo}>
            <AccountBar session={session} open={open} form="full" />
          </span>
          <span className={styles.narrowLogo}>
            <AccountBar session={session} open={open} form="icons" />
          </span>
        </div>
      </nav>
      <main className={styles.chat}>
        <RoomHeader
          room={room}
          title={title}
          description={info?.description ?? ""}
          onRooms={() => open({ kind: "rooms", current: slug })}
          actions={<AccountBar session={session} open={open} form="icons" />}
        />
        {info && !cardSeen && (
          <div className={styles.firstVisit}>
            <RoomCard room={info} onDismiss={dismissCard} />
          </div>
        )}
        <MessageList
          room={room}
          title={title}
          user={user}
          onReply={(row) => {
            setReplyTo(row);
            composer.current?.focus();
          }}
          onEdit={(text) => composer.current?.insert(text)}
          onCompose={() => composer.current?.focus()}
        />
        <ConnectionStrip connection={connection} room={room} />
        <Composer
          ref={composer}
          api={api}
          room={slug}
          roomTitle={title}
          draft={draft}
          member={user !== null}
          refusal={refusal}
          banned={ban ? banText(ban) : null}
          replyingTo={
            replyTo ? { displayName: replyTo.message.user.display_name, excerpt: replyTo.message.text } : null
          }
          onCancelReply={() => setReplyTo(null)}
          onSend={send}
          onJoin={join}
          onTyped={() => room.clearRefusal()}
          onLeave={() => room.follow()}
        />
      </main>
      <div className={styles.context}>{info && <ContextPanel session={room} room={info} />}</div>
      <CallAnnouncer room={room} title={title} />
    </div>
  );
}
