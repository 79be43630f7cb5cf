"""panoramisk, as the test steers it: a word a line on standard input, a JSON object a line on standard output."""
import asyncio
import json
import sys

from panoramisk import Manager

host, port, login, secret, interface = sys.argv[1:6]
events = []


def plain(message):
    return {key: value for key, value in dict(message).items() if isinstance(value, str)}


def say(what):
    print(json.dumps(what), flush=True)


async def listed(manager, action):
    found = await manager.send_action({'Action': action}, as_list=True)
    return [plain(item) for item in found if getattr(item, 'event', None)]


async def main():
    loop = asyncio.get_running_loop()
    manager = Manager(host=host, port=int(port), username=login, secret=secret, loop=loop)
    manager.register_event('*', lambda _, event: events.append(plain(event)))
    await manager.connect()
    while not manager.authenticated:
        await asyncio.sleep(0.01)
    say('ready')
    while True:
        word = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
        if word == 'lists':
            lists = [await listed(manager, action) for action in ('QueueStatus', 'QueueSummary')]
            say({'status': lists[0], 'summary': lists[1]})
        elif word in ('pause', 'unpause'):
            asked = {'Action': 'QueuePause', 'Interface': interface, 'Paused': str(word == 'pause').lower()}
            answer = await manager.send_action(asked)
            say(answer.message)
        elif word == 'events':
            say(events)
        else:
            manager.close()
            return


asyncio.run(main())
