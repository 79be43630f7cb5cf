// asterisk-ami-client, as the test steers it: a word a line on standard input, a JSON object a line on standard output.
'use strict';
const { createInterface } = require('readline');
const AmiClient = require('asterisk-ami-client');
const [host, port, login, secret, seat] = process.argv.slice(2);
const client = new AmiClient();
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const events = [];
let asked = 0;

function listed(Action) {
  const ActionID = `list-${asked += 1}`;
  return new Promise((resolve) => {
    const take = (event) => {
      if (event.ActionID === ActionID && event.EventList === 'Complete') {
        client.removeListener('event', take);
        resolve(events.filter((event) => event.ActionID === ActionID));
      }
    };
    client.on('event', take);
    client.action({ Action, ActionID });
  });
}

client.on('event', (event) => events.push(event));
client.connect(login, secret, { host, port: Number(port) }).then(() => say('ready'));
createInterface({ input: process.stdin }).on('line', async (word) => {
  if (word === 'lists') {
    say({ status: await listed('QueueStatus'), summary: await listed('QueueSummary') });
  } else if (word === 'pause' || word === 'unpause') {
    const answer = await client.action({ Action: 'QueuePause', Interface: seat, Paused: String(word === 'pause') }, true);
    say(answer.Message);
  } else if (word === 'events') {
    say(events.filter((event) => !('ActionID' in event)));
  } else {
    client.disconnect();
    process.exit(0);
  }
});
