//! A softphone that somebody else wrote: baresip registers, takes a queued call, and both sides hear each other. This is
//! the one of Debian 12, which knows MD5 only; what is asked of it is asked of today's too (`baresip_today`).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Caller, PEAK};
use crate::demo::until;
use crate::house::{AVERIAS, House, PASSWORD, Plan, account, free_port};
use crate::tone::{is_tone, sine};

/// What baresip plays, and how loud.
const PLAYS_HZ: f64 = 1004.0;
const PLAYS_PEAK: f64 = 8000.0;
/// What the caller speaks.
const CALLER_HZ: u32 = 700;

/// baresip 1.0 gives up on a challenge that names any other algorithm, in whatever place.
const MD5: &str = "digests = [\"md5\"]";
const ONE: Plan<'static> = Plan { agents: &[("anna", 5)], sip: MD5, queue: "ring_limit = \"10s\"", more: "" };

/// What both baresips can.
pub(crate) trait Phone {
    /// How often a second of sound is looked at until one is whole: a phone that plays and hears by a clock of its own tears
    /// what a busy machine delays.
    const LOOKS: usize;
    /// Parameters of all events of this kind so far.
    fn told(&mut self, kind: &str) -> Vec<String>;
    /// Presses a key in the call.
    fn press(&mut self, key: &str);
    /// What it has heard in its last call.
    fn heard(&self) -> Vec<i16>;
}

/// A baresip to start. Its RTP leaves from 127.0.0.1 whatever else it is told, so it lives there.
pub(crate) struct Seat<'a> {
    /// Folder that its own is made in.
    pub(crate) dir: &'a Path,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) engine: SocketAddr,
    pub(crate) transport: &'a str,
    /// Its SIP port.
    pub(crate) sip: u16,
    /// Where it takes commands.
    pub(crate) control: SocketAddr,
}

/// A baresip that runs, and its control connection.
pub(crate) struct Softphone {
    child: Child,
    control: TcpStream,
    received: Vec<u8>,
    dir: PathBuf,
    events: Vec<Value>,
}

impl Softphone {
    /// The phone of agent `at`, over `transport`.
    fn open(house: &House, at: usize, transport: &str) -> Softphone {
        let (user, control) = (account(at), SocketAddr::new(house.phone(at), 4444));
        let (dir, engine, sip) = (house.dir.as_path(), house.sip(), house.low_port());
        Softphone::start(&Seat { dir, user: &user, password: PASSWORD, engine, transport, sip, control })
    }

    /// Starts it; it answers by itself.
    pub(crate) fn start(seat: &Seat<'_>) -> Softphone {
        let Seat { user, password, engine, transport, sip, control, .. } = *seat;
        let dir = seat.dir.join(format!("baresip-{user}"));
        fs::create_dir_all(&dir).unwrap();
        let rtp = free_port() & !1;
        let template = include_str!("peers/baresip.config");
        let config = template
            .replace("@LISTEN@", &format!("127.0.0.1:{sip}"))
            .replace("@IP@", "127.0.0.1")
            .replace("@DIR@", &dir.display().to_string())
            .replace("@PORTS@", &format!("{rtp}-{}", rtp.saturating_add(20)))
            .replace("@CONTROL@", &control.to_string());
        fs::write(dir.join("config"), config).unwrap();
        // As the page on phones has it.
        let page = include_str!("../../docs/how-to/phones.md");
        let account = page.lines().find(|line| line.starts_with("<sip:1001@")).unwrap();
        let account = account.replace("1001", user).replace("10.0.0.20", &engine.to_string());
        let account = account.replace("the-password", password).replace("=udp", &format!("={transport}"));
        fs::write(dir.join("accounts"), format!("{account};answermode=auto\n")).unwrap();
        write_tone(&dir);
        let log = fs::File::create(seat.dir.join(format!("baresip-{user}.log"))).unwrap();
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&dir)
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("baresip does not start ({error}); scripts/tools installs it"));
        let control = until("baresip takes commands", || TcpStream::connect(control).ok());
        control.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Softphone { child, control, received: Vec::new(), dir, events: Vec::new() }
    }

    /// Gives a command, as a netstring of JSON.
    pub(crate) fn command(&mut self, command: &str, params: &str) {
        let text = json!({"command": command, "params": params, "token": "t"}).to_string();
        write!(self.control, "{}:{text},", text.len()).unwrap();
    }

    /// Takes what it has told.
    fn look(&mut self) {
        let mut buffer = [0; 4096];
        if let Ok(len) = self.control.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..len]);
        }
        while let Some(colon) = self.received.iter().position(|&byte| byte == b':') {
            let len: usize = std::str::from_utf8(&self.received[..colon]).unwrap().trim().parse().unwrap();
            if self.received.len() < colon + len + 2 {
                return;
            }
            let event = serde_json::from_slice(&self.received[colon + 1..=colon + len]).unwrap();
            self.events.push(event);
            self.received.drain(..colon + len + 2);
        }
    }
}

impl Phone for Softphone {
    const LOOKS: usize = 20;

    fn told(&mut self, kind: &str) -> Vec<String> {
        self.look();
        of_kind(&self.events, kind)
    }

    fn press(&mut self, key: &str) {
        self.command("sndcode", key);
    }

    fn heard(&self) -> Vec<i16> {
        let files = fs::read_dir(&self.dir).unwrap().flatten().map(|entry| entry.path());
        let heard = files.filter(|path| path.to_string_lossy().ends_with("dec.wav")).max();
        let bytes = heard.map(|heard| fs::read(heard).unwrap()).unwrap_or_default();
        samples(bytes.get(44..).unwrap_or_default())
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("baresip told: {:#?}", self.events);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parameters of the events of a kind.
pub(crate) fn of_kind(events: &[Value], kind: &str) -> Vec<String> {
    let of_kind = events.iter().filter(|event| event["type"] == kind);
    of_kind.map(|event| event["param"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Linear samples from their bytes.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// What a baresip plays: `tone.wav` in its folder.
pub(crate) fn write_tone(dir: &Path) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(dir.join("tone.wav"), spec).unwrap();
    sine(PLAYS_HZ, PLAYS_PEAK, 8000 * 40).iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

/// The first of its looks that finds a whole tone, or else what the last one found.
fn whole<P: Phone>(mut look: impl FnMut(usize) -> Result<(), String>) -> Result<(), String> {
    (1..P::LOOKS).find_map(|at| look(at - 1).ok()).map_or_else(|| look(P::LOOKS - 1), Ok)
}

/// A caller and the baresip of `anna`, which has been started, hear each other's tone at its pitch and level; keys arrive
/// in both directions.
pub(crate) fn both_hear_each_other<P: Phone>(house: &House, phone: &mut P, transport: &str) {
    house.until_registered(0);
    house.log_in("anna");
    let mut caller = Caller::at_carrier(house, CALLER_HZ);
    let leg = caller.call(AVERIAS);
    caller.until("baresip talks", |_| !phone.told("CALL_ESTABLISHED").is_empty());
    caller.listen(Duration::from_secs(2));
    let heard = whole::<P>(|_| {
        caller.listen(Duration::from_secs(1));
        is_tone(&caller.party.heard(leg), PLAYS_HZ, PLAYS_PEAK)
    });
    assert_eq!(heard, Ok(()));

    for key in "17#".chars() {
        caller.party.press(leg, key);
    }
    caller.until("baresip hears the keys", |_| phone.told("CALL_DTMF_START").concat() == "17#");
    // One after the other, as a person presses them.
    for (key, heard) in [("4", "4"), ("2", "42")] {
        phone.press(key);
        caller.until("the caller hears the key", |caller| caller.party.keys(leg).len() >= heard.len());
        assert_eq!(caller.party.keys(leg), heard);
    }

    caller.listen(Duration::from_secs(1));
    caller.until("baresip has heard enough", |_| phone.heard().len() >= 14_000);
    caller.hang_up(leg);
    caller.until("baresip's call has ended", |_| !phone.told("CALL_CLOSED").is_empty());
    // From the middle: no key, no start.
    let tone = phone.heard();
    let heard = whole::<P>(|at| {
        let from = 4000 + at * 1000;
        is_tone(tone.get(from..from + 10_000).unwrap_or_default(), f64::from(CALLER_HZ), PEAK)
    });
    assert_eq!(heard, Ok(()));

    let record = &house.records(1)[0];
    assert_eq!((record["outcome"].as_str(), record["agent"].as_str()), (Some("answered"), Some("anna")));
    let media = &record["legs"][1]["media"];
    assert_eq!(media["codec"], "PCMA");
    assert_eq!(media["lost"], 0);
    assert!(media["received"].as_u64().unwrap() > 100, "{media}");
    assert_eq!(house.metric("turno_sip_tcp_received_total") > 0.0, transport == "tcp");
    house.until_agent("anna", "ready");
    house.is_clean();
}

fn by_md5(transport: &str) {
    let house = House::open(&ONE);
    let mut phone = Softphone::open(&house, 0, transport);
    both_hear_each_other(&house, &mut phone, transport);
}

#[test]
fn baresip_over_udp_and_a_caller_hear_each_other() {
    by_md5("udp");
}

#[test]
fn baresip_over_tcp_and_a_caller_hear_each_other() {
    by_md5("tcp");
}
