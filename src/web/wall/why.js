// Why somebody waits or gets nothing: opened from a queue or an agent of the board. What comes from outside reaches the page
// by textContent only.
import { token } from './token.js';
import { fill, words } from './words.js';

const dialog = document.getElementById('why');
let asked = 0;

async function ask(path) {
  const answer = await fetch(`/api/v1/${path}`, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

function node(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

// Opens the dialog at once, and fills it when the answer is there; a later question takes the place of an earlier one.
async function show(title, question) {
  const mine = ++asked;
  const close = node('button', words.close);
  close.type = 'button';
  close.onclick = () => dialog.close();
  const heading = node('h2', title);
  heading.id = 'why-h';
  const place = node('div', '…');
  dialog.replaceChildren(node('header', null, heading, close), place);
  if (!dialog.open) dialog.showModal();
  let parts;
  try {
    parts = await question();
  } catch (error) {
    parts = [node('p', error.message)];
  }
  if (mine === asked) place.replaceChildren(...parts);
}

const sentences = ({ explained }) => {
  const list = explained.words.flatMap((words) => words.split('; ')).map((part) => node('li', part));
  return [node('ul', null, ...list)];
};

const seconds = (ms) => (ms === null || ms === undefined ? '–' : `${Math.round(ms / 1000)} s`);

export function whyAgent(id, shown) {
  return show(shown, async () => sentences(await ask(`agents/${encodeURIComponent(id)}/explain`)));
}

export function whyCall(id) {
  return show(fill(words.call, id), async () => sentences(await ask(`calls/${encodeURIComponent(id)}/explain`)));
}

const ROWS = 50;

export function whyQueue(id, shown) {
  return show(shown, async () => {
    const [queue] = (await ask(`queues/${encodeURIComponent(id)}`)).queues;
    const next = node('p', `${words.expected}: ${seconds(queue.expected_ms)}`);
    if (!queue.waiting.length) return [next, node('p', words.nobody)];
    const rows = queue.waiting.slice(0, ROWS).map((item, at) => {
      const row = node('tr', null, ...[at + 1, item.segment, seconds(item.waited_ms), seconds(item.expected_ms)].map((t) => node('td', String(t))));
      const why = node('button', words.why);
      why.type = 'button';
      why.onclick = () => whyCall(item.call);
      row.append(node('td', null, why));
      return row;
    });
    const head = ['#', words.segment, words.hWaiting, words.expected, words.why].map((t) => node('th', t));
    return [next, node('table', null, node('thead', null, node('tr', null, ...head)), node('tbody', null, ...rows))];
  });
}
