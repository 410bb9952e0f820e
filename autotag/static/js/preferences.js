// Runs before the first paint, so that a remembered theme or navigation does not flash the other one.
(() => {
  const root = document.documentElement;
  root.dataset.scripts = "starting";
  // Every module has run by then, so that a control which needs one is not there to be pressed in vain.
  document.addEventListener("DOMContentLoaded", () => {
    root.dataset.scripts = "on";
  });
  try {
    const theme = localStorage.getItem("autotag-theme");
    if (theme === "light" || theme === "dark") root.dataset.bsTheme = theme;
    if (localStorage.getItem("autotag-navigation") === "narrow") root.dataset.navigation = "narrow";
  } catch {
    // Storage can be forbidden; then the system's theme and the wide navigation it is.
  }
})();
