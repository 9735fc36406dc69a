import { useEffect, useState } from "react";
import { later } from "../ui/later";
import { ToastStack } from "../ui/toast-stack";
import { useSignal } from "../ui/use-signal";
import { LandingScreen } from "./landing-screen";
import { MissingPage } from "./missing-page";
import { type Panel, Panels } from "./panels";
import { roomScreen } from "./parts";
import { landingPath } from "./routes";
import type { Services } from "./services";

/** Who only looks at the landing page needs no room. */
const RoomScreen = later(roomScreen);

export function App({ services }: { services: Services }) {
  const route = useSignal(services.navigation.route);
  const look = useSignal(services.settings.state);
  const [panel, setPanel] = useState<Panel | null>(null);

  useEffect(() => {
    const { dataset, style } = document.documentElement;
    if (look.theme === "system") delete dataset.theme;
    else dataset.theme = look.theme;
    dataset.motion = look.reduceMotion ? "less" : "full";
    style.setProperty("--chat-size", `${look.textSize}px`);
  }, [look]);

  return (
    <>
      {route.page === "landing" && <LandingScreen services={services} open={setPanel} />}
      {route.page === "room" && <RoomScreen key={route.slug} services={services} slug={route.slug} open={setPanel} />}
      {route.page === "missing" && (
        <MissingPage what="There is nothing at this address." onHome={() => services.navigation.go(landingPath)} />
      )}
      <ToastStack toasts={services.toasts} />
      <Panels services={services} panel={panel} close={() => setPanel(null)} />
    </>
  );
}
