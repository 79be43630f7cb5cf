"""pyst2, as the test steers it: a word a line on standard input, a JSON object a line on standard output."""
import json
import sys

from asterisk.manager import Manager

host, port, login, secret, interface = sys.argv[1:6]
LISTS = ('QueueParams', 'QueueMember', 'QueueEntry', 'QueueSummary', 'QueueStatusComplete', 'QueueSummaryComplete')
events = []


def say(what):
    print(json.dumps(what), flush=True)


def blocks(lines):
    """What this library hands over as one answer."""
    found, block = [], {}
    for line in lines:
        key, _, value = line.strip().partition(': ')
        if key in ('Event', 'Response') and block:
            found.append(block)
            block = {}
        if key:
            block[key.rstrip(':')] = value
    return [block for block in found + [block] if 'Event' in block]


manager = Manager()
manager.connect(host, int(port))
manager.register_event('*', lambda event, _: events.append(dict(event.headers)))
manager.login(login, secret)
say('ready')
for word in sys.stdin:
    word = word.strip()
    if word == 'lists':
        status = blocks(manager.send_action({'Action': 'QueueStatus'}).response)
        before = len(events)
        manager.send_action({'Action': 'QueueSummary'})
        while not any(event['Event'] == 'QueueSummaryComplete' for event in events[before:]):
            pass
        say({'status': status, 'summary': [event for event in events[before:] if event['Event'] in LISTS]})
    elif word in ('pause', 'unpause'):
        asked = {'Action': 'QueuePause', 'Interface': interface, 'Paused': str(word == 'pause').lower()}
        say(manager.send_action(asked).headers['Message'])
    elif word == 'events':
        say([event for event in events if event['Event'] not in LISTS])
    else:
        manager.logoff()
        manager.close()
        break
