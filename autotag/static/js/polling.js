// Asks again every second while there is something to wait for and somebody is looking, or slowly when asked to.
const EVERY = 1000;
const SLOWEST = 15000;

// `ask` resolves to whether to go on asking, or to after how many milliseconds; when it rejects, the next time is later.
export function poll(ask) {
  let delay = EVERY;
  let timer = 0;
  let soon = false;
  let busy = false;

  async function run() {
    timer = 0;
    if (document.hidden || busy) return;
    busy = true;
    let more = true;
    try {
      more = await ask();
      delay = EVERY;
    } catch {
      delay = Math.min(delay * 2, SLOWEST);
    }
    busy = false;
    if (more) schedule(more === true ? delay : more);
  }

  function schedule(after) {
    clearTimeout(timer);
    timer = setTimeout(run, after);
    soon = after <= delay;
  }

  function wake() {
    if (!busy && !(timer && soon)) schedule(delay);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) wake();
  });
  return { wake };
}

// Fetches JSON. A session that ended will not come back by asking, so that ends the asking: null.
export async function fetchJson(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (response.status === 401 || response.status === 404) return null;
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}
