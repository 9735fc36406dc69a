import { Button } from "../ui/button";
import styles from "./missing-page.module.css";

export function MissingPage({ what, onHome }: { what: string; onHome: () => void }) {
  return (
    <main className={styles.page}>
      <h1>{what}</h1>
      <p>The address may be mistyped, or the room was closed.</p>
      <Button kind="ink" onClick={onHome}>
        See the rooms there are
      </Button>
    </main>
  );
}
