// asterisk-manager, as the test steers it: a word a line on standard input, a JSON object a line on standard output.
'use strict';
const { createInterface } = require('readline');
const [host, port, login, secret, seat] = process.argv.slice(2);
const ami = require('asterisk-manager')(Number(port), host, login, secret, true);

// This library writes names in lower case.
const NAMES = {};
for (const name of ['Event', 'Queue', 'Uniqueid', 'Linkedid', 'MemberName', 'Interface', 'Name', 'Location', 'Channel',
  'Completed', 'Abandoned', 'Calls', 'ServicelevelPerf', 'LoggedIn', 'Available', 'Callers', 'ListItems', 'EventList',
  'Position', 'Count', 'HoldTime', 'TalkTime', 'Reason', 'Paused', 'PausedReason', 'Status', 'ActionID']) {
  NAMES[name.toLowerCase()] = name;
}
const plain = (event) => Object.fromEntries(Object.entries(event).map(([key, value]) => [NAMES[key] || key, value]));
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const events = [];
ami.on('managerevent', (event) => events.push(plain(event)));

function listed(action, then) {
  const begun = events.length;
  const id = ami.action({ action }, () => {});
  const wait = setInterval(() => {
    const found = events.slice(begun).filter((event) => event.ActionID === id);
    if (found.some((event) => event.EventList === 'Complete')) {
      clearInterval(wait);
      then(found);
    }
  }, 5);
}

ami.action({ action: 'Ping' }, () => say('ready'));
createInterface({ input: process.stdin }).on('line', (word) => {
  if (word === 'lists') {
    listed('QueueStatus', (status) => listed('QueueSummary', (summary) => say({ status, summary })));
  } else if (word === 'pause' || word === 'unpause') {
    ami.action({ action: 'QueuePause', interface: seat, paused: String(word === 'pause') }, (_, answer) => say(answer.message));
  } else if (word === 'events') {
    say(events.filter((event) => !('ActionID' in event)));
  } else {
    ami.action({ action: 'Logoff' }, () => process.exit(0));
  }
});
