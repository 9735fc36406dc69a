import { type ComponentType, type ReactNode, useEffect, useState } from "react";
import styles from "./later.module.css";

/** A part of the page that is fetched when it is first needed, and asked for again by hand when that failed. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): (props: P) => ReactNode {
  let known: ComponentType<P> | null = null;
  // biome-ignore lint/correctness/noComponentHookFactories: called once for each part, at module level.
  return function Later(props: P) {
    const [Part, setPart] = useState<ComponentType<P> | null>(() => known);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Part || failed) return;
      let here = true;
      load().then(
        (found) => {
          known = found;
          if (here) setPart(() => found);
        },
        () => here && setFailed(true),
      );
      return () => {
        here = false;
      };
    }, [Part, failed]);
    if (Part) return <Part {...props} />;
    if (!failed) return null;
    return (
      <p className={styles.failed} role="alert">
        This part of the page could not be loaded.{" "}
        <button type="button" onClick={() => setFailed(false)}>
          Try again
        </button>{" "}
        {/* A server that was renewed meanwhile no longer has the parts of this page. */}
        <button type="button" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </p>
    );
  };
}
