import { Signal } from "../client/signal";

/**
 * Which emotes move, and whether they may now. One place for all pictures of the page: the app says what the room and
 * its reader want, pictures only look.
 */
export const motion = {
  moving: new Signal<ReadonlySet<string>>(new Set()),
  still: new Signal(false),
};
