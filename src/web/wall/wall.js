// The wallboard: draws the board that the feed holds. Names are data: they reach the page by textContent only.
import { follow } from './feed.js';
import { whyAgent, whyQueue } from './why.js';
import { fill, words } from './words.js';

const $ = (id) => document.getElementById(id);
const theme = new URLSearchParams(location.search).get('theme');
if (theme) document.documentElement.dataset.theme = theme;
document.documentElement.lang = words.locale;

const ICONS = {
  warn: 'M12 3 2.6 20h18.8L12 3Zm0 7v4m0 3v.5', alert: 'M8.2 2.5h7.6l5.7 5.7v7.6l-5.7 5.7H8.2l-5.7-5.7V8.2ZM12 7v6m0 3v.5',
  ready: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z',
  ringing: 'M6 9a6 6 0 0 1 12 0c0 6 2.5 7.5 2.5 7.5h-17S6 15 6 9Zm4 11a2.2 2.2 0 0 0 4 0',
  talking: 'M21 16.5v3a2 2 0 0 1-2.2 2A18.5 18.5 0 0 1 2.5 5.2A2 2 0 0 1 4.5 3h3l2 5-2.2 1.5a13 13 0 0 0 7.2 7.2L16 14.5ZM14 3a7 7 0 0 1 7 7M14 7a3 3 0 0 1 3 3',
  holding: 'M6 4h4v16H6ZM14 4h4v16h-4Z', 'wrap-up': 'M4 20l1-5L16 4l4 4L9 19ZM12 20h8', paused: 'M4 9h13v6a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5ZM17 10h2a2.5 2.5 0 0 1 0 5h-2M8 3v2M12 3v2',
  'logged-out': 'M4 12h16', task: 'M5 3h14v18H5ZM9 8h6M9 12h6M9 16h4',
};
ICONS.offered = ICONS.ringing; ICONS.outbound = ICONS.talking; ICONS.consulting = ICONS.talking;

function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === 'style') Object.assign(node.style, value);
    else if (key === 'class') node.className = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

function svg(d, viewBox = '0 0 24 24', extra = {}) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  node.setAttribute('viewBox', viewBox);
  node.setAttribute('aria-hidden', 'true');
  for (const [key, value] of Object.entries(extra)) node.setAttribute(key, value);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', d);
  if (!extra.class) for (const [k, v] of Object.entries({ fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-linejoin': 'round', 'stroke-linecap': 'round' })) path.setAttribute(k, v);
  node.append(path);
  return node;
}

const percent = (tenths) => new Intl.NumberFormat(words.locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(tenths / 10) + ' %';
const clockText = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
};
const badge = (level) => level === 'ok' ? null
  : el('span', { class: `pill ${level}` }, svg(ICONS[level === 'alert' ? 'alert' : 'warn']), words[level]);
const sign = (level) => level === 'ok' ? null : svg(ICONS[level === 'alert' ? 'alert' : 'warn']);

function bar(pct, target) {
  return el('span', { class: 'bar' }, el('i', { style: { width: `${Math.min(100, pct)}%` } }), el('u', { style: { left: `${target}%` } }));
}

function tile(id, heading, level, big, ...foot) {
  const node = $(id);
  node.className = `tile ${level === 'ok' ? '' : level}`;
  const h2 = el('h2', { id: `${id}-h` }, heading);
  node.replaceChildren(el('div', { class: 'head' }, h2, badge(level)), big, el('div', { class: 'foot' }, ...foot));
}

function bold(text) { return el('b', {}, String(text)); }

function spark(points) {
  const top = Math.max(1, ...points);
  const d = points.map((p, i) => `${i ? 'L' : 'M'}${(i * 100 / Math.max(1, points.length - 1)).toFixed(1)} ${(28 - p * 26 / top).toFixed(1)}`).join('');
  return svg(d || 'M0 28', '0 0 100 30', { class: 'spark', preserveAspectRatio: 'none' });
}

let skew = 0; // server clock minus ours, ms
const since = (ms) => Date.now() + skew - ms;

function drawTiles(board) {
  const { waiting, longest, service, agents } = board;
  tile('waiting', words.waiting, waiting.level, el('div', { class: 'big' }, String(waiting.now)),
    el('span', {}, `${words.peak} `, bold(waiting.peak)), spark(waiting.spark));
  const wait = longest.since ? clockText(since(longest.since)) : '0:00';
  tile('longest', words.longest, longest.level, el('div', { class: 'big', 'data-since': longest.since ?? '' }, wait),
    el('span', {}, longest.queue ? `${longest.queue} · ${words.target} ` : `${words.target} `, bold(`≤ ${clockText(longest.target_s * 1000)}`)));
  const pct = service.pct ?? null;
  tile('service', words.service, service.level, el('div', { class: 'big' }, pct === null ? '–' : String(pct), el('small', {}, '%')),
    bar(pct ?? 0, service.target_pct), el('span', {}, `${words.target} `, bold(`${service.target_pct} %`), ` ${fill(words.inS, service.threshold_s)}`));
  drawAgents(agents);
}

function drawAgents(agents) {
  const parts = ['ready', 'talking', 'ringing', 'holding', 'wrap-up', 'task', 'paused'];
  const colour = { ready: '--ok', talking: '--talk', ringing: '--ring', holding: '--ring', 'wrap-up': '--wrap', task: '--wrap', paused: '--pause' };
  const stack = el('div', { class: 'stack' }, ...parts.filter((p) => agents.by[p]).map((p) => el('i', { style: { flex: String(agents.by[p]), background: `var(${colour[p]})` } })));
  const legend = el('div', { class: 'legend' }, ...Object.entries(words.legend).filter(([p]) => agents.by[p])
    .map(([p, word]) => el('span', {}, svg(ICONS[p]), bold(agents.by[p]), word)));
  legend.querySelectorAll('svg').forEach((icon, i) => icon.classList.add(Object.keys(words.legend).filter((p) => agents.by[p])[i]));
  $('agents').replaceChildren(el('div', { class: 'head' }, el('h2', { id: 'agents-h' }, words.agents)),
    el('div', { class: 'big' }, String(agents.by.ready ?? 0), el('span', {}, words.free, el('br'), fill(words.of, agents.of))), el('div', {}, stack, legend));
}

function drawQueues(board) {
  const head = [words.queue, words.hWaiting, words.hLongest, words.service, words.abandoned, words.freeOf];
  const rows = Object.entries(board.queues).sort(([, a], [, b]) => a.order - b.order).map(([id, q]) => {
    const longest = q.longest_since ? clockText(since(q.longest_since)) : '–';
    const meter = el('span', { class: `meter ${q.service_level}` }, sign(q.service_level), q.pct === undefined ? '–' : `${q.pct} %`, bar(q.pct ?? 0, q.target_pct));
    return el('tr', { class: q.longest_level === 'alert' || q.service_level === 'alert' ? 'alert' : '' },
      el('td', {}, el('button', opens('queue', id, q.shown), bold(q.shown)), el('small', {}, `${q.target_pct} / ${q.threshold_s} s${q.then ? ` · ${fill(words.then, q.then)}` : ''}`)),
      el('td', { class: `count ${q.waiting ? '' : 'none'}` }, String(q.waiting),
        ...(q.callbacks ? [el('span', { class: 'callbacks', title: words.callbacks }, ` +${q.callbacks}`)] : [])),
      el('td', { class: q.longest_since ? q.longest_level : 'none', 'data-since': q.longest_since ?? '' }, sign(q.longest_since ? q.longest_level : 'ok'), longest,
        ...(q.expected_ms ? [el('small', { class: 'expected', title: words.expected }, ` ≈ ${clockText(q.expected_ms)}`)] : [])),
      el('td', { class: q.service_level }, meter),
      el('td', { class: q.abandoned_level }, sign(q.abandoned_level), percent(q.abandoned_pm)),
      el('td', {}, el('span', { class: q.free ? 'free' : 'none' }, String(q.free)), el('span', { class: 'of' }, ` / ${q.agents}`)));
  });
  $('queues').replaceChildren(el('table', {}, el('thead', {}, el('tr', {}, ...head.map((h) => el('th', { scope: 'col' }, h)))), el('tbody', {}, ...rows)));
}

function drawPeople(board) {
  $('people').replaceChildren(...Object.entries(board.people).sort(([, a], [, b]) => a.order - b.order).map(([id, p]) => {
    const word = p.reason ? words.reasons[p.reason] ?? p.reason : words.states[p.state] ?? p.state;
    return el('button', { class: `state ${p.state} ${p.long ? 'long' : ''}`, ...opens('agent', id, p.shown) }, svg(ICONS[p.state] ?? ICONS['logged-out']),
      el('span', {}, bold(p.shown), el('small', {}, `${clockText(since(p.since))} · ${word}`)));
  }));
}

function drawTotals({ totals: t }) {
  const one = (word, value, extra) => el('span', {}, `${word} `, bold(value), extra ?? '');
  $('totals').replaceChildren(one(words.offered, t.entered), one(words.answered, t.answered),
    one(words.totalAbandoned, t.abandoned, ` · ${percent(t.abandoned_pm)}`), one(words.waitMean, clockText(t.wait_mean_ms)),
    one(words.handleMean, clockText(t.handle_mean_ms)), one(words.callbacks, t.callbacks_due));
}

// What a click on it explains. Rows are drawn anew each second: the focus goes to the one that says the same.
const opens = (what, id, shown) => ({ 'data-why': what, 'data-id': id, 'data-shown': shown, type: 'button', title: words.why });
const explain = { agent: whyAgent, queue: whyQueue };
let opener = {};
function open(event) {
  const from = event.target.closest?.('[data-why]');
  if (!from) return;
  opener = from.dataset;
  explain[from.dataset.why](from.dataset.id, from.dataset.shown);
}
document.addEventListener('click', open);

const focus = ({ why, id }) => [...document.querySelectorAll(`[data-why="${why}"]`)].find((node) => node.dataset.id === id)?.focus();
// The row that it was opened from has been drawn anew since: the browser cannot give it the focus back.
$('why').addEventListener('close', () => focus(opener));

function keepFocus(redraw) {
  const { why, id } = document.activeElement?.dataset ?? {};
  redraw();
  if (why) focus({ why, id });
}

let board = null;
function draw() {
  const now = new Date(Date.now() + skew);
  $('clock').textContent = now.toLocaleTimeString(words.locale, { hour: '2-digit', minute: '2-digit' });
  $('date').textContent = now.toLocaleDateString(words.locale, { weekday: 'long', day: 'numeric', month: 'short' });
  if (!board || document.body.dataset.feed === 'stale') return;
  $('title').textContent = board.site.title;
  $('place').textContent = board.site.place;
  document.title = `${board.waiting.now} · ${board.site.title}`;
  $('notice').hidden = !board.notice;
  if (board.notice) $('notice').replaceChildren(svg(ICONS.warn), fill(words.noSkill, board.notice.skill));
  drawTiles(board);
  keepFocus(() => {
    drawQueues(board);
    drawPeople(board);
  });
  drawTotals(board);
}

// However often the board changes, it is drawn once a frame.
let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

follow((next, at, seq, applied) => {
  board = next;
  if (at) skew = at - Date.now();
  Object.assign(document.body.dataset, { seq, applied });
  drawSoon();
}, (state, silent) => {
  document.body.dataset.feed = state;
  const pill = $('feed');
  pill.className = `pill ${state === 'live' ? 'ok' : state === 'stale' ? 'alert' : ''}`;
  pill.textContent = state === 'stale' ? fill(words.stale, `${Math.floor(silent / 1000)} s`) : `● ${words[state]}`;
});
setInterval(draw, 1000);
draw();
