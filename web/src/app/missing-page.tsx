import { Button } from "../ui/button";
import styles from "./missing-page.module.css";

interface Props {
  what: string;
  /** It was there, and may be again. */
  closed?: boolean;
  onHome: () => void;
}

export function MissingPage({ what, closed = false, onHome }: Props) {
  return (
    <main className={styles.page}>
      <h1>{what}</h1>
      <p>{closed ? "Nobody reads or writes there for now." : "The address may be mistyped, or the room was closed."}</p>
      <Button kind="ink" onClick={onHome}>
        See the rooms there are
      </Button>
    </main>
  );
}
