import { Signal } from "../client/signal";
import { parseRoute, type Route } from "./routes";

/** Two routes need no router: the address bar is the state. */
export class Navigation {
  readonly route = new Signal<Route>(parseRoute(location.pathname));

  constructor() {
    addEventListener("popstate", () => this.route.set(parseRoute(location.pathname)));
  }

  readonly go = (path: string): void => {
    if (path !== location.pathname) history.pushState(null, "", path);
    this.route.set(parseRoute(path));
  };
}
