import { type RefObject, useMemo, useState } from "react";
import type { EmoteBook } from "../client/emote-book";
import { CallProblem } from "../client/problem";
import { RoomModeration } from "../client/room-moderation";
import type { RoomSession } from "../client/room-session";
import { commandFault, commandsFor } from "../features/composer/command-list";
import type { Finder } from "../features/composer/completion";
import { Composer, type ComposerHandle } from "../features/composer/composer";
import type { Draft } from "../features/composer/draft";
import type { ChatMessage } from "../protocol/message";
import { later } from "../ui/later";
import { problemText } from "../ui/problem-text";
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
  const { muted, taste, toasts } = services;
  const [picking, setPicking] = useState(false);
  const find = useMemo(
    (): Finder => ({
      people: (part, limit) => room.find(part, limit),
      emotes: (part, limit) => taste.ranked(book.emotes, part, limit),
      commands: (part) => commandsFor(room.vitals.getSnapshot().role, part),
    }),
    [room, book, taste],
  );
  const refusal = useSignal(talk.refusal);
  const nextAt = useSignal(talk.nextAt);
  const armed = useSignal(talk.armed);
  const ban = useSignal(room.ban);
  const modes = useSignalPart(room.vitals, (vitals) => vitals.settings);
  const moderation = useMemo(() => new RoomModeration(services.api, room.slug), [services.api, room]);
  const banned = useMemo(() => (ban ? banText(ban) : null), [ban]);
  const carryOut = async (name: string, rest: string): Promise<string | null> => {
    const fault = commandFault(name, room.vitals.getSnapshot().role);
    if (fault !== null) return fault;
    try {
      // Few give commands, so they come when the first is given.
      const commands = await import("../features/moderation/commands");
      try {
        const me = services.session.user?.username ?? null;
        const { text, undo } = await commands.carryOut(name, rest, { moderation, muted, me });
        toasts.say(text, undo && (() => void undo().catch(() => toasts.say(`That could not be undone: ${text}`))));
        return null;
      } catch (error) {
        if (error instanceof commands.CommandFault) return error.message;
        return error instanceof CallProblem ? problemText(error.code, error.message) : problemText("internal");
      }
    } catch {
      return problemText("unreachable");
    }
  };
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
      onCommand={carryOut}
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
