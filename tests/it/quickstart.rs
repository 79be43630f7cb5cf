//! The first pages of the documents, done as they say: each command in a block of the README, of its twin and of the page on
//! installing is run here or named with the reason why not; and what the README promises of the demo is so.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use turno::demo::party::{Party, PartyEvent, Voice, wait};

use super::house::{free_port, http_get};

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(60);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Commands in the blocks of a page, without their comments.
fn commands(page: &str) -> Vec<String> {
    let text = text(page);
    let lines = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let lines = lines.map(|line| format!(" {line}").split(" #").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Where each is run, or why nowhere.
const WHERE: &[(&str, &str)] = &[
    ("make demo", "the_demo_is_what_the_first_page_says"),
    ("make test", "it runs this"),
    ("turno init --pbx asterisk --pbx-ip 10.0.0.5", "operator.rs"),
    ("turno doctor --config turno.toml", "operator.rs"),
    ("turno serve --config turno.toml", "operator.rs"),
    ("make deb", "builds for release, which takes longer than all tests; deploy.rs looks at what goes into it"),
    ("sudo apt install ./target/debian/turno_*.deb", "changes this machine"),
    (
        "sudo turno init --pbx asterisk --pbx-ip 10.0.0.5 --dir /etc/turno",
        "the_unit_starts_what_the_page_on_installing_makes",
    ),
    ("sudo chown -R turno:turno /etc/turno", "the account is the package's"),
    ("sudo -u turno turno doctor --config /etc/turno/turno.toml", "the_unit_starts_what_the_page_on_installing_makes"),
    ("sudo systemctl enable --now turno", "the_unit_starts_what_the_page_on_installing_makes"),
    ("docker build -f deploy/docker/Dockerfile -t turno .", "needs a daemon and a registry of images"),
    (
        "docker run --rm --user 0 --network host -v $PWD/deploy/docker/etc:/etc/turno turno init --pbx asterisk --pbx-ip \
         10.0.0.5 --dir /etc/turno",
        "needs the image",
    ),
    ("sudo chown -R 10001:10001 deploy/docker/etc", "needs root"),
    ("docker compose -f deploy/docker/compose.yml up -d", "needs the image"),
    (
        "docker compose -f deploy/docker/compose.yml exec turno turno --socket /run/turno/turno.sock queue show",
        "needs the image",
    ),
    (
        "helm install turno deploy/helm/turno --set-file config=turno.toml --set \
         'nodeSelector.kubernetes\\.io/hostname=voice1'",
        "needs a cluster",
    ),
    ("kubectl exec turno-0 -- turno --socket /run/turno/turno.sock queue show", "needs a cluster"),
];

#[test]
fn every_command_of_the_first_pages_is_run_by_a_test_or_excepted_by_name() {
    let known: BTreeMap<&str, &str> = WHERE.iter().copied().collect();
    let mut seen = Vec::new();
    for page in ["README.md", "LEEME.md", "docs/how-to/install.md"] {
        for command in commands(page) {
            assert!(known.contains_key(command.as_str()), "{page}: nothing runs {command:?}");
            seen.push(command);
        }
    }
    let gone: Vec<&&str> = known.keys().filter(|command| !seen.iter().any(|seen| seen == **command)).collect();
    assert!(gone.is_empty(), "no page has {gone:?}");
    let tests = text("tests/it/quickstart.rs") + &text("tests/it/operator.rs");
    for place in known.values().filter(|place| place.contains('_') && !place.contains(' ')) {
        assert!(tests.contains(&format!("fn {place}(")), "there is no {place}");
    }
}

/// A program that is ended with the test, and its folder with it.
struct Running {
    child: Child,
    dir: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", fs::read_to_string(self.dir.join("log")).unwrap_or_default());
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Running {
    fn start(dir: &Path, words: &[&str], environment: &[(&str, String)]) -> Running {
        let log = fs::File::create(dir.join("log")).unwrap();
        let mut turno = Command::new(env!("CARGO_BIN_EXE_turno"));
        turno.args(words).current_dir(dir).envs(environment.iter().map(|(name, value)| (*name, value)));
        turno.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Running { child: turno.spawn().unwrap(), dir: dir.to_owned() }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// How long until it has ended, and well.
    fn ended(&mut self) -> Duration {
        let began = Instant::now();
        until("it ends", || self.child.try_wait().unwrap()).success().then_some(began.elapsed()).expect("ended well")
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("turno-quickstart-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Words of the command that a page has in a sentence.
fn sentence(page: &str, begins: &str) -> Vec<String> {
    let text = text(page);
    let code = text.split('`').skip(1).step_by(2).find(|code| code.starts_with(begins));
    code.unwrap_or_else(|| panic!("{page} has no {begins}")).split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn the_demo_is_what_the_first_page_says() {
    // `make test` may itself be a step of another make, which tells its children so and makes them print more.
    let mut make = Command::new("make");
    make.args(["-n", "demo"]).current_dir(root()).env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    let out = make.output().unwrap();
    let recipe = String::from_utf8(out.stdout).unwrap();
    assert_eq!(recipe, "cargo build --profile demo --bin turno\n./target/demo/turno demo\n");
    // On ports of its own, as the page says for ports that are taken.
    let (sip, http) = (free_port(), free_port());
    let words = sentence("README.md", "turno demo --sip-port");
    assert_eq!(words, sentence("LEEME.md", "turno demo --sip-port"));
    let own = |word: &String| word.replace("5070", &sip.to_string()).replace("8090", &http.to_string());
    let words: Vec<String> = words.iter().map(own).collect();
    let dir = folder("demo");
    let mut demo = Running::start(&dir, &words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, http));
    until("the wallboard is there", || http_get(at, "/wall/").filter(|page| page.starts_with("HTTP/1.1 200")));

    // The seat that is free: account and password of the page, at any softphone.
    let page = text("README.md");
    let (account, password) = ("1004", "demo");
    assert!(page.contains(&format!("as `{account}` with password `{password}`, and answer")), "{page}");
    let engine = SocketAddr::from((Ipv4Addr::LOCALHOST, sip));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut phone = Party::open(local, engine, Some((account, password)), 5, Voice::Tone(440)).unwrap();
    let mut calling = None;
    let (mut is_registered, mut talk) = (false, None);
    let began = Instant::now();
    while talk.is_none_or(|leg| phone.packets(leg) < 20) {
        assert!(
            began.elapsed() < SOON,
            "no call came to the free seat, or nothing was heard: {is_registered}, {talk:?}"
        );
        let events: Vec<PartyEvent> = phone.pump().collect();
        for event in events {
            match event {
                PartyEvent::Registered => is_registered = true,
                PartyEvent::Called(leg, _) => {
                    phone.answer(leg).unwrap();
                    talk = Some(leg);
                }
                _ => {}
            }
        }
        if is_registered && calling.is_none() {
            // In another terminal, at the ports of this test.
            let mut words = sentence("README.md", "turno call --to");
            words.extend(["--engine".to_owned(), engine.to_string()]);
            let mut call = Command::new(env!("CARGO_BIN_EXE_turno"));
            calling =
                Some(call.args(words).current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        }
        wait(std::iter::once(&phone), Duration::from_millis(10)).unwrap();
    }
    let mut calling = calling.expect("it was placed");
    assert!(dir.join("demo-data").is_dir(), "what it wrote");
    demo.signal("INT");
    let took = demo.ended();
    println!("Ctrl-C ended it after {took:?}: within a second on a machine with nothing else to do");
    assert!(took < SOON / 2, "{took:?}");
    // Its engine is gone; how it says so is another matter.
    let _ = calling.kill();
    let _ = calling.wait();
}

/// A line of the unit: its words without the program.
fn of_unit<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let line =
        unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_else(|| panic!("{key}"));
    line.split(' ').collect()
}

/// `systemctl enable --now`, `reload` and `stop`, done as systemd does them: the lines of the unit, with its environment.
#[test]
fn the_unit_starts_what_the_page_on_installing_makes() {
    let dir = folder("unit");
    let (own, etc) = ("127.0.63.1", dir.join("etc"));
    let here = |word: &str| {
        let word = word
            .replace("/etc/turno", etc.to_str().unwrap())
            .replace("/var/lib/turno", dir.join("lib").to_str().unwrap());
        word.replace("/run/turno", dir.to_str().unwrap()).replace("10.0.0.5", "127.0.63.2")
    };
    let turno = |words: &[&str], environment: &[(&str, String)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turno"));
        command.args(words.iter().map(|word| here(word))).envs(environment.iter().map(|(name, value)| (*name, value)));
        let out = command.env("TURNO_HTTP__LISTEN", format!("{own}:8480")).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{words:?}: {said}");
        said
    };
    let of_page = |begins: &str| {
        let command = commands("docs/how-to/install.md").into_iter().find(|command| command.contains(begins)).unwrap();
        command
            .split(' ')
            .skip_while(|word| *word != begins.split(' ').next_back().unwrap())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let words = of_page("turno init");
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(["--ip", own]);
    assert!(turno(&words, &[]).contains("--- /etc/asterisk/pjsip.conf"));
    let words = of_page("turno doctor");
    turno(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);

    let unit = text("deploy/systemd/turno.service");
    let notify = dir.join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let mut environment: Vec<(&str, String)> = of_unit(&unit, "Environment")
        .into_iter()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name, here(value)))
        .collect();
    environment.push(("NOTIFY_SOCKET", notify.to_str().unwrap().to_owned()));
    environment.push(("TURNO_HTTP__LISTEN", format!("{own}:8480")));
    turno(&of_unit(&unit, "ExecStartPre")[1..], &environment);
    let serve: Vec<String> = of_unit(&unit, "ExecStart")[1..].iter().map(|word| here(word)).collect();
    let mut node = Running::start(&dir, &serve.iter().map(String::as_str).collect::<Vec<_>>(), &environment);
    let mut buffer = [0; 4096];
    let length = manager.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"READY=1"), "Type=notify waits for it");
    turno(&of_unit(&unit, "ExecReload")[1..], &environment);
    // What the table of the page says to ask.
    turno(&["--socket", "/run/turno/turno.sock", "queue", "show"], &[]);
    let page = http_get((Ipv4Addr::new(127, 0, 63, 1), 8480).into(), "/wall/").unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    node.signal(of_unit(&unit, "KillSignal")[0].trim_start_matches("SIG"));
    node.ended();
    assert!(dir.join("lib/records").is_dir(), "data is where the unit says");
}
