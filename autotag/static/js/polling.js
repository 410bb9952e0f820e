// Asks again every second while there is something to wait for and somebody is looking.
const EVERY = 1000;
const SLOWEST = 15000;

// `ask` resolves to whether to go on asking; when it rejects, the next time is later.
export function poll(ask) {
  let delay = EVERY;
  let timer = 0;
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
    if (more) schedule();
  }

  function schedule() {
    if (!timer && !busy) timer = setTimeout(run, delay);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) schedule();
  });
  return { wake: schedule };
}

// Fetches JSON. A session that ended will not come back by asking, so that ends the asking: null.
export async function fetchJson(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (response.status === 401 || response.status === 404) return null;
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}
