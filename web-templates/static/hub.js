// hub.js: keeps a page true while it is open. Pages work without it; it never shows what the hub did not say.
//
// One event stream for each tab, paused while the tab is hidden. A reading patches its place at once. Any
// other change fetches the page anew, at most once a second, and takes over what differs: focus, what is
// being typed and what is opened stay. Forms are sent in the background and answered by the page itself.
"use strict";
(() => {
  const html = document.documentElement;
  const main = document.getElementById("main");
  const live = document.querySelector(".live");
  const status = live.querySelector("[role=status]");
  // The hub's clock counts, not this machine's.
  let ahead = Number(html.dataset.now) - Date.now();
  let stream = null;
  let timer = null;
  let fetchedAt = 0;
  let wanted = 0;
  let lostAt = null;

  const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

  // ---- ages: the same words as the hub's ----
  const span = (ms) => {
    const two = (large, l, small, s) => (small ? `${large} ${l} ${small} ${s}` : `${large} ${l}`);
    const s = Math.floor(ms / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60);
    if (m < 1) return `${s} s`;
    if (h < 1) return `${m} min`;
    return h < 24 ? two(h, "h", m % 60, "min") : two(Math.floor(h / 24), "d", h % 24, "h");
  };
  const age = (at) => {
    const ms = Math.max(0, Date.now() + ahead - at);
    return span(ms) + (ms < 60000 ? " ago" : " old");
  };
  const tellAge = (time) => { time.textContent = age(Number(time.dataset.age)); };
  const tellAges = () => document.querySelectorAll("[data-age]").forEach(tellAge);

  const tellLeft = (time) => {
    const ms = Math.max(0, Number(time.dataset.left) - Date.now() - ahead), s = Math.ceil(ms / 1000);
    time.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} left`;
  };
  const tellAllLeft = () => document.querySelectorAll("[data-left]").forEach(tellLeft);
  tellAllLeft();
  setInterval(tellAllLeft, 1000);

  // ---- a reading patches its place ----
  const wash = (element) => {
    element.classList.remove("changed");
    void element.offsetWidth;
    element.classList.add("changed");
  };
  const patch = (place, reading) => {
    // An old, unknown or desired value looks different: that comes from the hub.
    const whole = "whole" in place.dataset || place.matches(".old, :has(.stale, .val.unknown, [data-reported])");
    const each = (what, change) => place.querySelectorAll(what).forEach(change);
    each("[data-v=text]", (text) => { text.textContent = reading.text; });
    each("[data-v=number]", (data) => {
      data.value = reading.value;
      data.textContent = reading.number;
    });
    each(".gauge", (gauge) => gauge.setAttribute("aria-label", reading.text));
    each(".arc", (arc) => arc.setAttribute("stroke-dasharray", `${reading.part} 100`));
    each("[data-bar]", (bar) => bar.setAttribute("width", `${reading.part}%`));
    each("[data-mark]", (mark) => { mark.setAttribute("x", `${reading.part}%`); mark.textContent = reading.text; });
    each("[type=range]", (range) => range.setAttribute("value", reading.value));
    each("[aria-pressed]", (one) => one.setAttribute("aria-pressed", String(one.value === reading.value)));
    each("[role=switch]", (toggle) => {
      if ("reported" in toggle.dataset || "want" in toggle.dataset) return;
      toggle.setAttribute("aria-checked", String(reading.value));
      toggle.value = String(!reading.value);
      toggle.querySelector("[data-word]").textContent = reading.value ? toggle.dataset.on : toggle.dataset.off;
    });
    each("[data-age]", (time) => {
      time.dataset.age = reading.measured;
      time.dateTime = new Date(reading.measured).toISOString();
      tellAge(time);
    });
    wash(place.querySelector(".val, [role=switch], b") ?? place);
    if (whole) refresh();
  };
  const onReading = (event) => {
    const reading = JSON.parse(event.data);
    const series = `${reading.node}/${reading.module}/${reading.channel}`;
    document.querySelectorAll(`[data-series="${CSS.escape(series)}"]`).forEach((place) => patch(place, reading));
    changed(event);
  };
  const changed = () => {
    const time = document.querySelector("[data-change]");
    if (time) time.textContent = clock(Date.now());
  };

  // ---- the page anew, without moving what is being read ----
  const morph = (from, to) => {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.id !== to.id) {
      from.replaceWith(to);
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && name !== "open" && name !== "hidden") from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && name !== "open") from.setAttribute(name, value);
    }
    if (from.nodeName === "SELECT" && from === document.activeElement) return;
    children(from, [...to.childNodes]);
  };
  const children = (parent, next) => {
    // What has an id is found again wherever it went; the rest is compared in order.
    let at = parent.firstChild;
    for (const child of next) {
      const same = child.id ? [...parent.children].find((known) => known.id === child.id) : null;
      if (same && same !== at) parent.insertBefore(same, at);
      const known = same ?? at;
      if (!known) { parent.append(child); continue; }
      at = known.nextSibling;
      morph(known, child);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };
  const takeOver = (text, refusals = "keep") => {
    // A refusal stays beside its control until the next form is sent.
    const said = refusals === "keep" ? [...main.querySelectorAll("[role=alert]")] : [];
    const places = said.map((alert) => [alert.closest("[id]").id, alert]);
    const page = new DOMParser().parseFromString(text, "text/html");
    ahead = Number(page.documentElement.dataset.now) - Date.now();
    for (const section of document.querySelectorAll("[data-live]")) {
      const next = page.getElementById(section.id);
      if (next) morph(section, next);
    }
    for (const [id, alert] of places) document.getElementById(id)?.append(alert);
    document.title = page.title;
    tellAges();
    tellAllLeft();
  };
  const load = async () => {
    timer = null;
    fetchedAt = Date.now();
    const mine = ++wanted;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      // Whoever was logged out meanwhile is asked who they are.
      if (answer.redirected) { location.reload(); return; }
      const text = await answer.text();
      if (mine === wanted && answer.ok) takeOver(text);
    } catch { off(); }
  };
  const refresh = () => {
    changed();
    // What was asked once, and takes its time, is not asked again because something has changed.
    if ("still" in main.dataset) return;
    if (!timer && !document.hidden) timer = setTimeout(load, Math.max(50, fetchedAt + 1000 - Date.now()));
  };

  // ---- forms: sent in the background, answered by the page ----
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post" || "plain" in form.dataset) return;
    event.preventDefault();
    const fields = new FormData(form, event.submitter);
    const file = form.enctype === "multipart/form-data";
    const body = file ? fields : new URLSearchParams(fields);
    const mine = ++wanted;
    clearTimeout(timer);
    timer = null;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      const text = await answer.text();
      const there = new URL(answer.url);
      // A refused value comes back on its page; whatever is about another page is opened there.
      if (there.pathname !== location.pathname && answer.redirected) { location.assign(there); return; }
      // A file is not sent twice: why it was refused stands on the page.
      if (file) { refresh(); return; }
      if (!answer.redirected && !form.querySelector("[name=back]")) { form.submit(); return; }
      form.closest("[popover]")?.hidePopover();
      if (mine === wanted || !answer.redirected) takeOver(text, "replace"); else refresh();
      // Whoever refuses a file may do so before all of it was sent.
    } catch { if (file) refresh(); else off(); }
  });

  // ---- the stream ----
  const on = () => {
    lostAt = null;
    live.hidden = false;
    live.removeAttribute("data-state");
    status.textContent = "Live";
    document.querySelector(".banner")?.remove();
  };
  const off = () => {
    if (lostAt || document.hidden) return;
    lostAt = Date.now();
    const words = `Not connected since ${clock(lostAt)}. Values are from then.`;
    live.hidden = false;
    live.dataset.state = "off";
    status.textContent = words;
    main.prepend(Object.assign(document.createElement("p"), { className: "banner", textContent: words }));
  };
  const connect = () => {
    if (stream) return;
    stream = new EventSource("/events");
    // Whatever happened while nobody listened must be looked at.
    stream.onopen = () => { const missed = lostAt || fetchedAt || Date.now() + ahead - html.dataset.now > 2000; on(); if (missed) refresh(); };
    stream.onerror = () => { off(); if (stream.readyState === EventSource.CLOSED) { pause(); load(); setTimeout(connect, 5000); } };
    stream.addEventListener("reading", onReading);
    for (const name of ["node", "modules", "command", "joining", "gone", "notice", "store", "resync"]) stream.addEventListener(name, refresh);
  };
  const pause = () => { stream?.close(); stream = null; };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { pause(); } else { connect(); refresh(); }
  });
  addEventListener("pagehide", pause);
  addEventListener("pageshow", () => { if (!document.hidden) connect(); });
  setInterval(tellAges, 10000);
  setInterval(() => { if (!document.hidden && stream) refresh(); }, 60000);
})();
