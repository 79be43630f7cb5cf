"""py-Asterisk, as the test steers it: a word a line on standard input, a JSON object a line on standard output."""
import json
import select
import sys

from Asterisk.Manager import Manager

host, port, login, secret, interface = sys.argv[1:6]
events = []


def plain(packet):
    return {key: str(value) for key, value in packet.items()}


def say(what):
    print(json.dumps(what), flush=True)


class Board(Manager):
    def on_Event(self, event):
        events.append(plain(event))
        super().on_Event(event)


def listed(action, last):
    """All events of a list: this library has a call for QueueStatus alone, and that keeps no order."""
    before = len(events)
    wanted = manager._write_action(action)
    manager._translate_response(manager.read_response(wanted))
    while not any(event['Event'] == last for event in events[before:]):
        manager.read()
    found = [event for event in events[before:] if event.get('ActionID') == wanted]
    events[before:] = [event for event in events[before:] if event.get('ActionID') != wanted]
    return found


manager = Board((host, int(port)), login, secret)
say('ready')
while True:
    readable, _, _ = select.select([sys.stdin, manager.file], [], [])
    if manager.file in readable:
        manager.read()
        continue
    word = sys.stdin.readline().strip()
    if word == 'lists':
        of_queues = manager.QueueStatus()
        assert interface in of_queues['averias']['members'], of_queues
        events[:] = [event for event in events if 'ActionID' not in event]
        say({'status': listed('QueueStatus', 'QueueStatusComplete'),
             'summary': listed('QueueSummary', 'QueueSummaryComplete')})
    elif word in ('pause', 'unpause'):
        manager.QueuePause('averias', interface, word == 'pause')
        say('Interface %sd successfully' % word)
    elif word == 'events':
        say(events)
    else:
        manager.close()
        break
