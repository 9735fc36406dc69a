import { type RefObject, useEffect, useMemo } from "react";
import type { RoomSession } from "../../client/room-session";

/** A pointer that rests this long on no tool lets the chat go on. */
const RESTS_AFTER_MS = 750;

/**
 * A moderator's pointer on the rows: while it moves, or is on a row's tools, the list stands still, so that what is
 * pressed is what was meant. A press that comes while the list still moves only stops it.
 */
export function useSteadyHand(room: RoomSession, list: RefObject<HTMLElement | null>, active: boolean) {
  const hand = useMemo(() => ({ pressedMoving: false }), []);

  useEffect(() => {
    const element = list.current;
    if (!element || !active) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const still = () => !room.log.getSnapshot().following;
    const onTools = (target: EventTarget | null) => (target as Element | null)?.closest?.("[data-tools]") != null;
    const move = (event: PointerEvent) => {
      if (event.pointerType === "touch") return;
      room.hold();
      clearTimeout(timer);
      timer = onTools(event.target) ? undefined : setTimeout(() => room.release(), RESTS_AFTER_MS);
    };
    const leave = () => {
      clearTimeout(timer);
      room.release();
    };
    const press = (event: PointerEvent) => {
      if (event.pointerType === "touch" && !onTools(event.target)) {
        // A finger does not hover: the row it chose stays until the chat is resumed.
        if ((event.target as Element).closest("[data-key]")) room.pause();
        return;
      }
      hand.pressedMoving = !still() && onTools(event.target);
      if (hand.pressedMoving) room.hold();
    };
    element.addEventListener("pointermove", move, { passive: true });
    element.addEventListener("pointerleave", leave);
    element.addEventListener("pointerdown", press, { capture: true });
    return () => {
      clearTimeout(timer);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerleave", leave);
      element.removeEventListener("pointerdown", press, { capture: true });
    };
  }, [room, list, active, hand]);

  return {
    /** Whether the press that is under way met a list that moved. */
    swallows: (): boolean => {
      const { pressedMoving } = hand;
      hand.pressedMoving = false;
      return pressedMoving;
    },
  };
}
