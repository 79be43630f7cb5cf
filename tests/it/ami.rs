//! Asterisk's manager interface: five client libraries as they are, against calls that are really made, compared with the call
//! records and `queue_log`; and those who should not come in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use std::time::{Duration, Instant};

use serde_json::Value;
use turno_base::CallId;
use turno_tariff::cdr::format::asterisk_id;

use crate::house::{AVERIAS, House, Plan, SOON, free_port};
use crate::sipp::{callers, phone, seat};

const SECOND: Duration = Duration::from_secs(1);
pub(crate) const SECRET: &str = "a-long-and-random-one";
/// The programs that steer them.
pub(crate) const LIBRARIES: [&str; 5] = [
    "panoramisk_client.py",
    "pyst2_client.py",
    "py_asterisk_client.py",
    "asterisk_manager.js",
    "asterisk_ami_client.js",
];
const ANSWERED: usize = 12;
const ABANDONED: usize = 4;

/// A house with the manager interface at `port`, and a `queue_log` beside its configuration.
fn open(port: u16) -> House {
    let more = format!(
        r#"
[ami]
listen = "127.0.0.1:{port}"
[ami.logins.connector]
secret = "{SECRET}"
write = ["all"]
networks = ["127.0.0.1", "127.0.0.9"]
[ami.logins.board]
secret = "{SECRET}"
read = ["agent"]
[[store.out]]
name = "queue-log"
to = "queue-log"
path = "queue_log"
"#
    );
    let sip = "digests = [\"md5\", \"sha-256\"]";
    House::open(&Plan {
        agents: &[("anna", 5), ("boris", 5)],
        sip,
        queue: "ring_limit = \"10s\"\nservice_level = \"5m\"",
        more: &more,
    })
}

/// A client library in a process of its own.
pub(crate) struct Library {
    pub(crate) name: &'static str,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Library {
    /// Starts the program beside this file that steers it; ready when it has logged in.
    pub(crate) fn start(name: &'static str, port: u16) -> Library {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let peers = root.join("target/peers/ami");
        let script = root.join("tests/it/peers/ami").join(name);
        let program = if name.ends_with(".py") { peers.join("venv/bin/python") } else { PathBuf::from("node") };
        let mut child = Command::new(&program)
            .arg(script)
            .args(["127.0.0.1", &port.to_string(), "connector", SECRET, "PJSIP/1001"])
            .env("NODE_PATH", peers.join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{} does not start ({error}); scripts/tools installs it", program.display())
            });
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut library = Library { name, child, to, from };
        assert_eq!(library.heard(), "ready", "{name}");
        library
    }

    fn heard(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{} ended, or said {line:?}; scripts/tools installs what it needs", self.name))
    }

    pub(crate) fn ask(&mut self, word: &str) -> Value {
        writeln!(self.to, "{word}").unwrap();
        self.heard()
    }

    /// The events so far, as soon as so many conversations and abandons are among them.
    fn events(&mut self, house: &House) -> Vec<Value> {
        let name = self.name;
        house.until(&format!("{name} has heard of every call"), || {
            let events = self.ask("events").as_array().unwrap().clone();
            let count = |event: &str| events.iter().filter(|of| of["Event"] == event).count();
            let all = count("AgentComplete") >= ANSWERED && count("QueueCallerAbandon") >= ABANDONED;
            // The last thing that is told of a call.
            (all && count("Hangup") >= 2 * ANSWERED + ABANDONED).then_some(events)
        })
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = writeln!(self.to, "quit");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Values of a line of each event of that name, in order of value.
fn of(events: &[Value], event: &str, line: &str) -> Vec<String> {
    let mut found: Vec<String> = events
        .iter()
        .filter(|of| of["Event"] == event)
        .map(|of| of[line].as_str().unwrap_or_else(|| panic!("no {line} in {of:#}")).to_owned())
        .collect();
    found.sort();
    found
}

/// The call ids of lines of `queue_log` with that word, in order.
fn logged(lines: &[Vec<String>], words: &[&str]) -> Vec<String> {
    let mut found: Vec<String> =
        lines.iter().filter(|line| words.contains(&line[4].as_str())).map(|line| line[1].clone()).collect();
    found.sort();
    found
}

/// The file as its readers take it: for each call id and queue one entry and one end.
fn queue_log(house: &House) -> Vec<Vec<String>> {
    const FINAL: [&str; 7] =
        ["ABANDON", "COMPLETECALLER", "COMPLETEAGENT", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "BLINDTRANSFER"];
    let lines = house.until("queue_log has every call", || {
        let text = std::fs::read_to_string(house.dir.join("queue_log")).ok()?;
        let lines: Vec<Vec<String>> =
            text.lines().map(|line| line.split('|').map(str::to_owned).collect::<Vec<String>>()).collect();
        (logged(&lines, &FINAL).len() >= ANSWERED + ABANDONED).then_some(lines)
    });
    let mut stays: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    for line in &lines {
        let stay = stays.entry((line[1].clone(), line[2].clone())).or_default();
        stay.0 += u32::from(line[4] == "ENTERQUEUE");
        stay.1 += u32::from(FINAL.contains(&line[4].as_str()));
    }
    stays.retain(|_, stay| *stay != (0, 0));
    assert_eq!(stays.len(), ANSWERED + ABANDONED);
    assert!(stays.values().all(|stay| *stay == (1, 1)), "{stays:?}");
    lines
}

fn of_queue<'a>(list: &'a Value, event: &str) -> Vec<&'a Value> {
    let all = list.as_array().unwrap().iter();
    all.filter(|item| item["Event"] == event && item["Queue"] == "averias").collect()
}

/// Which lines an event must have, whoever reads it.
fn has_lines(events: &[Value], event: &str, lines: &[&str]) {
    for of in events.iter().filter(|of| of["Event"] == event) {
        lines.iter().for_each(|line| assert!(of[line].is_string(), "no {line} in {of:#}"));
    }
}

#[test]
fn five_client_libraries_see_what_records_and_queue_log_say() {
    let port = free_port();
    let house = open(port);
    seat(&house, 0, "anna");
    seat(&house, 1, "boris");
    let mut libraries = LIBRARIES.map(|name| Library::start(name, port));
    for library in &mut libraries {
        let lists = library.ask("lists");
        let members = of_queue(&lists["status"], "QueueMember");
        assert_eq!(members.len(), 2, "{}: {lists:#}", library.name);
        assert_eq!((&members[0]["Name"], &members[0]["Location"]), (&"anna".into(), &"PJSIP/1001".into()));
        let summary = of_queue(&lists["summary"], "QueueSummary");
        assert_eq!((&summary[0]["LoggedIn"], &summary[0]["Available"]), (&"2".into(), &"2".into()));
    }
    // Callers stay until an agent has had them, and who has one has been answered before, however slow the machine is.
    ["anna", "boris"].iter().for_each(|agent| drop(house.ask(&["agent", "pause", agent, "pausa"])));
    let mut all = callers(&house, "caller_waits", AVERIAS, Duration::ZERO, ANSWERED as u32, 10);
    all.until_acked(ANSWERED);
    let _phones = [0, 1].map(|at| phone(&house, at, "agent_hangs_up", SECOND / 2, 1000));
    ["anna", "boris"].iter().for_each(|agent| drop(house.ask(&["agent", "ready", agent])));
    all.done();
    house.records(ANSWERED);
    for library in &mut libraries {
        house.until_agent("anna", "ready");
        assert_eq!(library.ask("pause"), "Interface paused successfully", "{}", library.name);
        house.until_agent("anna", "paused pausa");
        assert_eq!(library.ask("unpause"), "Interface unpaused successfully", "{}", library.name);
    }
    for agent in ["anna", "boris"] {
        house.until_agent(agent, "ready");
        house.ask(&["agent", "pause", agent, "pausa"]);
    }
    callers(&house, "caller_talk", AVERIAS, SECOND, ABANDONED as u32, 10).done();
    let records = house.records(ANSWERED + ABANDONED);
    let outcome = |word: &str| records.iter().filter(|record| record["outcome"] == word).count();
    assert_eq!((outcome("answered"), outcome("abandoned")), (ANSWERED, ABANDONED));
    let calls: BTreeSet<String> = records
        .iter()
        .map(|record| record["call"].as_str().unwrap().parse::<CallId>().unwrap())
        .map(asterisk_id)
        .collect();
    let lines = queue_log(&house);
    assert_eq!(logged(&lines, &["ENTERQUEUE"]), Vec::from_iter(calls));
    for library in &mut libraries {
        agrees(library, &house, &lines);
    }
    assert_eq!(house.metric("turno_ami_connections"), libraries.len() as f64);
    assert_eq!(house.metric("turno_ami_slow_total"), 0.0);
    house.is_clean();
}

/// What a library has heard is what stands in `queue_log`.
fn agrees(library: &mut Library, house: &House, lines: &[Vec<String>]) {
    let events = library.events(house);
    let name = library.name;
    for (event, words) in [
        ("QueueCallerJoin", &["ENTERQUEUE"][..]),
        ("QueueCallerLeave", &["CONNECT", "ABANDON"]),
        ("QueueCallerAbandon", &["ABANDON"]),
        ("AgentConnect", &["CONNECT"]),
        ("AgentComplete", &["COMPLETECALLER", "COMPLETEAGENT"]),
    ] {
        assert_eq!(of(&events, event, "Uniqueid"), logged(lines, words), "{name}: {event}");
    }
    let pauses = of(&events, "QueueMemberPause", "MemberName");
    let paused = lines.iter().filter(|line| ["PAUSE", "UNPAUSE"].contains(&line[4].as_str())).count();
    assert_eq!(pauses.len(), paused, "{name}");
    assert_eq!(of(&events, "Newchannel", "Uniqueid"), of(&events, "Hangup", "Uniqueid"), "{name}: who came went");
    assert_eq!(of(&events, "BridgeEnter", "Uniqueid"), of(&events, "BridgeLeave", "Uniqueid"), "{name}");
    assert_eq!(of(&events, "BridgeEnter", "Uniqueid").len(), 2 * ANSWERED, "{name}");
    assert_eq!(of(&events, "DialBegin", "Event").len(), of(&events, "DialEnd", "Event").len(), "{name}");
    if !name.ends_with("manager.js") {
        let mut legs: Vec<&str> =
            lines.iter().filter(|line| line[4] == "CONNECT").map(|line| line[6].as_str()).collect();
        legs.sort_unstable();
        assert_eq!(
            of(&events, "AgentConnect", "DestUniqueid"),
            legs,
            "{name}: the leg in CONNECT is that of the event"
        );
        has_lines(&events, "AgentCalled", &["Privilege", "DestChannel", "Interface", "Linkedid"]);
    }
    let lists = library.ask("lists");
    let params = of_queue(&lists["status"], "QueueParams")[0];
    assert_eq!(params["Completed"], ANSWERED.to_string(), "{name}: {params:#}");
    assert_eq!(params["Abandoned"], ABANDONED.to_string(), "{name}: {params:#}");
    assert_eq!((&params["Calls"], &params["ServicelevelPerf"]), (&"0".into(), &"100.0".into()), "{name}: {params:#}");
    assert!(of_queue(&lists["status"], "QueueMember").iter().all(|member| member["Paused"] == "1"), "{lists:#}");
    let summary = of_queue(&lists["summary"], "QueueSummary")[0];
    assert_eq!((&summary["LoggedIn"], &summary["Available"]), (&"2".into(), &"0".into()), "{name}: {summary:#}");
    let items = lists["status"].as_array().unwrap();
    assert_eq!(items.last().unwrap()["ListItems"], (items.len() - 1).to_string(), "{name}");
    let ids: BTreeSet<String> = items.iter().map(|item| item["ActionID"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{name}: every item echoes the action id");
}

/// A client that is none of them.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn open(port: u16) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Client { stream }
    }

    /// The greeting; empty: it was closed without a word.
    fn greeting(&mut self) -> String {
        self.until("\r\n")
    }

    fn ask(&mut self, request: &str) -> String {
        self.stream.write_all(format!("{request}\n\n").replace('\n', "\r\n").as_bytes()).unwrap();
        self.until("\r\n\r\n")
    }

    /// Everything up to that text, or to the end.
    fn until(&mut self, end: &str) -> String {
        let (mut got, mut byte) = (Vec::new(), [0]);
        while !got.ends_with(end.as_bytes()) && matches!(self.stream.read(&mut byte), Ok(1)) {
            got.push(byte[0]);
        }
        String::from_utf8(got).unwrap()
    }

    /// The first block from now on that has all of these lines.
    fn block(&mut self, lines: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let block = self.until("\r\n\r\n");
            assert!(!block.is_empty() && began.elapsed() < SOON, "no block with {lines:?}");
            if lines.iter().all(|line| block.lines().any(|of| of == *line)) {
                return block;
            }
        }
    }

    fn is_closed(&mut self) -> bool {
        self.until("\u{0}").is_empty()
    }

    fn login(&mut self, name: &str, secret: &str) -> String {
        self.ask(&format!("Action: Login\nUsername: {name}\nSecret: {secret}"))
    }
}

/// The value of a line.
fn line<'a>(block: &'a str, name: &str) -> &'a str {
    let found = block.lines().find_map(|line| line.split_once(": ").filter(|(of, _)| *of == name));
    found.unwrap_or_else(|| panic!("no {name} in {block}")).1
}

#[test]
fn a_connector_calls_for_an_agent_ends_the_call_and_notes_it() {
    let port = free_port();
    let house = open(port);
    seat(&house, 0, "anna");
    seat(&house, 1, "boris");
    let phones = [0, 1].map(|at| phone(&house, at, "agent_answers", Duration::ZERO, 1));
    let mut client = Client::open(port);
    client.greeting();
    assert!(client.login("connector", SECRET).contains("Authentication accepted"));
    let place =
        "Action: Originate\nActionID: o1\nChannel: PJSIP/1001\nContext: any\nExten: 1002\nPriority: 1\nAsync: true\n\n";
    client.stream.write_all(place.as_bytes()).unwrap();
    client.block(&["Response: Success", "ActionID: o1", "Message: Originate successfully queued"]);
    let placed = client.block(&["Event: OriginateResponse", "ActionID: o1", "Response: Success", "Exten: 1002"]);
    let channel = line(&placed, "Channel").to_owned();
    assert!(channel.starts_with("PJSIP/1001-"), "{placed}");
    client.block(&["Event: BridgeEnter", "BridgeNumChannels: 2"]);
    house.until_agent("anna", "outbound");
    client.stream.write_all(format!("Action: Hangup\nChannel: {channel}\n\n").as_bytes()).unwrap();
    client.block(&["Response: Success", "Message: Channel Hungup"]);
    client.block(&["Event: Hangup", &format!("Channel: {channel}")]);
    phones.into_iter().for_each(crate::sipp::Sipp::done);
    let record = &house.records(1)[0];
    assert_eq!((&record["outcome"], &record["legs"].as_array().unwrap().len()), (&"answered".into(), &2), "{record:#}");
    let note = "Action: QueueLog\nQueue: averias\nEvent: CRM\nInterface: PJSIP/1001\nMessage: ticket 7\n\n";
    client.stream.write_all(note.as_bytes()).unwrap();
    client.block(&["Response: Success", "Message: Event added successfully"]);
    house.until("it stands in queue_log", || {
        let text = std::fs::read_to_string(house.dir.join("queue_log")).ok()?;
        text.contains("|NONE|averias|anna|CRM|ticket 7\n").then_some(())
    });
    house.is_clean();
}

fn connect_from(from: Ipv4Addr, port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).unwrap();
    socket.connect(&SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

#[test]
fn who_may_not_come_in_stays_out_and_who_does_not_read_is_dropped() {
    let port = free_port();
    let house = open(port);
    house.until("somebody listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());

    let mut client = Client::open(port);
    assert_eq!(client.greeting(), "Asterisk Call Manager/9.0.0\r\n");
    assert!(client.ask("Action: QueueStatus").contains("Message: Permission denied"), "before a login");
    let challenge = client.ask("Action: Challenge\nAuthType: MD5\nActionID: c");
    let challenge = challenge.lines().find_map(|line| line.strip_prefix("Challenge: ")).unwrap().to_owned();
    let key = md5(&format!("{challenge}{SECRET}"));
    let said = client.ask(&format!("Action: Login\nAuthType: MD5\nUsername: board\nKey: {key}\nActionID: l"));
    assert!(said.contains("Message: Authentication accepted") && said.contains("ActionID: l"), "{said}");
    let said = client.ask("Action: QueuePause\nInterface: PJSIP/1001\nPaused: 1");
    assert!(said.contains("Message: Permission denied"), "a board only looks: {said}");
    let said = client.ask("Action: Ping\nActionID: 7");
    assert!(said.contains("Ping: Pong") && said.contains("ActionID: 7") && said.contains("Timestamp: "), "{said}");
    assert!(client.ask("Action: Events\nEventMask: off").contains("Events: Off"));
    assert!(client.ask("Action: Filter\nOperation: Add\nFilter: (").contains("did not compile"));
    assert!(client.ask("Action: Dance").contains("Invalid/unknown command: Dance."));
    assert!(client.ask("Action: Logoff").contains("Response: Goodbye") && client.is_closed());

    let mut client = Client::open(port);
    client.greeting();
    let began = Instant::now();
    assert!(client.login("board", "guess").contains("Message: Authentication failed"));
    assert!(began.elapsed() >= SECOND && client.is_closed(), "a guess costs a second and the connection");
    let mut client = Client::open(port);
    client.greeting();
    client.stream.write_all(&b"x".repeat(5000)).unwrap();
    assert!(client.until("\r\n\r\n").contains("line too long") && client.is_closed());

    // Networks: the board's is all of loopback, the connector's two addresses of it.
    let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, 7), port);
    let mut client = Client { stream: stream.try_clone().unwrap() };
    client.greeting();
    assert!(client.login("connector", SECRET).contains("Authentication failed"), "not from there");
    let _ = stream.flush();

    let mut strangers: Vec<Client> = (0..16).map(|_| Client::open(port)).collect();
    strangers.iter_mut().for_each(|stranger| assert!(!stranger.greeting().is_empty()));
    assert_eq!(Client::open(port).greeting(), "", "there are enough who say nothing");
    let began = Instant::now();
    assert!(strangers[0].is_closed() && began.elapsed() < SOON, "who says nothing is closed");
    strangers.clear();

    let mut idle = Client::open(port);
    house.until("there is room again", || {
        let mut client = Client::open(port);
        if client.greeting().is_empty() {
            return None;
        }
        idle = client;
        Some(())
    });
    assert!(idle.login("connector", SECRET).contains("Authentication accepted"));
    idle.stream.set_write_timeout(Some(SECOND / 5)).unwrap();
    let flood = "Action: QueueStatus\r\n\r\n".repeat(2000);
    house.until("a client that does not read is dropped", || {
        let _ = idle.stream.write_all(flood.as_bytes());
        (house.metric("turno_ami_slow_total") == 1.0).then_some(())
    });

    let guesses = (0..10).map(|_| {
        std::thread::spawn(move || {
            let stream = connect_from(Ipv4Addr::new(127, 0, 0, 9), port);
            let mut client = Client { stream };
            client.greeting();
            client.login("connector", "guess");
        })
    });
    guesses.collect::<Vec<_>>().into_iter().for_each(|guess| guess.join().unwrap());
    let mut barred = Client { stream: connect_from(Ipv4Addr::new(127, 0, 0, 9), port) };
    assert_eq!(barred.greeting(), "", "an address that guessed ten times is not let in");
    assert_eq!(house.metric("turno_ami_logins_total{outcome=\"refused\"}"), 12.0);
    for (reason, at_least) in [("full", 1.0), ("barred", 1.0)] {
        assert!(house.metric(&format!("turno_ami_refused_total{{reason=\"{reason}\"}}")) >= at_least, "{reason}");
    }
    house.is_clean();
}

fn md5(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
