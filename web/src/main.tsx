import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/app";
import { fetchAhead, roomScreen } from "./app/parts";
import { parseRoute } from "./app/routes";
import { createServices } from "./app/services";
import "./ui/fonts.css";
import "./ui/tokens.css";
import "./ui/base.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
// Under way before anything is rendered; whoever shows it says if it fails.
if (parseRoute(location.pathname).page === "room") roomScreen().catch(() => {});
for (const sign of ["pointermove", "touchstart", "keydown"]) addEventListener(sign, fetchAhead, { once: true });
createRoot(root).render(
  <StrictMode>
    <App services={createServices()} />
  </StrictMode>,
);
