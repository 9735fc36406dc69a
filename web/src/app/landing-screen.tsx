import { useEffect } from "react";
import { Draft } from "../features/composer/draft";
import { LandingPage } from "../features/landing/landing-page";
import { Logo } from "../ui/logo";
import { AccountBar } from "./account-bar";
import styles from "./landing-screen.module.css";
import type { Panel } from "./panels";
import { roomPath } from "./routes";
import type { Services } from "./services";

export function LandingScreen({ services, open }: { services: Services; open: (panel: Panel) => void }) {
  useEffect(() => {
    document.title = "Twitchy";
  }, []);
  return (
    <LandingPage
      api={services.api}
      directory={services.directory}
      roomHref={roomPath}
      onEnter={(slug, typed) => {
        // The sentence tried out here is the first thing one might say there.
        if (typed !== "") new Draft(services.storage.ofTab, slug).write(typed);
        services.navigation.go(roomPath(slug));
      }}
      actions={
        <div className={styles.bar}>
          <Logo />
          <AccountBar session={services.session} open={open} form="full" />
        </div>
      }
    />
  );
}
