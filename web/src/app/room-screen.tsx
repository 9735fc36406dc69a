import { type ComponentProps, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { moderates } from "../client/room-moderation";
import type { RoomSession } from "../client/room-session";
import type { ComposerHandle } from "../features/composer/composer";
import { Draft } from "../features/composer/draft";
import { CallAnnouncer } from "../features/room/call-announcer";
import { CallsPanel } from "../features/room/calls-panel";
import { ConnectionStrip } from "../features/room/connection-strip";
import { ContextPanel } from "../features/room/context-panel";
import { MessageList } from "../features/room/message-list";
import { PersonCard } from "../features/room/person-card";
import { PinnedBar } from "../features/room/pinned-bar";
import { RoomCard } from "../features/room/room-card";
import { RoomHeader } from "../features/room/room-header";
import { StormStrip } from "../features/room/storm-strip";
import { ThreadPanel } from "../features/room/thread-panel";
import { TimeSheet } from "../features/room/time-sheet";
import { RoomsRail } from "../features/rooms/rooms-rail";
import type { ChatMessage } from "../protocol/message";
import { roomAccent } from "../ui/accent";
import { Logo } from "../ui/logo";
import { useSignal, useSignalPart } from "../ui/use-signal";
import { AccountBar } from "./account-bar";
import { MissingPage } from "./missing-page";
import { AdminSheet, Measures, ModerationPanel, RoomsSheet, useModerating } from "./moderating";
import type { Panel } from "./panels";
import styles from "./room-screen.module.css";
import { landingPath, roomPath } from "./routes";
import type { Services } from "./services";
import { TalkDock } from "./talk-dock";
import { useEmotes } from "./use-emotes";

/** Watches the room's numbers by itself, so that they do not render the whole screen. */
function LiveRail({ room, ...rest }: Omit<ComponentProps<typeof RoomsRail>, "currentViewers"> & { room: RoomSession }) {
  return <RoomsRail {...rest} currentViewers={useSignal(room.vitals).viewers} />;
}

/** What stands beside the chat. */
type Side = { kind: "thread"; id: string } | { kind: "calls" } | { kind: "moderation" };
/** What lies over it. */
type Over = { kind: "time" } | { kind: "emotes" } | { kind: "rooms" } | { kind: "person"; username: string };

interface Props {
  services: Services;
  slug: string;
  open: (panel: Panel) => void;
}

export function RoomScreen({ services, slug, open }: Props) {
  const { connection, directory, muted, navigation, session, settings, storage, unread } = services;
  const [room] = useState(() => services.openRoom(slug));
  const phase = useSignalPart(room.log, (log) => log.phase);
  const rooms = useSignal(directory.state);
  const viewer = useSignal(session.state);
  const look = useSignal(settings.state);
  const role = useSignalPart(room.vitals, (vitals) => vitals.role);
  const moderating = useModerating(services, room);
  const tools = moderates(role);
  const book = useEmotes(services, room);
  const calls = useSignal(room.calls);
  const news = useSignal(unread.news);
  const [replyTo, setReplyTo] = useState<ChatMessage | null>(null);
  const [side, setSide] = useState<Side | null>(null);
  const [over, setOver] = useState<Over | null>(null);
  const [alone, setAlone] = useState<string | null>(null);
  const [seenCall, setSeenCall] = useState<string | null>(null);
  const [cardSeen, setCardSeen] = useState(() => storage.shared.get(`twitchy.seen.${slug}`) !== null);
  const composer = useRef<ComposerHandle>(null);
  const draft = useMemo(() => new Draft(storage.ofTab, slug), [storage, slug]);

  useEffect(() => {
    room.start();
    unread.entered(slug);
    const shown = () => {
      if (!document.hidden) room.shown();
    };
    document.addEventListener("visibilitychange", shown);
    return () => {
      document.removeEventListener("visibilitychange", shown);
      unread.leave(slug, room.newestSeq);
      room.stop();
    };
  }, [room, unread, slug]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open({ kind: "rooms", current: slug });
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [open, slug]);

  // What the room says of itself reaches the list, and every place that shows its name.
  const words = useSignal(room.gauge.words);
  useEffect(() => {
    if (words) directory.told(slug, words);
  }, [directory, slug, words]);

  // What one has open to look at is seen.
  const lastCall = calls.at(-1)?.id ?? null;
  useEffect(() => {
    if (side?.kind === "calls") setSeenCall(lastCall);
  }, [side, lastCall]);
  const unseenCalls = calls.length - 1 - calls.findIndex((call) => call.id === seenCall);

  const info = rooms.kind === "ready" ? rooms.rooms.find((candidate) => candidate.slug === slug) : undefined;
  const title = info?.title ?? slug;
  const user = viewer.kind === "member" ? viewer.user : null;
  const me = user?.username ?? null;
  const closed = info?.archived === true;

  const send = (text: string): boolean => {
    const sent = room.send(text, replyTo?.id ?? null);
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
  const reply = (message: ChatMessage) => {
    if (!closed) setReplyTo(message);
    composer.current?.focus();
  };
  const home = (event: MouseEvent) => {
    event.preventDefault();
    navigation.go(landingPath);
  };

  if (phase === "missing" || phase === "closed") {
    const what = phase === "missing" ? `There is no room called “${slug}”.` : `${title} is closed.`;
    return <MissingPage what={what} closed={phase === "closed"} onHome={() => navigation.go(landingPath)} />;
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
          unread={unread}
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
          onCalls={() => setSide((now) => (now?.kind === "calls" ? null : { kind: "calls" }))}
          onTime={() => setOver({ kind: "time" })}
          onModerate={
            tools ? () => setSide((now) => (now?.kind === "moderation" ? null : { kind: "moderation" })) : null
          }
          unseenCalls={unseenCalls}
          newsElsewhere={news.size > 0}
          actions={<AccountBar session={session} open={open} form="icons" />}
        />
        <StormStrip room={room} />
        <PinnedBar room={room} storage={storage.shared} onUnpin={tools ? moderating.unpin : null} />
        {closed && (
          <p className={styles.closed} role="status">
            This room is closed: only admins can read it, and nobody can write.
          </p>
        )}
        {info && !cardSeen && (
          <div className={styles.firstVisit}>
            <RoomCard room={info} onDismiss={dismissCard} />
          </div>
        )}
        <MessageList
          room={room}
          title={title}
          user={user}
          alone={alone}
          onAllAlike={() => setAlone(null)}
          onReply={(row) => reply(row.message)}
          onPerson={(username) => setOver({ kind: "person", username })}
          onThread={(id) => setSide({ kind: "thread", id })}
          onTime={() => setOver({ kind: "time" })}
          tools={tools}
          onDelete={moderating.remove}
          onPin={moderating.pin}
          onWhy={moderating.why}
          onEdit={(text) => composer.current?.insert(text)}
          onCompose={() => composer.current?.focus()}
        />
        <ConnectionStrip connection={connection} room={room} />
        <TalkDock
          ref={composer}
          services={services}
          room={room}
          title={title}
          draft={draft}
          book={book}
          member={user !== null}
          closed={closed}
          replyTo={replyTo}
          onReplied={() => setReplyTo(null)}
          onSend={send}
          onJoin={join}
          onLeave={() => {
            setAlone(null);
            room.follow();
          }}
        />
      </main>
      <div className={styles.context} data-side={side ? "open" : undefined}>
        {side?.kind === "thread" && (
          <ThreadPanel key={side.id} room={room} id={side.id} me={me} onReply={reply} onClose={() => setSide(null)} />
        )}
        {side?.kind === "calls" && <CallsPanel room={room} me={me} onClose={() => setSide(null)} />}
        {side?.kind === "moderation" && tools && (
          <ModerationPanel
            room={room}
            info={info ?? null}
            moderation={moderating.moderation}
            toasts={services.toasts}
            role={role}
            onPerson={(username) => setOver({ kind: "person", username })}
            onAdmin={role === "admin" ? (kind) => setOver({ kind }) : null}
            onClose={() => setSide(null)}
          />
        )}
        {side === null && info && <ContextPanel session={room} room={info} />}
      </div>
      {over?.kind === "time" && <TimeSheet room={room} onClose={() => setOver(null)} />}
      {over?.kind === "rooms" && role === "admin" && (
        <RoomsSheet
          administration={moderating.administration}
          directory={directory}
          toasts={services.toasts}
          slug={slug}
          onEnter={(next) => navigation.go(roomPath(next))}
          onClose={() => setOver(null)}
        />
      )}
      {over?.kind === "emotes" && role === "admin" && (
        <AdminSheet
          administration={moderating.administration}
          book={book}
          toasts={services.toasts}
          slug={slug}
          title={title}
          onClose={() => setOver(null)}
        />
      )}
      {over?.kind === "person" && (
        <PersonCard
          room={room}
          roomTitle={title}
          muted={muted}
          username={over.username}
          me={me}
          alone={alone === over.username}
          onAlone={(on) => {
            setAlone(on ? over.username : null);
            setOver(null);
          }}
          onMention={(name) => {
            setOver(null);
            composer.current?.insert(`@${name} `);
          }}
          onClose={() => setOver(null)}
        >
          {tools && over.username !== me && (
            <Measures
              moderation={moderating.moderation}
              toasts={services.toasts}
              username={over.username}
              role={role}
            />
          )}
        </PersonCard>
      )}
      <CallAnnouncer room={room} title={title} settings={settings} />
    </div>
  );
}
