import { type FormEvent, useState } from "react";
import type { Session } from "../../client/session";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { Sheet } from "../../ui/sheet";
import { useWork } from "../../ui/use-work";
import styles from "./account.module.css";
import { passwordFault, strengthHint, USERNAME_HINT, usernameFault } from "./username-rule";

export type AccountIntent = "register" | "login";

interface Props {
  session: Session;
  intent: AccountIntent;
  /** What will be said once one is in. */
  keptText: string | null;
  onDone: () => void;
  onClose: () => void;
}

export function AccountSheet({ session, intent, keptText, onDone, onClose }: Props) {
  const [mode, setMode] = useState(intent);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [visible, setVisible] = useState(false);
  const [finished, setFinished] = useState({ username: false, password: false });
  const { busy, forget, problem, wrong, work } = useWork("username", "password");

  const registering = mode === "register";
  const nameFault = wrong("username") ?? (registering ? usernameFault(username, finished.username) : null);
  const wordFault = wrong("password") ?? (registering ? passwordFault(password, finished.password) : null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFinished({ username: true, password: true });
    forget();
    if (username === "" || password === "") return;
    if (registering && (usernameFault(username, true) ?? passwordFault(password, true)) !== null) return;
    const enter = () => (registering ? session.register(username, password) : session.login(username, password));
    if (await work(enter)) onDone();
  };

  const turn = (next: AccountIntent) => {
    setMode(next);
    forget();
    setFinished({ username: false, password: false });
  };

  return (
    <Sheet title={registering ? "Pick a name" : "Welcome back"} onClose={onClose}>
      {keptText !== null && (
        <p className={styles.kept}>
          “{keptText}” <span>is kept and sent right after.</span>
        </p>
      )}
      <form className={styles.form} onSubmit={submit} noValidate>
        <Field
          label="Name"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={username}
          wrong={nameFault}
          hint={registering ? USERNAME_HINT : ""}
          onChange={(event) => {
            setUsername(event.target.value);
            forget();
          }}
          onBlur={() => setFinished((now) => ({ ...now, username: username !== "" }))}
        />
        <Field
          label="Password"
          name="password"
          type={visible ? "text" : "password"}
          autoComplete={registering ? "new-password" : "current-password"}
          value={password}
          wrong={wordFault}
          hint={registering ? strengthHint(password) : ""}
          onChange={(event) => {
            setPassword(event.target.value);
            forget();
          }}
          onBlur={() => setFinished((now) => ({ ...now, password: password !== "" }))}
        />
        <label className={styles.check}>
          <input type="checkbox" checked={visible} onChange={(event) => setVisible(event.target.checked)} />
          Show password
        </label>
        <Problem text={problem} />
        <Button kind="primary" type="submit" disabled={busy}>
          {busy ? "One moment…" : registering ? (keptText === null ? "Join" : "Join and send") : "Log in"}
        </Button>
      </form>
      <p className={styles.turn}>
        {registering ? "Been here before? " : "No name yet? "}
        <button type="button" onClick={() => turn(registering ? "login" : "register")}>
          {registering ? "Log in" : "Pick one"}
        </button>
      </p>
    </Sheet>
  );
}
