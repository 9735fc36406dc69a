import { type Ref, useMemo } from "react";
import type { RoomSession } from "../client/room-session";
import { Composer, type ComposerHandle } from "../features/composer/composer";
import type { Draft } from "../features/composer/draft";
import type { ChatMessage } from "../protocol/message";
import { useSignal, useSignalPart } from "../ui/use-signal";
import { banText } from "./ban-text";
import type { Services } from "./services";

interface Props {
  services: Services;
  room: RoomSession;
  title: string;
  draft: Draft;
  member: boolean;
  replyTo: ChatMessage | null;
  onReplied: () => void;
  onSend: (text: string) => boolean;
  onJoin: (text: string) => void;
  onLeave: () => void;
  ref: Ref<ComposerHandle>;
}

/** The message box and what it has to know of the room; watches that by itself, so that it renders nothing else. */
export function TalkDock({ services, room, title, replyTo, onReplied, ...rest }: Props) {
  const { talk } = room;
  const refusal = useSignal(talk.refusal);
  const nextAt = useSignal(talk.nextAt);
  const armed = useSignal(talk.armed);
  const ban = useSignal(room.ban);
  const modes = useSignalPart(room.vitals, (vitals) => vitals.settings);
  const banned = useMemo(() => (ban ? banText(ban) : null), [ban]);
  return (
    <Composer
      {...rest}
      api={services.api}
      room={room.slug}
      roomTitle={title}
      modes={modes}
      nextAt={nextAt}
      armed={armed}
      refusal={refusal}
      banned={banned}
      replyingTo={replyTo ? { displayName: replyTo.user.display_name, excerpt: replyTo.text } : null}
      find={(part, limit) => room.find(part, limit)}
      onCancelReply={onReplied}
      onArm={(text) => {
        const taken = talk.arm(text, replyTo?.id ?? null);
        if (taken) onReplied();
        return taken;
      }}
      onDisarm={() => talk.disarm()}
      onTyped={() => talk.refusal.set(null)}
    />
  );
}
