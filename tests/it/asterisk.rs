//! A real Asterisk into which is pasted what `turno init --pbx asterisk` prints, nothing more and nothing less: its calls are
//! queued and answered at a softphone and at an extension of its own, and its own queue takes them when the engine drains,
//! hangs or is gone.
//!
//! `scripts/asterisk` unpacks one below `target`. Where none is to be had the test says so and tries nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use turno::demo::party::{Party, PartyEvent, Voice, wait};
use turno_base::{Cause, LegId};

use super::house::{AVERIAS, House};

/// Longest that anything may take; the PBX gives a node that says nothing ten seconds, and asks for it every twenty.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// What any PBX has before Turno comes: a carrier, an extension, a queue.
const PJSIP: &str = r#"
[udp]
type = transport
protocol = udp
bind = PBX:5060
[carrier]
type = endpoint
transport = udp
context = to-turno
disallow = all
allow = alaw
direct_media = no
trust_id_inbound = yes
[carrier]
type = identify
endpoint = carrier
match = CARRIER
[204]
type = aor
contact = sip:204@EXTENSION:5060
[204]
type = endpoint
transport = udp
aors = 204
context = from-inside
disallow = all
allow = alaw
direct_media = no
"#;
const QUEUES: &str = "[fallback]\nstrategy = ringall\ntimeout = 15\nmember => PJSIP/204\n";
const MODULES: &str =
    "[modules]\nautoload = yes\nnoload = res_pjsip_config_wizard.so\nnoload = chan_iax2.so\nnoload = cdr_csv.so\n";

/// Where it was unpacked, or why it was not.
fn unpacked() -> Result<PathBuf, String> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/asterisk");
    if below.join("run").exists() {
        return Ok(below);
    }
    Err(fs::read_to_string(below.join("absent")).expect("scripts/asterisk (make tools) unpacks it"))
}

/// What `init` printed below the line that names `file`.
fn pasted<'a>(told: &'a str, file: &str) -> &'a str {
    let below = told.split_once(&format!("--- /etc/asterisk/{file}")).unwrap_or_else(|| panic!("{file}: {told}")).1;
    below.split_once('\n').unwrap().1.split("\n--- ").next().unwrap()
}

/// An Asterisk in the foreground.
struct Asterisk {
    child: Child,
    run: PathBuf,
    config: PathBuf,
}

impl Asterisk {
    fn open(house: &House, at: &Path, told: &str) -> Asterisk {
        let dir = house.dir.join("asterisk");
        for part in ["db", "keys", "spool", "run", "logs"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        let (dir_name, root) = (dir.display(), at.join("root"));
        let own = format!(
            "[directories]\nastetcdir => {dir_name}\nastmoddir => {root}/usr/lib/x86_64-linux-gnu/asterisk/modules\n\
             astvarlibdir => {root}/usr/share/asterisk\nastdatadir => {root}/usr/share/asterisk\nastdbdir => {dir_name}/db\n\
             astkeydir => {dir_name}/keys\nastspooldir => {dir_name}/spool\nastrundir => {dir_name}/run\n\
             astlogdir => {dir_name}/logs\n",
            root = root.display()
        );
        let addressed = PJSIP
            .replace("PBX", &house.ip(2).to_string())
            .replace("CARRIER", &house.ip(3).to_string())
            .replace("EXTENSION", &house.ip(4).to_string());
        let ports = format!("[general]\nrtpstart = {}\nrtpend = {}\n", house.low_port(), house.low_port() + 40);
        for (file, text) in [
            ("asterisk.conf", own),
            ("modules.conf", MODULES.to_owned()),
            ("queues.conf", QUEUES.to_owned()),
            ("logger.conf", "[logfiles]\nconsole => notice,warning,error\n".to_owned()),
            ("rtp.conf", ports),
            // On loopback an address is no interface's: only by naming the transport does its sound leave from there.
            (
                "pjsip.conf",
                addressed + &pasted(told, "pjsip.conf").replace("aors = turno", "aors = turno\ntransport = udp"),
            ),
            ("extensions.conf", pasted(told, "extensions.conf").to_owned()),
        ] {
            fs::write(dir.join(file), text).unwrap();
        }
        let log = File::create(house.dir.join("asterisk.log")).unwrap();
        let (run, config) = (at.join("run"), dir.join("asterisk.conf"));
        let mut command = Command::new(&run);
        command.arg("-C").arg(&config).arg("-f").arg("-n").stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Asterisk { child, run, config }
    }

    /// The engine has answered its last OPTIONS; until then its calls take the way back. It asks every 20 s.
    fn finds_us(&self) -> bool {
        let mut command = Command::new(&self.run);
        let said = command.arg("-C").arg(&self.config).args(["-rx", "pjsip show contacts"]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).lines().any(|line| line.contains("turno") && line.contains("Avail"))
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A caller of the carrier, a softphone at the engine, and a phone at the PBX; who is called answers.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) parties: [Party; 3],
    pub(crate) called: [Vec<LegId>; 3],
    /// Legs that are over, of any of them: who, and which.
    pub(crate) ended: BTreeMap<(usize, LegId), Cause>,
}

pub(crate) const CALLER: usize = 0;
pub(crate) const SOFTPHONE: usize = 1;
pub(crate) const EXTENSION: usize = 2;

impl Scene {
    fn play(&mut self) {
        for (at, party) in self.parties.iter_mut().enumerate() {
            let events: Vec<PartyEvent> = party.pump().collect();
            for event in events {
                match event {
                    PartyEvent::Called(leg, _) => {
                        party.answer(leg).unwrap();
                        self.called[at].push(leg);
                    }
                    PartyEvent::Ended(leg, cause) => drop(self.ended.insert((at, leg), cause)),
                    _ => {}
                }
            }
        }
        wait(self.parties.iter(), Duration::from_millis(10)).unwrap();
    }

    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Scene) -> bool) -> Duration {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < SOON, "{what}: not within {SOON:?}");
            self.play();
        }
        began.elapsed()
    }

    /// A call through the PBX that `who` answers, with sound both ways; how long it took until then.
    pub(crate) fn call_reaches(&mut self, who: usize, when: &str) -> Duration {
        let (leg, _, took) = self.call_to(who, when);
        self.parties[CALLER].end(leg, Cause::NORMAL);
        self.until("the call is over", |scene| scene.ended.contains_key(&(CALLER, leg)));
        took
    }

    /// The same, and the call goes on: the caller's leg and that of `who`.
    pub(crate) fn call_to(&mut self, who: usize, when: &str) -> (LegId, LegId, Duration) {
        let before = self.called[who].len();
        let leg = self.parties[CALLER].dial(AVERIAS, "+34612045118", "").unwrap();
        let took = self.until(when, |scene| {
            let sent_away = scene.ended.get(&(CALLER, leg));
            assert!(sent_away.is_none(), "{when}: the caller was sent away, {sent_away:?}");
            scene.called[who].len() > before
        });
        // Of a caller who was sent on while the engine hung his phone may ring too, and be cancelled.
        let heard = |scene: &Scene| {
            let hears = |leg: &LegId| scene.parties[who].packets(*leg) > 20;
            scene.called[who][before..].iter().copied().find(hears)
        };
        self.until("sound both ways", |scene| scene.parties[CALLER].packets(leg) > 20 && heard(scene).is_some());
        let answered = heard(self).expect("it has been heard");
        (leg, answered, took)
    }

    pub(crate) fn agent_is(&mut self, agent: &str, state: &str) {
        self.until(&format!("{agent} is {state}"), |scene| scene.house.agent(agent) == state);
    }
}

/// What `init` printed, and the folder's configuration made this house's: its port of HTTP, its folder of data, and one of
/// the agents at an extension of the PBX, as docs/how-to/pbx.md says in the `nth` of its blocks of TOML.
pub(crate) fn init(house: &House, name: &str, nth: usize) -> String {
    let (own, pbx) = (house.ip(1).to_string(), house.ip(2).to_string());
    let init = ["init", "--pbx", name, "--pbx-ip", &pbx, "--ip", &own, "--dir"];
    let out = Command::new(env!("CARGO_BIN_EXE_turno")).args(init).arg(&house.dir).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let file = house.dir.join("turno.toml");
    let mut text = fs::read_to_string(&file).unwrap();
    let page = include_str!("../../docs/how-to/pbx.md");
    let fixed = page.split("```toml\n").nth(nth).unwrap().split("```").next().unwrap();
    let fixed = fixed.replace("10.0.0.5", &pbx);
    for (from, to) in [
        ("127.0.0.1:8480", format!("{own}:8480")),
        ("\"turno-data\"", "\"data\"".to_owned()),
        ("[segments.standard]", format!("{fixed}\n[segments.standard]")),
    ] {
        assert!(text.contains(from), "{text}");
        text = text.replace(from, &to);
    }
    fs::write(file, text).unwrap();
    String::from_utf8(out.stdout).unwrap()
}

pub(crate) fn password(house: &House, account: &str) -> String {
    let text = fs::read_to_string(house.dir.join("turno.toml")).unwrap();
    let below = text.split_once(&format!("[accounts.{account}]")).unwrap().1;
    below.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn what_init_prints_for_asterisk_is_pasted_and_calls_are_queued_or_fall_back() {
    let at = match unpacked() {
        Ok(at) => at,
        Err(why) => return println!("Asterisk was not tried, there is none here: {why}"),
    };
    let mut house = House::plot();
    let told = init(&house, "asterisk", 2);
    let pbx = Asterisk::open(&house, &at, &told);
    house.start();
    let address = |host: u8| SocketAddr::new(house.ip(host), 5060);
    let secret = password(&house, "1001");
    let tone = Voice::Tone(440);
    let caller = Party::open(address(3), address(2), None, 1, tone.clone()).unwrap();
    let softphone = Party::open(address(11), address(1), Some(("1001", &secret)), 2, tone.clone()).unwrap();
    let extension = Party::open(address(4), address(2), None, 3, tone).unwrap();
    let parties = [caller, softphone, extension];
    let mut scene = Scene { house, parties, called: Default::default(), ended: BTreeMap::new() };
    scene.until("the softphone is registered", |scene| scene.house.is_registered("1001"));
    scene.until("the PBX answers OPTIONS", |scene| scene.house.metric("turno_trunk_up") == 1.0);
    scene.until("the engine answers those of the PBX", |_| pbx.finds_us());

    // He logs in as the last line says, by *45; his colleague is at an extension of the PBX.
    scene.parties[SOFTPHONE].dial("*45", "", "").unwrap();
    scene.agent_is("first", "ready");
    scene.call_reaches(SOFTPHONE, "an agent at a softphone");
    scene.house.ask(&["agent", "logout", "first"]);
    scene.house.ask(&["agent", "login", "second", "pbx-204"]);
    scene.agent_is("second", "ready");
    scene.call_reaches(EXTENSION, "an agent at an extension of the PBX");
    let records = scene.house.records(3);
    assert_eq!(records[0]["to"]["raw"], "*45", "the first is his login: {:#}", records[0]);
    for record in &records[1..] {
        assert_eq!((&record["outcome"], &record["trunk"]), (&"answered".into(), &"pbx".into()), "{record:#}");
        assert_eq!(record["from"]["raw"], "+34612045118", "{record:#}");
    }

    // A node that hangs says nothing: the PBX's own queue has the caller after the ten seconds of Dial, and he is not sent away.
    scene.house.signal("STOP");
    let took = scene.call_reaches(EXTENSION, "the PBX's own queue while the engine hangs");
    assert!(took > Duration::from_secs(9), "{took:?}");
    scene.house.signal("CONT");
    scene.until("the engine goes on", |scene| scene.house.get("/readyz").is_some_and(|page| page.contains(" 200 ")));
    // It may have been asked while it hung.
    scene.until("the PBX finds it again", |_| pbx.finds_us());

    // A drain: 503, and at once.
    let talks = scene.parties[CALLER].dial(AVERIAS, "+34612045118", "").unwrap();
    scene.agent_is("second", "talking");
    scene.house.signal("TERM");
    scene.until("it drains", |scene| scene.house.get("/readyz").is_some_and(|page| page.contains(" 503 ")));
    let took = scene.call_reaches(EXTENSION, "the PBX's own queue while the engine drains");
    assert!(took < Duration::from_secs(9), "before the ten seconds of Dial: {took:?}");
    assert!(!scene.ended.contains_key(&(CALLER, talks)), "the call that was up goes on");
    scene.parties[CALLER].end(talks, Cause::NORMAL);
    scene.until("it ends with its last call", |scene| scene.house.get("/healthz").is_none());
    scene.call_reaches(EXTENSION, "the PBX's own queue when the engine is gone");
}
