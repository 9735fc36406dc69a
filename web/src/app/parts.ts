/** Parts of the page that come when they are needed. */
export const roomScreen = () => import("./room-screen").then((part) => part.RoomScreen);
export const accountSheet = () => import("../features/account/account-sheet").then((part) => part.AccountSheet);
export const profileSheet = () => import("../features/account/profile-sheet").then((part) => part.ProfileSheet);
export const settingsSheet = () => import("./settings-sheet").then((part) => part.SettingsSheet);
export const roomSwitcher = () => import("../features/rooms/room-switcher").then((part) => part.RoomSwitcher);

/** Someone is there: what they may open next is fetched while nothing else is to be done. */
export function fetchAhead(): void {
  const idle = globalThis.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 2_000));
  idle(() => {
    for (const part of [roomScreen, accountSheet, settingsSheet, roomSwitcher, profileSheet])
      part().catch(() => {
        // Asked for again when it is opened.
      });
  });
}
