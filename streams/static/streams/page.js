// The page at /: prices by WebSocket, the state of the streams by asking every two seconds.
"use strict";

const $ = (id) => document.getElementById(id);
const STATUS_MS = 2000, PING_MS = 10000, SILENT_MS = 25000, SHORTEST_MS = 500, LONGEST_MS = 15000;
const REFUSED = new Set(["not_authenticated", "not_listed", "quota_spent", "stopped"]);
const TREND_POINTS = 90, TREND_MS = 1000;

// --- exact numbers ---------------------------------------------------------------------------------------------------
// JSON.parse would make a binary float of each number. So every number is put in quotes first: one pass that steps over
// strings, where digits mean nothing. What comes out holds each number as the text that was sent.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const exact = (text) => JSON.parse(text.replace(TOKENS, (token) => (token[0] === '"' ? token : `"${token}"`)));

// --- small tools -----------------------------------------------------------------------------------------------------
function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

function parts(topic) {
  const [exchange, stream] = topic.split(".", 2);
  return { exchange, stream, symbol: topic.slice(exchange.length + stream.length + 2) };
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const said = (value, unit = "") => (value === null || value === undefined ? "–" : `${value}${unit}`);
const titles = Object.fromEntries([...$("search-exchange").options].map((option) => [option.value, option.text]));
const titled = (code) => titles[code] || code;

async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  const body = exact(await answer.text());
  if (answer.status === 401 || answer.status === 403) signedOut();
  if (!answer.ok) throw new Error(body.error ? body.error.message : `HTTP ${answer.status}`);
  return body;
}

// --- figures ---------------------------------------------------------------------------------------------------------
// Shown digit by digit as sent. The fraction keeps the width of the longest seen, so that the point stays in its place.
class Figure {
  constructor(cell) {
    this.whole = element("span");
    this.fraction = element("span", { class: "fraction" });
    this.box = element("span", { class: "figure" }, this.whole, this.fraction);
    this.width = 0;
    this.text = null;
    cell.append(this.box);
  }

  show(text, flash = false) {
    if (text === this.text) return;
    const rose = compared(text, this.text);
    const [whole, fraction] = (text ?? "–").split(".");
    this.whole.textContent = whole;
    this.fraction.textContent = fraction ? `.${fraction}` : "";
    if (fraction && fraction.length > this.width) {
      this.width = fraction.length;
      this.fraction.style.minWidth = `calc(${this.width}ch + .3em)`;
    }
    if (flash && this.text !== null && rose) this.flash(rose > 0 ? "up" : "down");
    this.text = text;
  }

  flash(way) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.box.animate([{ backgroundColor: `var(--${way}-wash)`, color: `var(--${way})` }, {}], { duration: 700, easing: "ease-out" });
  }
}

// Below, numbers are read as floats: for a colour, a percentage and a line of pixels, never for a figure that is shown.
function compared(now, before) {
  return now === null || before === null || now === undefined || before === undefined ? 0 : Math.sign(now - before);
}

function change(last, open) {
  if (last === null || open === null || Number(open) === 0) return { text: "–", way: "" };
  const percent = ((last - open) / open) * 100;
  const sign = percent > 0 ? "+" : percent < 0 ? "−" : "";
  return { text: `${sign}${Math.abs(percent).toFixed(2)} %`, way: percent > 0 ? "up" : percent < 0 ? "down" : "" };
}

// --- one market's row ------------------------------------------------------------------------------------------------
const SVG = "http://www.w3.org/2000/svg";

class Row {
  constructor(topic) {
    const { exchange, symbol } = parts(topic);
    const cell = (name, label) => element("td", { class: `number ${name}`, ...(label ? { "data-label": label } : {}) });
    this.cells = { last: cell("last"), change: cell("change"), bid: cell("bid", "Bid"), ask: cell("ask", "Ask"), volume: cell("volume", "Volume 24 h") };
    this.figures = Object.fromEntries(["last", "bid", "ask", "volume"].map((name) => [name, new Figure(this.cells[name])]));
    this.note = element("small", { text: titled(exchange) });
    this.exchange = titled(exchange);
    this.line = document.createElementNS(SVG, "polyline");
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", "0 0 108 30");
    picture.setAttribute("aria-hidden", "true");
    picture.append(this.line);
    this.trend = element("td", { class: "trend" }, picture);
    this.points = [];
    this.drawnMs = 0;
    const drop = element("button", { type: "button", class: "drop", "aria-label": `Unsubscribe from ${symbol} on ${titled(exchange)}`, title: "Unsubscribe", text: "×" });
    drop.addEventListener("click", () => forget(topic));
    const market = element("th", { scope: "row", class: "market" }, element("b", { text: symbol }), this.note);
    this.node = element("tr", { "data-topic": topic }, market, ...Object.values(this.cells), this.trend, element("td", { class: "drop-cell" }, drop));
  }

  show(event) {
    this.figures.last.show(event.last_price, true);
    this.figures.bid.show(event.bid_price, true);
    this.figures.ask.show(event.ask_price, true);
    this.figures.volume.show(event.volume_24h);
    const { text, way } = change(event.last_price, event.open_24h);
    write(this.cells.change, text);
    this.cells.change.className = `number change ${way}`;
    this.draw(event.last_price);
  }

  say(text, refused = false) {
    write(this.note, text ? `${this.exchange} · ${text}` : this.exchange);
    this.note.className = refused ? "word refused" : "";
    this.node.classList.toggle("old", text !== "");
  }

  draw(price) {
    const now = performance.now();
    if (price === null) return;
    if (now - this.drawnMs >= TREND_MS || this.points.length < 2) {
      this.points = [...this.points, Number(price)].slice(-TREND_POINTS);
      this.drawnMs = now;
    } else this.points[this.points.length - 1] = Number(price);
    const low = Math.min(...this.points), span = Math.max(...this.points) - low || 1;
    const step = 108 / Math.max(1, this.points.length - 1);
    this.line.setAttribute("points", this.points.map((value, at) => `${(at * step).toFixed(1)},${(28 - ((value - low) / span) * 26).toFixed(1)}`).join(" "));
    this.trend.className = `trend ${["down", "", "up"][1 + compared(this.points.at(-1), this.points[0])]}`;
  }
}

// --- what is shown ---------------------------------------------------------------------------------------------------
const rows = new Map(); // topic -> Row
const fresh = new Map(); // topic -> its newest ticker that is not drawn yet
const KEPT = "market-data.topics";

function remembered() {
  const given = document.body.dataset.topics.split(" ");
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT));
    return Array.isArray(kept) ? kept.filter((topic) => /^[^.]+\.ticker\../.test(topic)) : given;
  } catch {
    return given;
  }
}

function remember() {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...rows.keys()]));
  } catch {
    // a browser that keeps nothing shows the pinned markets next time
  }
}

function add(topic) {
  if (rows.has(topic)) return;
  rows.set(topic, new Row(topic));
  $("price-rows").append(rows.get(topic).node);
  $("price-empty").hidden = true;
  send({ action: "subscribe", topics: [topic] });
}

function forget(topic) {
  const row = rows.get(topic);
  const next = row.node.nextElementSibling || row.node.previousElementSibling;
  row.node.remove();
  rows.delete(topic);
  fresh.delete(topic);
  remember();
  $("price-empty").hidden = rows.size > 0;
  (next ? next.querySelector("button") : $("search-text")).focus();
  send({ action: "unsubscribe", topics: [topic] });
}

// However fast events come, each market is drawn once a frame, and a hidden page draws nothing.
let asked = false;
function draw() {
  asked = false;
  for (const [topic, event] of fresh) rows.get(topic)?.show(event);
  fresh.clear();
}

function hear(message) {
  if (message.event === "ticker") {
    if (!rows.has(message.topic)) return;
    fresh.set(message.topic, message);
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  } else if (message.event === "status") {
    const refused = REFUSED.has(message.status);
    rows.get(message.topic)?.say(message.status === "live" ? "" : refused ? `${message.status}: ${message.detail}` : message.status, refused);
  } else if (message.result === false) {
    // The same code where a source wants keys for a market: then the message names the pair.
    if (message.error.code === "not_authenticated" && !message.error.message.startsWith("pair:")) signedOut();
    rows.get(message.subscription)?.say(message.error.message, true);
  } else if (message.action === "subscribe") remember();
}

// --- connection ------------------------------------------------------------------------------------------------------
let socket = null, attempt = 0, retry = null, heardMs = 0, out = false;

function state(name, text) {
  $("connection").dataset.state = document.body.dataset.connection = name;
  write($("connection-text"), text);
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  clearTimeout(retry);
  if (out || (socket && socket.readyState <= WebSocket.OPEN)) return;
  state("connecting", attempt ? "Reconnecting" : "Connecting");
  const opened = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream/`);
  socket = opened;
  opened.onopen = () => {
    heardMs = performance.now();
    if (rows.size) send({ action: "subscribe", topics: [...rows.keys()] });
    state("live", "Live");
  };
  opened.onmessage = (frame) => {
    heardMs = performance.now();
    attempt = 0;
    hear(exact(frame.data));
  };
  opened.onclose = (closed) => {
    if (socket !== opened) return;
    if (closed.code === 4401 || closed.code === 4403) signedOut();
    else later();
  };
}

function later() {
  const waitMs = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** attempt) * (0.75 + Math.random() / 2);
  attempt += 1;
  state("away", waitMs < 1500 ? "Reconnecting" : `Disconnected, trying again in ${Math.round(waitMs / 1000)} s`);
  clearTimeout(retry);
  retry = setTimeout(connect, waitMs);
}

// A connection that died without a word is noticed by the answer to a ping that does not come.
function watch() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  if (performance.now() - heardMs < SILENT_MS) {
    send({ action: "ping" });
    return;
  }
  const dead = socket;
  socket = null;
  dead.close();
  later();
}

function signedOut() {
  if (out) return;
  out = true;
  state("signed-out", "Signed out: ");
  $("connection-text").append(element("a", { href: document.body.dataset.login, text: "sign in" }));
}

// --- search ----------------------------------------------------------------------------------------------------------
const box = $("search-text"), list = $("search-results");
let chosen = -1, turn = 0, typing = null, answered = ""; // `answered`: what the list is an answer to

function options() {
  return [...list.querySelectorAll("[role=option]")];
}

function choose(index) {
  const all = options();
  chosen = all.length ? (index + all.length) % all.length : -1;
  all.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
  all[chosen]?.scrollIntoView({ block: "nearest" });
  if (chosen < 0) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", all[chosen].id);
}

function open(...items) {
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
  box.setAttribute("aria-expanded", String(!list.hidden));
  choose(0);
}

function option(market, at) {
  const topic = `${market.exchange}.ticker.${market.symbol}`;
  const about = `${titled(market.exchange)} · ${market.kind}${market.status === "trading" ? "" : ` · ${market.status}`}`;
  const act = element("span", { class: "act", text: rows.has(topic) ? "shown" : "subscribe" });
  const made = element("li", { role: "option", id: `option-${at}`, "data-topic": topic }, element("b", { text: market.symbol }), element("span", { text: about }), act);
  made.addEventListener("mousemove", () => at !== chosen && choose(at));
  made.addEventListener("mousedown", (event) => event.preventDefault());
  made.addEventListener("click", () => pick(topic));
  return made;
}

function pick(topic) {
  add(topic);
  box.value = "";
  open();
}

async function search() {
  const asked = ++turn, text = box.value.trim();
  if (!text) return open();
  const query = new URLSearchParams({ search: text, limit: 20, ...($("search-exchange").value && { exchange: $("search-exchange").value }) });
  let items;
  try {
    const { results } = await get(`/api/v1/symbols/?${query}`);
    const listed = results.filter((market) => market.status !== "delisted");
    items = listed.length ? listed.map(option) : [element("li", { class: "said", text: "No market of this name." })];
  } catch (error) {
    items = [element("li", { class: "said", text: `The search failed: ${error.message}` })];
  }
  if (asked !== turn) return;
  answered = text;
  open(...items);
}

function soon() {
  clearTimeout(typing);
  typing = setTimeout(search, 150);
}

box.addEventListener("input", soon);
box.addEventListener("focus", () => box.value && soon());
box.addEventListener("blur", () => open());
$("search-exchange").addEventListener("change", () => box.value && box.focus());
box.addEventListener("keydown", (event) => {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move && !list.hidden) {
    event.preventDefault();
    choose(chosen + move);
  } else if (event.key === "Escape") {
    box.value = "";
    open();
  }
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const found = options()[chosen];
  if (found && answered === box.value.trim()) pick(found.dataset.topic);
  else search();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  event.preventDefault();
  box.focus();
});

// --- the state of the streams ----------------------------------------------------------------------------------------
const drawn = new Map(); // table and key -> its row's cells

function fill(id, found, key, cells) {
  const body = $(id), seen = new Set();
  found.forEach((each, at) => {
    const name = `${id} ${each[key]}`;
    seen.add(name);
    if (!drawn.has(name)) drawn.set(name, element("tr"));
    const row = drawn.get(name);
    cells(each).forEach((made, column) => {
      const old = row.children[column];
      if (!old) row.append(made);
      else if (!old.isEqualNode(made)) old.replaceWith(made);
    });
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] || null);
  });
  for (const [name, row] of drawn) {
    if (!name.startsWith(`${id} `) || seen.has(name)) continue;
    row.remove();
    drawn.delete(name);
  }
}

const number = (text, label, name = "") => element("td", { class: `number ${name}`, text, ...(label ? { "data-label": label } : {}) });

function ago(timeMs, nowMs) {
  if (timeMs === null) return "–";
  const seconds = Math.max(0, (nowMs - timeMs) / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s ago`;
  return seconds < 120 ? `${Math.round(seconds)} s ago` : `${Math.round(seconds / 60)} min ago`;
}

const compare = (a, b, name) => (a[name] < b[name] ? -1 : Number(a[name] > b[name]));

function streamCells(stream, nowMs) {
  const market = element("th", { scope: "row", class: "market" }, element("b", { text: stream.symbol }), element("small", { text: titled(stream.exchange) }));
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  const word = element("span", { class: "state", "data-state": stream.status }, dot, element("span", { text: stream.detail && stream.status !== "live" ? `${stream.status}: ${stream.detail}` : stream.status }));
  return [
    market,
    element("td", { class: "name" }, element("span", { class: "stream-name", text: stream.stream })),
    element("td", { class: "state-cell word" }, word),
    number(said(stream.rate, " /s"), "Rate"),
    number(said(stream.lag_ms, " ms"), "Lag"),
    number(stream.gaps, "Gaps"),
    number(stream.seq === "0" ? "–" : stream.seq, null, "position soft"),
    number(ago(stream.last_event_time, nowMs), "Last event", "soft"),
  ];
}

// The limit of which the least is left, as a part of it.
function requestsLeft(limits, nowMs) {
  const part = (limit) => limit.left / limit.amount;
  const least = [...limits].sort((a, b) => part(a) - part(b))[0];
  if (!least) return [];
  const title = `in ${least.window_s} s; anew ${until(least.reset_time, nowMs)}`;
  return [element("small", { class: "left", title, text: `${least.left} of ${least.amount} requests left` })];
}

function troubled(trouble, nowMs) {
  const again = trouble.again_time === null ? "" : `; asked again ${until(trouble.again_time, nowMs)}`;
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  return element("small", { class: "state trouble", "data-state": trouble.state }, dot, element("span", { text: `${trouble.state}: ${trouble.detail}${again}` }));
}

function until(timeMs, nowMs) {
  const minutes = Math.ceil((timeMs - nowMs) / 60000);
  return minutes < 120 ? `in ${minutes} min` : `in ${Math.round(minutes / 60)} h`;
}

function tile(id, figure, unit = "") {
  $(id).replaceChildren(String(figure), ...(unit ? [element("small", { text: unit })] : []));
}

function showStatus(status) {
  const { exchanges, loops } = status;
  const streams = [...status.streams].sort((a, b) => compare(a, b, "exchange") || compare(a, b, "symbol") || compare(a, b, "stream"));
  fill("stream-rows", streams, "topic", (stream) => streamCells(stream, status.time));
  fill("exchange-rows", exchanges, "exchange", (each) => [
    element("th", { scope: "row" }, titled(each.exchange), ...requestsLeft(each.requests, status.time), ...each.troubles.map((trouble) => troubled(trouble, status.time))),
    number(`${each.connected} of ${each.connections}`),
    number(each.rejected),
  ]);
  fill("loop-rows", loops, "loop", (each) => [element("th", { scope: "row", text: each.host }), number(each.pid), number(each.shards), number(each.topics)]);
  $("stream-empty").hidden = streams.length > 0;
  $("loop-empty").hidden = loops.length > 0;
  const sum = (some, name) => some.reduce((total, each) => total + Number(each[name] ?? 0), 0);
  const lags = streams.filter((each) => each.lag_ms !== null).map((each) => Number(each.lag_ms));
  tile("tile-streams", streams.filter((each) => each.status === "live").length, `of ${streams.length}`);
  tile("tile-rate", Math.round(sum(streams, "rate")));
  tile("tile-lag", lags.length ? Math.max(...lags) : "–", lags.length ? "ms" : "");
  tile("tile-connections", sum(exchanges, "connected"), `of ${sum(exchanges, "connections")}`);
}

function statusNote(text) {
  write($("streams-note"), text);
  for (const node of document.querySelectorAll(".tiles, .streams, .pair table")) node.classList.toggle("old", text !== "");
}

async function askStatus() {
  if (!document.hidden) {
    try {
      showStatus(await get("/api/v1/status/"));
      statusNote("");
    } catch (error) {
      statusNote(`The state cannot be read: ${error.message}`);
    }
  }
  if (!out) setTimeout(askStatus, STATUS_MS);
}

// --- start -----------------------------------------------------------------------------------------------------------
remembered().forEach(add);
$("price-empty").hidden = rows.size > 0;
connect();
askStatus();
setInterval(watch, PING_MS);
addEventListener("online", () => { attempt = 0; connect(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) connect(); });
