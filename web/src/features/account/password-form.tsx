import { type FormEvent, useState } from "react";
import type { Session } from "../../client/session";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { useWork } from "../../ui/use-work";
import styles from "./account.module.css";
import { passwordFault, strengthHint } from "./username-rule";

/** A new password, which is also how one logs out everywhere: all other browsers have to give it. */
export function PasswordForm({ session, onDone }: { session: Session; onDone: () => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [finished, setFinished] = useState(false);
  const { busy, forget, problem, wrong, work } = useWork("current_password", "new_password");

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFinished(true);
    forget();
    if (current === "" || passwordFault(next, true) !== null) return;
    if (await work(() => session.changePassword(current, next))) onDone();
  };

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Field
        label="Password now"
        type="password"
        autoComplete="current-password"
        autoFocus
        value={current}
        wrong={wrong("current_password")}
        onChange={(event) => {
          setCurrent(event.target.value);
          forget();
        }}
      />
      <Field
        label="New password"
        type="password"
        autoComplete="new-password"
        value={next}
        wrong={wrong("new_password") ?? passwordFault(next, finished)}
        hint={strengthHint(next)}
        onChange={(event) => {
          setNext(event.target.value);
          forget();
        }}
        onBlur={() => setFinished(next !== "")}
      />
      <Problem text={problem} />
      <p className={styles.small}>Every other browser and app is logged out. This one stays in.</p>
      <Button kind="ink" type="submit" disabled={busy}>
        {busy ? "One moment…" : "Change it and log out everywhere else"}
      </Button>
    </form>
  );
}
