import { type FormEvent, useState } from "react";
import type { Session } from "../../client/session";
import type { User } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { nameColorStyle } from "../../ui/name-color-style";
import { Problem } from "../../ui/problem";
import { Sheet } from "../../ui/sheet";
import { useWork } from "../../ui/use-work";
import styles from "./account.module.css";
import { PasswordForm } from "./password-form";

const COLORS = [
  "#FF4D6D",
  "#FF7F50",
  "#DAA520",
  "#9ACD32",
  "#2E8B57",
  "#00BFA5",
  "#1E90FF",
  "#5B7FFF",
  "#8A2BE2",
  "#C77DFF",
  "#FF69B4",
  "#8D99AE",
] as const;

interface Props {
  session: Session;
  user: User;
  onClose: () => void;
}

export function ProfileSheet({ session, user, onClose }: Props) {
  const [displayName, setDisplayName] = useState(user.display_name);
  const [color, setColor] = useState(user.color.toUpperCase());
  const [changing, setChanging] = useState(false);
  const { busy, problem, wrong, work } = useWork("display_name");
  const matches = displayName.toLowerCase() === user.username;
  const colors = COLORS.some((known) => known === color) ? COLORS : [color, ...COLORS];

  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (matches && (await work(() => session.updateProfile({ display_name: displayName, color })))) onClose();
  };

  if (changing)
    return (
      <Sheet title="New password" onClose={onClose}>
        <PasswordForm session={session} onDone={onClose} />
      </Sheet>
    );
  return (
    <Sheet title="You" onClose={onClose}>
      <form className={styles.form} onSubmit={save}>
        <p className={styles.sample}>
          <b className="name" style={nameColorStyle(color)}>
            {displayName}
          </b>
          : this is how your name looks
        </p>
        <Field
          label="Name as shown"
          value={displayName}
          spellCheck={false}
          autoCapitalize="none"
          wrong={matches ? wrong("display_name") : `It has to stay “${user.username}”, in any capitals.`}
          hint="Capitals are yours to choose."
          onChange={(event) => setDisplayName(event.target.value)}
        />
        <fieldset>
          <legend className={styles.legend}>Colour of your name</legend>
          <div className={styles.colors}>
            {colors.map((option) => (
              <label key={option} className={styles.color} title={option}>
                <input
                  type="radio"
                  name="color"
                  value={option}
                  checked={option === color}
                  onChange={() => setColor(option)}
                />
                <span style={{ background: option }} />
                <span className="visually-hidden">{option}</span>
              </label>
            ))}
          </div>
          <p className={styles.small}>Shown a little lighter or darker where it would be hard to read.</p>
        </fieldset>
        <Problem text={problem} />
        <Button kind="ink" type="submit" disabled={busy || !matches}>
          Save
        </Button>
        <Button onClick={() => setChanging(true)}>Change password, log out everywhere</Button>
        <Button
          kind="quiet"
          onClick={() => {
            void session.logout();
            onClose();
          }}
        >
          Log out
        </Button>
      </form>
    </Sheet>
  );
}
