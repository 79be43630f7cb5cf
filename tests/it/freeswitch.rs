//! A real FreeSWITCH into which is pasted what `turno init --pbx freeswitch` prints and what docs/how-to/pbx.md says: its calls
//! are queued and answered at a softphone and at an extension of its own, and its own queue takes them when the engine hangs, drains
//! or is gone.
//!
//! Debian has none, so nothing installs it: one in the PATH is taken, or `target/freeswitch/run`. Where there is none the test says
//! so and tries nothing.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use turno::demo::party::{Party, Voice};
use turno_base::{Cause, LegId};

use super::asterisk::{CALLER, EXTENSION, SOFTPHONE, SOON, Scene, init, password};
use super::calls::joining;
use super::house::{AVERIAS, House, PASSWORD, account};
use super::sipp::{Role, carrier, credentials, phone, phone_to, seat};
use super::tone::amplitude;

/// What the extension registers with.
const EXTENSION_PASSWORD: &str = "of-1003";
/// What each of them speaks.
const CALLER_HZ: u32 = 440;
const SOFTPHONE_HZ: u32 = 700;
const EXTENSION_HZ: u32 = 1040;
/// A tone that is heard, in units of a sample; a party speaks at -10 dBm0.
const LOUD: f64 = 2000.0;

/// Where there is one.
fn found() -> Option<PathBuf> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/freeswitch/run");
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join("freeswitch")).chain([below]).find(|program| program.is_file())
}

/// What `init` printed below each line that names a file: the files, by their place in the configuration's folder.
fn pasted(told: &str) -> Vec<(&str, &str)> {
    let texts = told.split("\n--- /etc/freeswitch/").skip(1);
    texts
        .map(|text| text.split_once('\n').unwrap())
        .map(|(to, text)| (to, text.split("\n--- ").next().unwrap()))
        .collect()
}

/// The queue for when the engine is away, as the page shows it.
fn fallback() -> &'static str {
    let page = include_str!("../../docs/how-to/pbx.md");
    page.split_once("```xml\n").unwrap().1.split("```").next().unwrap()
}

/// A FreeSWITCH in the foreground.
struct FreeSwitch {
    child: Child,
    asked_at: SocketAddr,
}

impl FreeSwitch {
    fn open(house: &House, program: &Path, told: &str, external: &str) -> FreeSwitch {
        let dir = house.dir.join("freeswitch");
        for part in ["log", "db", "run", "storage", "temp", "cache", "certs"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        let own = include_str!("peers/freeswitch.xml")
            .replace("@DIR@", &house.dir.display().to_string())
            .replace("@PBX@", &house.ip(2).to_string())
            .replace("@CARRIER@", &house.ip(3).to_string())
            .replace("@PASSWORD@", EXTENSION_PASSWORD)
            .replace("@EXTERNAL@", external);
        let files = [("freeswitch.xml", own.as_str()), ("autoload_configs/callcenter.conf.xml", fallback())];
        for (file, text) in files.into_iter().chain(pasted(told)) {
            fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            fs::write(dir.join(file), text).unwrap();
        }
        let log = File::create(house.dir.join("freeswitch-console.log")).unwrap();
        let mut command = Command::new(program);
        command.args(["-nf", "-nonat", "-np", "-conf"]).arg(&dir);
        for part in ["log", "db", "run", "storage", "temp", "cache", "certs"] {
            command.arg(format!("-{part}")).arg(dir.join(part));
        }
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        FreeSwitch { child, asked_at: SocketAddr::new(house.ip(2), 8021) }
    }

    /// What it answers to a command of its console; nothing before it is up.
    fn says(&self, command: &str) -> String {
        let mut said = String::new();
        let Ok(mut stream) = TcpStream::connect(self.asked_at) else { return said };
        stream.set_read_timeout(Some(SOON)).unwrap();
        let asked = write!(stream, "auth asked-by-a-test\n\napi {command}\n\nexit\n\n");
        // What was said until the line went is what was said.
        let _ = asked.and_then(|()| stream.read_to_string(&mut said));
        said
    }

    /// How its gateway to the engine is, by a key of what its console shows.
    fn gateway(&self, key: &str) -> String {
        let said = self.says("sofia status gateway turno");
        let mut told = said.lines().filter_map(|line| line.split_once('\t'));
        told.find(|(named, _)| named.trim() == key).map_or_else(String::new, |(_, value)| value.trim().to_owned())
    }

    /// Whether it takes the engine to be there; if not, its calls take the way back at once.
    fn finds_us(&self) -> bool {
        self.gateway("Status") == "UP"
    }
}

impl Drop for FreeSwitch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What differs from test to test.
#[derive(Default)]
struct Plan {
    /// Lines for the external profile.
    external: &'static str,
    /// What in the engine's configuration gives way to what.
    edits: &'static [(&'static str, &'static str)],
    /// Whose account the softphone has: 0 is the first agent.
    seat: usize,
}

/// Engine, PBX and who calls and is called, with what is pasted from a command and a page.
fn opened(program: &Path, plan: &Plan) -> (Scene, FreeSwitch) {
    let mut house = House::plot();
    let told = init(&house, "freeswitch", 3);
    let file = house.dir.join("turno.toml");
    let mut text = fs::read_to_string(&file).unwrap();
    for number in [0, 1] {
        text = text.replace(&password(&house, &account(number)), PASSWORD);
    }
    for (from, to) in plan.edits {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replace(from, to);
    }
    fs::write(file, text).unwrap();
    let pbx = FreeSwitch::open(&house, program, &told, plan.external);
    house.start();
    let address = |host: u8, port: u16| SocketAddr::new(house.ip(host), port);
    let user = account(plan.seat);
    let caller = Party::open(address(3, 5060), address(2, 5080), None, 1, Voice::Tone(CALLER_HZ)).unwrap();
    let seat = SocketAddr::new(house.phone(plan.seat), 5060);
    let known = Some((user.as_str(), PASSWORD));
    let softphone = Party::open(seat, house.sip(), known, 2, Voice::Tone(SOFTPHONE_HZ)).unwrap();
    let began = Instant::now();
    while !pbx.says("status").contains("is ready") {
        assert!(began.elapsed() < SOON, "the PBX is up: not within {SOON:?}");
        sleep(Duration::from_millis(100));
    }
    let known = Some(("1003", EXTENSION_PASSWORD));
    let extension = Party::open(address(4, 5060), address(2, 5060), known, 3, Voice::Tone(EXTENSION_HZ)).unwrap();
    let parties = [caller, softphone, extension];
    let mut scene = Scene { house, parties, called: Default::default(), ended: BTreeMap::new() };
    scene.until("the softphone is registered", |scene| scene.house.is_registered(&user));
    scene.until("the extension is registered", |_| pbx.says("sofia status profile internal reg").contains("1003@"));
    scene.until("the PBX answers OPTIONS", |scene| scene.house.metric("turno_trunk_up") == 1.0);
    scene.until("the engine answers those of the PBX", |_| pbx.finds_us());
    (scene, pbx)
}

/// Whether `who` hears, on `leg`, the tone of `hertz`.
fn hears(scene: &Scene, who: usize, leg: LegId, hertz: u32) -> bool {
    let heard = scene.parties[who].heard(leg);
    heard.len() > 4000 && amplitude(&heard, f64::from(hertz)) > LOUD
}

/// Why calls went on in the PBX, by its log, oldest first.
fn not_taken(house: &House) -> Vec<String> {
    let log = fs::read_to_string(house.dir.join("freeswitch.log")).unwrap();
    let warned = log.lines().filter(|line| line.contains("[WARNING]"));
    let told = warned.filter_map(|line| line.split_once("Turno did not take 900100101: "));
    told.map(|(_, why)| why.to_owned()).collect()
}

#[test]
fn what_init_prints_for_freeswitch_is_pasted_and_calls_are_queued_or_fall_back() {
    let Some(program) = found() else {
        return println!(
            "FreeSWITCH was not tried, there is none here: neither in the PATH nor as target/freeswitch/run"
        );
    };
    let (mut scene, pbx) = opened(&program, &Plan::default());
    // It takes the engine to be there until it has asked: once in 20 s. Answers are counted, up to two.
    scene.until("the engine has answered OPTIONS of the PBX", |_| {
        ["1/1/2", "1/2/2"].contains(&pbx.gateway("PingState").as_str())
    });

    // He logs in as the last line says, by *45; his colleague is at an extension of the PBX.
    scene.parties[SOFTPHONE].dial("*45", "", "").unwrap();
    scene.agent_is("first", "ready");
    scene.call_reaches(SOFTPHONE, "an agent at a softphone");
    scene.house.ask(&["agent", "logout", "first"]);
    scene.house.ask(&["agent", "login", "second", "pbx-1003"]);
    scene.agent_is("second", "ready");
    scene.call_reaches(EXTENSION, "an agent at an extension of the PBX");
    let records = scene.house.records(3);
    assert_eq!(records[0]["to"]["raw"], "*45", "the first is his login: {:#}", records[0]);
    for record in &records[1..] {
        assert_eq!((&record["outcome"], &record["trunk"]), (&"answered".into(), &"pbx".into()), "{record:#}");
        assert_eq!(record["from"]["raw"], "+34612045118", "{record:#}");
    }

    // A node that hangs says nothing: the PBX's own queue has the caller after ten seconds, and he is not sent away.
    scene.house.signal("STOP");
    let took = scene.call_reaches(EXTENSION, "the PBX's own queue while the engine hangs");
    assert!(took > Duration::from_secs(9), "{took:?}");
    assert_eq!(not_taken(&scene.house), ["NO_ANSWER"]);
    scene.house.signal("CONT");
    scene.until("the engine goes on", |scene| scene.house.get("/readyz").is_some_and(|page| page.contains(" 200 ")));
    // It may have been asked while it hung.
    scene.until("the PBX finds it again", |_| pbx.finds_us());
    scene.agent_is("second", "ready");

    // A drain: 503, and not after ten seconds.
    let (talks, _, _) = scene.call_to(EXTENSION, "an agent, before the drain");
    scene.agent_is("second", "talking");
    scene.house.signal("TERM");
    scene.until("it drains", |scene| scene.house.get("/readyz").is_some_and(|page| page.contains(" 503 ")));
    scene.call_reaches(EXTENSION, "the PBX's own queue while the engine drains");
    // Or its OPTIONS has met with 503 before the call did.
    let why = not_taken(&scene.house).pop().unwrap();
    assert!(["NORMAL_TEMPORARY_FAILURE", "GATEWAY_DOWN"].contains(&why.as_str()), "{why}");
    assert!(!scene.ended.contains_key(&(CALLER, talks)), "the call that was up goes on");
    scene.parties[CALLER].end(talks, Cause::NORMAL);
    scene.until("it ends with its last call", |scene| scene.house.get("/healthz").is_none());
    scene.call_reaches(EXTENSION, "the PBX's own queue when the engine is gone");
    assert_eq!(not_taken(&scene.house).len(), 3);
}

/// Reliable provisional responses between the two, keys both ways, hold from each side, and who hangs up.
#[test]
fn keys_holds_and_hang_ups_pass_between_freeswitch_and_the_engine() {
    let Some(program) = found() else {
        return println!(
            "FreeSWITCH was not tried, there is none here: neither in the PATH nor as target/freeswitch/run"
        );
    };
    let external = "<param name=\"enable-100rel\" value=\"true\"/>";
    let edits = &[
        (
            "[segments.standard]",
            "[outside.spain.allow]\n\"+34\" = [\"pbx\"]\n[stations.1001]\nclass = \"spain\"\n[segments.standard]",
        ),
        ("wrap_up = \"10s\"", "wrap_up = \"0s\""),
    ];
    let (mut scene, _pbx) = opened(&program, &Plan { external, edits, seat: 0 });
    for (agent, station, who, hertz) in
        [("first", "1001", SOFTPHONE, SOFTPHONE_HZ), ("second", "pbx-1003", EXTENSION, EXTENSION_HZ)]
    {
        scene.house.ask(&["agent", "login", agent, station]);
        scene.agent_is(agent, "ready");
        let (caller, taken, _) = scene.call_to(who, agent);
        scene.until("each hears the other", |s| hears(s, CALLER, caller, hertz) && hears(s, who, taken, CALLER_HZ));
        scene.parties[CALLER].press(caller, '5');
        scene.until("the agent hears the caller's key", |s| s.parties[who].keys(taken) == "5");
        scene.parties[who].press(taken, '#');
        scene.until("the caller hears the agent's key", |s| s.parties[CALLER].keys(caller) == "#");
        scene.parties[who].hold(taken, true);
        scene.until("held by his agent he no longer hears him", |s| !hears(s, CALLER, caller, hertz));
        scene.parties[who].hold(taken, false);
        scene.until("they talk again", |s| hears(s, CALLER, caller, hertz) && hears(s, who, taken, CALLER_HZ));
        scene.parties[CALLER].hold(caller, true);
        scene.until("held by the caller the agent no longer hears him", |s| !hears(s, who, taken, CALLER_HZ));
        scene.parties[CALLER].hold(caller, false);
        scene.until("and again they talk", |s| hears(s, CALLER, caller, hertz) && hears(s, who, taken, CALLER_HZ));
        scene.parties[who].end(taken, Cause::NORMAL);
        scene.until("the agent's hang-up ends the caller's call", |s| s.ended.contains_key(&(CALLER, caller)));
        let Cause { sip, q850, .. } = scene.ended[&(CALLER, caller)];
        assert_eq!((sip, q850), (Cause::NORMAL.sip, Cause::NORMAL.q850));
        let (caller, taken, _) = scene.call_to(who, agent);
        scene.parties[CALLER].end(caller, Cause::NORMAL);
        scene.until("the caller's hang-up ends the agent's", |s| s.ended.contains_key(&(who, taken)));
        scene.house.ask(&["agent", "logout", agent]);
    }
    let records = scene.house.records(4);
    let who: Vec<&str> = records.iter().map(|record| record["ended_by"].as_str().unwrap_or("nobody")).collect();
    assert_eq!(who, ["agent", "caller", "agent", "caller"], "{records:#?}");

    // An agent calls out: the number goes the way of the PBX's own phones, to the carrier.
    let out = scene.parties[SOFTPHONE].dial("+34911222333", "", "").unwrap();
    scene.until("the carrier is called", |s| !s.called[CALLER].is_empty());
    let called = scene.called[CALLER][0];
    scene.until("they talk", |s| hears(s, CALLER, called, SOFTPHONE_HZ) && hears(s, SOFTPHONE, out, CALLER_HZ));
    scene.parties[SOFTPHONE].end(out, Cause::NORMAL);
    scene.until("it is over", |s| s.ended.contains_key(&(CALLER, called)));
    scene.house.is_clean();
}

/// An agent's phone sends the caller on by REFER: to the extension at the PBX, and to it once more after he has asked there.
#[test]
fn a_caller_of_freeswitch_is_transferred_by_refer_to_an_extension_of_it() {
    let Some(program) = found() else {
        return println!(
            "FreeSWITCH was not tried, there is none here: neither in the PATH nor as target/freeswitch/run"
        );
    };
    // SIPp answers MD5 alone.
    let edits = &[
        ("[sip]\n", "[sip]\ndigests = [\"md5\"]\n"),
        ("[extensions]\n", "[extensions]\n1003 = \"station:pbx-1003\"\n"),
        ("wrap_up = \"10s\"", "wrap_up = \"0s\""),
    ];
    let (mut scene, _pbx) = opened(&program, &Plan { external: "", edits, seat: 1 });
    seat(&scene.house, 0, "first");

    let mut blind = phone_to(&scene.house, 0, "agent_blind_transfer", Duration::ZERO, 1, "1003");
    let caller = scene.parties[CALLER].dial(AVERIAS, "+34612045118", "").unwrap();
    scene.agent_is("first", "talking");
    blind.cue(1);
    scene.until("sent on, the caller is heard at the extension", |s| {
        s.called[EXTENSION].first().is_some_and(|leg| hears(s, EXTENSION, *leg, CALLER_HZ))
    });
    blind.done();
    scene.parties[CALLER].end(caller, Cause::NORMAL);
    scene.agent_is("first", "ready");

    let mut first = phone(&scene.house, 0, "agent_holds_on", Duration::ZERO, 1);
    let before = scene.called[EXTENSION].len();
    let caller = scene.parties[CALLER].dial(AVERIAS, "+34612045118", "").unwrap();
    scene.agent_is("first", "talking");
    first.cue(1);
    scene.agent_is("first", "holding");
    let refer_to = joining(&scene.house, &first);
    let user = account(0);
    let asked = format!("1003@{}", scene.house.sip());
    let fields = format!("{user};{};{refer_to}", credentials(&user));
    let role = Role {
        local: scene.house.phone(0),
        port: 5062,
        fields: &[&fields],
        more: &["-mp", "7000", "-auth_uri", &asked],
        ..carrier(&scene.house, "agent_consults", "1003", Duration::ZERO)
    };
    let mut consults = role.start(&scene.house);
    scene.until("he asks at the extension", |s| s.called[EXTENSION].len() > before);
    // After that of the challenge and that of the answer.
    consults.cue(2);
    consults.done();
    first.done();
    let taken = scene.called[EXTENSION][before];
    scene.until("caller and extension hear each other", |s| {
        hears(s, CALLER, caller, EXTENSION_HZ) && hears(s, EXTENSION, taken, CALLER_HZ)
    });
    scene.agent_is("first", "ready");
    scene.parties[EXTENSION].end(taken, Cause::NORMAL);
    scene.until("both calls are over", |s| s.ended.contains_key(&(CALLER, caller)));
    scene.house.is_clean();
}
