// Runs before the first paint, so that a chosen theme does not flash in the other one.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("twitchy.settings") ?? "{}").theme;
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is blocked or holds something else: the system's theme it is.
  }
})();
