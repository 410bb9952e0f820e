// The frame around every page: theme, navigation, menus, notices.
function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // Forbidden storage costs the memory, not the choice.
  }
}

function startTheme() {
  const choice = document.querySelector("[data-theme-choice]");
  if (!choice) return;
  const root = document.documentElement;
  const show = () => {
    const current = root.dataset.bsTheme ?? "system";
    for (const button of choice.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === current));
    }
  };
  choice.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.value === "system") delete root.dataset.bsTheme;
    else root.dataset.bsTheme = button.value;
    remember("autotag-theme", root.dataset.bsTheme);
    show();
  });
  show();
}

function startNavigation() {
  const button = document.querySelector("[data-navigation-collapse]");
  if (!button) return;
  const root = document.documentElement;
  const show = () => {
    const narrow = root.dataset.navigation === "narrow";
    button.setAttribute("aria-expanded", String(!narrow));
    button.title = narrow ? "Widen the navigation" : "Collapse the navigation";
  };
  button.addEventListener("click", () => {
    if (root.dataset.navigation === "narrow") delete root.dataset.navigation;
    else root.dataset.navigation = "narrow";
    remember("autotag-navigation", root.dataset.navigation);
    show();
  });
  show();
}

function startMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

function startNotices() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-notice-close]");
    if (!button) return;
    button.closest("[data-notice]").remove();
    document.getElementById("content")?.focus();
  });
}

export function startFrame() {
  startTheme();
  startNavigation();
  startMenus();
  startNotices();
}
