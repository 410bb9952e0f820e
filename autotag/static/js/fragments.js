// Pieces of pages that the server rendered.
export function elementFrom(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// Fills a container only when that changes something, so that a picture is not loaded twice.
export function fill(container, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localizeTimes(template.content);
  if (template.innerHTML.trim() === container.innerHTML.trim()) return;
  container.replaceChildren(template.content);
}

const LOCAL_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });
const LOCAL_DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

// The server writes UTC; here the reader's own clock is known.
export function localizeTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.textContent;
    const moment = new Date(time.dateTime);
    if ("day" in time.dataset) time.title = LOCAL_TIME.format(moment);
    time.textContent = ("day" in time.dataset ? LOCAL_DAY : LOCAL_TIME).format(moment);
  }
}
