import { type RefObject, useMemo, useState } from "react";
import type { EmoteBook } from "../client/emote-book";
import type { RoomSession } from "../client/room-session";
import type { Finder } from "../features/composer/completion";
import { Composer, type ComposerHandle } from "../features/composer/composer";
import type { Draft } from "../features/composer/draft";
import type { ChatMessage } from "../protocol/message";
import { later } from "../ui/later";
import { useSignal, useSignalPart } from "../ui/use-signal";
import { banText } from "./ban-text";
import type { Services } from "./services";

const EmotePicker = later(() => import("../features/emotes/emote-picker").then((part) => part.EmotePicker));

interface Props {
  services: Services;
  room: RoomSession;
  title: string;
  draft: Draft;
  book: EmoteBook;
  member: boolean;
  /** Nobody writes here for now. */
  closed: boolean;
  replyTo: ChatMessage | null;
  onReplied: () => void;
  onSend: (text: string) => boolean;
  onJoin: (text: string) => void;
  onLeave: () => void;
  ref: RefObject<ComposerHandle | null>;
}

/** The message box and what it has to know of the room; watches that by itself, so that it renders nothing else. */
export function TalkDock({ services, room, title, book, replyTo, onReplied, onSend, ref: composer, ...rest }: Props) {
  const { talk } = room;
  const { taste } = services;
  const [picking, setPicking] = useState(false);
  const find = useMemo(
    (): Finder => ({
      people: (part, limit) => room.find(part, limit),
      emotes: (part, limit) => taste.ranked(book.emotes, part, limit),
    }),
    [room, book, taste],
  );
  const refusal = useSignal(talk.refusal);
  const nextAt = useSignal(talk.nextAt);
  const armed = useSignal(talk.armed);
  const ban = useSignal(room.ban);
  const modes = useSignalPart(room.vitals, (vitals) => vitals.settings);
  const banned = useMemo(() => (ban ? banText(ban) : null), [ban]);
  return (
    <Composer
      {...rest}
      ref={composer}
      api={services.api}
      room={room.slug}
      roomTitle={title}
      modes={modes}
      nextAt={nextAt}
      armed={armed}
      refusal={refusal}
      banned={banned}
      replyingTo={replyTo ? { displayName: replyTo.user.display_name, excerpt: replyTo.text } : null}
      find={find}
      emotesOpen={picking}
      onEmotes={() => setPicking((now) => !now)}
      onCancelReply={onReplied}
      onArm={(text) => {
        const taken = talk.arm(text, replyTo?.id ?? null);
        if (taken) onReplied();
        return taken;
      }}
      onSend={(text) => {
        const sent = onSend(text);
        if (sent) taste.used([...new Set(text.split(" ").filter((word) => book.named(word)))]);
        return sent;
      }}
      onDisarm={() => talk.disarm()}
      onTyped={() => {
        talk.refusal.set(null);
        // Whoever types may want one soon.
        void book.open();
      }}
    >
      {picking && (
        <EmotePicker
          book={book}
          taste={taste}
          onPick={(name) => composer.current?.word(name)}
          onClose={() => {
            setPicking(false);
            composer.current?.focus();
          }}
        />
      )}
    </Composer>
  );
}
