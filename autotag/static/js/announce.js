// Says something to people who listen to the page, without moving them from where they are.
export function announce(text) {
  const region = document.querySelector("[data-announcements]");
  if (region && text) region.textContent = text;
}
