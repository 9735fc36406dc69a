export type Route = { page: "landing" } | { page: "room"; slug: string } | { page: "missing" };

export const landingPath = "/";
export const roomPath = (slug: string): string => `/r/${encodeURIComponent(slug)}`;

export function parseRoute(path: string): Route {
  if (path === "/" || path === "") return { page: "landing" };
  const match = /^\/r\/([^/]+)\/?$/.exec(path);
  if (!match?.[1]) return { page: "missing" };
  try {
    return { page: "room", slug: decodeURIComponent(match[1]).toLowerCase() };
  } catch {
    return { page: "missing" };
  }
}
