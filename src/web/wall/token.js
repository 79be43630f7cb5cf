// The token of this page: behind `#`, which browsers send to nobody and no proxy writes down, or, as of old, in `?token=`.
const after = (text) => new URLSearchParams(text).get('token');
export const token = after(location.hash.slice(1)) ?? after(location.search);

// A browser sends no headers with a WebSocket: the token goes along as a subprotocol, if it is one by its letters.
const isName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
export const protocols = token && isName.test(token) ? ['turno', `bearer.${token}`] : ['turno'];
export const query = token && !isName.test(token) ? `?token=${encodeURIComponent(token)}` : '';
