"""A phone on today's libbaresip: registers, answers, plays tone.wav, writes what it hears to heard.raw.

Arguments: user, password, engine, transport, address to listen at, first and last port of RTP. Each event of the stack is a line of
JSON on standard output, what it says and every SIP message go to standard error; a line of standard input is keys to press; its end is
the phone's.
"""

import asyncio
import json
import logging
import sys

from baresip import Account, AudioNotActive, AudioRestarted, Config, Runtime, UserAgent


def told(kind, param):
    print(json.dumps({"type": kind, "param": param}), flush=True)


async def hear(call):
    """What comes is taken as it was decoded: a player would have silence in it wherever a busy machine was late."""
    with open("heard.raw", "wb", buffering=0) as file:
        while True:
            try:
                file.write(call.audio.read(16000))
            except (AudioNotActive, AudioRestarted):
                pass
            await asyncio.sleep(0.02)


async def main():
    user, password, engine, transport, listen, ports = sys.argv[1:]
    logging.basicConfig(level=logging.DEBUG)
    # Eight thousand samples a second as PCMA has them: nothing is resampled on the way.
    rates = "ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n"
    runtime = Runtime()
    await runtime.start(
        Config(
            net_interface=listen.split(":")[0],
            audio_source="aufile,tone.wav",
            native_log_level="debug",
            sip_trace=True,
            extra_config_text=f"sip_listen {listen}\nrtp_ports {ports}\naudio_buffer 20-160\n{rates}",
        )
    )
    account = Account(user, engine, password, reg_interval=300, transport=transport, audio_codecs=("pcma",))
    agent = await UserAgent.create(runtime, account)
    calls, tasks = [], set()

    def spawn(work):
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def incoming(call):
        calls.append(call)
        spawn(call.answer())
        spawn(hear(call))

    agent.on_incoming(incoming)
    agent.on(lambda event: told(event.event.name, event.text))
    await agent.register()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while keys := (await reader.readline()).decode().strip():
        await calls[-1].send_dtmf(keys)
    await runtime.close()


asyncio.run(main())
