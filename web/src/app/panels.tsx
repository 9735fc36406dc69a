import type { ReactNode } from "react";
import type { AccountIntent } from "../features/account/account-sheet";
import { later } from "../ui/later";
import { useSignal } from "../ui/use-signal";
import { accountSheet, profileSheet, roomSwitcher, settingsSheet } from "./parts";
import { roomPath } from "./routes";
import type { Services } from "./services";

/** What lies over the page; one at a time. */
export type Panel =
  | { kind: "account"; intent: AccountIntent; keptText?: string; onMember?: () => void }
  | { kind: "profile" }
  | { kind: "settings" }
  | { kind: "rooms"; current: string };

const AccountSheet = later(accountSheet);
const ProfileSheet = later(profileSheet);
const SettingsSheet = later(settingsSheet);
const RoomSwitcher = later(roomSwitcher);

interface Props {
  services: Services;
  panel: Panel | null;
  close: () => void;
}

export function Panels({ services, panel, close }: Props): ReactNode {
  const session = useSignal(services.session.state);
  switch (panel?.kind) {
    case "account":
      return (
        <AccountSheet
          session={services.session}
          intent={panel.intent}
          keptText={panel.keptText ?? null}
          onClose={close}
          onDone={() => {
            close();
            panel.onMember?.();
          }}
        />
      );
    case "profile":
      return session.kind === "member" ? (
        <ProfileSheet session={services.session} user={session.user} onClose={close} />
      ) : null;
    case "settings":
      return <SettingsSheet store={services.settings} highlights={services.highlights} onClose={close} />;
    case "rooms":
      return (
        <RoomSwitcher
          directory={services.directory}
          unread={services.unread}
          current={panel.current}
          roomHref={roomPath}
          onEnter={(slug) => services.navigation.go(roomPath(slug))}
          onClose={close}
        />
      );
    default:
      return null;
  }
}
