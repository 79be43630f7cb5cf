// The live feed: one snapshot, then JSON merge patches (RFC 7396) with sequence numbers. A gap or silence means
// asking again; what is shown meanwhile is marked as old.
import { protocols, query } from './token.js';

const SILENCE_MS = 5000; // the server beats every 2 s

export function follow(onBoard, onState) {
  let board = null;
  let seq = 0;
  let heardAt = Date.now();
  let socket = null;
  let retryMs = 250;
  let applied = 0; // patches since the snapshot: as many as its last number says

  function open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(`${scheme}//${location.host}/wall/feed${query}`, protocols);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      heardAt = Date.now();
      if (message.type === 'snapshot') {
        board = message.board;
        retryMs = 250;
        applied = message.seq;
      } else if (message.type === 'patch') {
        if (!board || message.seq !== seq + 1) return socket.close();
        board = merge(board, message.patch);
        applied += 1;
      }
      if (message.seq !== undefined) seq = message.seq;
      if (board) onBoard(board, message.at, seq, applied);
    };
    socket.onclose = () => {
      setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, 4000);
    };
  }

  setInterval(() => {
    const silent = Date.now() - heardAt;
    onState(board === null ? 'connecting' : silent > SILENCE_MS ? 'stale' : 'live', silent);
  }, 250);
  open();
}

export function merge(target, patch) {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const into = target !== null && typeof target === 'object' && !Array.isArray(target) ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete into[key];
    else into[key] = merge(into[key], value);
  }
  return into;
}
