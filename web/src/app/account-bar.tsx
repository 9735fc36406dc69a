import type { Session } from "../client/session";
import { Button, IconButton } from "../ui/button";
import { Icon } from "../ui/icon";
import { nameColorStyle } from "../ui/name-color-style";
import { useSignal } from "../ui/use-signal";
import styles from "./account-bar.module.css";
import type { Panel } from "./panels";

interface Props {
  session: Session;
  open: (panel: Panel) => void;
  /** `icons` where there is room for no more. */
  form: "full" | "icons";
}

export function AccountBar({ session, open, form }: Props) {
  const state = useSignal(session.state);
  return (
    <div className={styles.bar} data-form={form}>
      {state.kind === "member" ? (
        <button
          type="button"
          className={styles.me}
          onClick={() => open({ kind: "profile" })}
          title="Your name and colour"
        >
          {form === "icons" ? (
            <Icon name="person" />
          ) : (
            <bdi className="name" style={nameColorStyle(state.user.color)}>
              {state.user.display_name}
            </bdi>
          )}
          <span className="visually-hidden">, your profile</span>
        </button>
      ) : form === "icons" ? (
        <IconButton label="Log in" onClick={() => open({ kind: "account", intent: "login" })}>
          <Icon name="person" />
        </IconButton>
      ) : (
        <Button onClick={() => open({ kind: "account", intent: "login" })}>Log in</Button>
      )}
      <IconButton label="Settings" onClick={() => open({ kind: "settings" })}>
        <Icon name="sliders" />
      </IconButton>
    </div>
  );
}
