//! The first hour of an operator: `turno init`, `check`, `doctor`, and the engine that runs from it.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("turno-operator-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn config(&self) -> PathBuf {
        self.0.join("turno.toml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn turno(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turno")).args(args).output().unwrap()
}

fn init(dir: &Path, pbx: &str, more: &[&str]) -> Output {
    let dir = dir.to_str().unwrap();
    turno(&[&["init", "--pbx", pbx, "--pbx-ip", "127.0.61.2", "--ip", "127.0.61.1", "--dir", dir], more].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn init_writes_what_check_accepts_and_says_what_to_paste_on_each_pbx() {
    for (pbx, telling, takes) in [
        ("asterisk", "contact = sip:127.0.61.1:5060", "127.0.61.2:5060"),
        ("freeswitch", "value=\"127.0.61.1:5060\"", "127.0.61.2:5080"),
        ("kamailio", "\n1 sip:127.0.61.1:5060 0 2\n", "127.0.61.2:5060"),
    ] {
        let folder = Folder::new(pbx);
        let out = init(&folder.0, pbx, &[]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        let said = text(&out.stdout);
        assert!(said.contains(telling) && !said.contains("192.0.2."), "{said}");
        let written = fs::read_to_string(folder.config()).unwrap();
        assert!(written.contains(&format!("hosts = [\"{takes}\"]")), "{pbx}: {written}");
        let checked = turno(&["check", folder.config().to_str().unwrap()]);
        assert_eq!(
            (checked.status.code(), text(&checked.stderr)),
            (Some(0), String::new()),
            "{}",
            text(&checked.stdout)
        );
        assert_eq!(fs::metadata(folder.config()).unwrap().permissions().mode() & 0o777, 0o600, "it holds passwords");
    }
}

#[test]
fn init_never_writes_over_a_configuration_unasked_and_draws_new_passwords() {
    let folder = Folder::new("again");
    assert!(init(&folder.0, "asterisk", &[]).status.success());
    let first = fs::read_to_string(folder.config()).unwrap();
    let again = init(&folder.0, "asterisk", &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(folder.config()).unwrap(), first);
    assert!(init(&folder.0, "asterisk", &["--force"]).status.success());
    let second = fs::read_to_string(folder.config()).unwrap();
    let passwords =
        |text: &str| text.lines().filter(|line| line.starts_with("password")).map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (passwords(&first), passwords(&second));
    assert!(
        old.len() == 2 && old[0] != old[1] && old.iter().all(|password| !new.contains(password)),
        "{old:?} {new:?}"
    );
}

#[test]
fn who_reads_may_leave_before_all_is_printed() {
    // More than a pipe holds.
    let mut turno = Command::new(env!("CARGO_BIN_EXE_turno"));
    let mut turno = turno.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(turno.stdout.take());
    let out = turno.wait_with_output().unwrap();
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()));
}

fn findings(config: &Path) -> (bool, Vec<(String, String)>) {
    let out = turno(&["--json", "doctor", "--config", config.to_str().unwrap()]);
    let said: Value = serde_json::from_slice(&out.stdout).unwrap();
    let each = said["findings"].as_array().unwrap().iter();
    let each = each.map(|f| (f["about"].as_str().unwrap().to_owned(), f["verdict"].as_str().unwrap().to_owned()));
    assert_eq!(out.status.success(), said["well"].as_bool().unwrap());
    (out.status.success(), each.collect())
}

/// What `doctor` said of `about`.
fn of<'a>(found: &'a [(String, String)], about: &str) -> &'a str {
    found.iter().find(|(name, _)| name == about).map_or("nothing", |(_, verdict)| verdict)
}

#[test]
fn doctor_finds_a_taken_port_a_silent_trunk_and_a_damaged_database() {
    let folder = Folder::new("doctor");
    assert!(init(&folder.0, "freeswitch", &["--port", "5070"]).status.success());
    let (well, found) = findings(&folder.config());
    assert!(well, "{found:?}");
    assert_eq!(
        [of(&found, "UDP 127.0.61.1:5070"), of(&found, "RTP 127.0.61.1"), of(&found, "trunk pbx 127.0.61.2")],
        ["ok", "ok", "warning"]
    );

    let _taken = UdpSocket::bind("127.0.61.1:5070").unwrap();
    // A PBX that answers, as often as it is asked.
    let pbx = UdpSocket::bind("127.0.61.2:5080").unwrap();
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = pbx.recv_from(&mut buffer) {
            // Who listens may have gone.
            let _ = tell.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
            let _ = pbx.send_to(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", from);
        }
    });
    let records = folder.0.join("turno-data/records");
    fs::create_dir_all(&records).unwrap();
    fs::write(records.join("customers.sqlite"), b"no database at all").unwrap();
    let (well, found) = findings(&folder.config());
    assert!(!well);
    assert_eq!(
        [of(&found, "UDP 127.0.61.1:5070"), of(&found, "trunk pbx 127.0.61.2"), of(&found, "customers.sqlite")],
        ["failed", "ok", "failed"]
    );
    assert!(asked.try_iter().next().is_some_and(|asked| asked.starts_with("OPTIONS sip:127.0.61.2:5080 SIP/2.0\r\n")));
}

#[test]
fn doctor_looks_at_the_folders_of_a_configuration_that_is_named_without_its_own() {
    let folder = Folder::new("relative");
    assert!(init(&folder.0, "freeswitch", &["--port", "5072"]).status.success());
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_turno"));
    let out = doctor.args(["--json", "doctor", "--config", "turno.toml"]).current_dir(&folder.0).output().unwrap();
    let said: Value = serde_json::from_slice(&out.stdout).unwrap();
    let found = said["findings"].as_array().unwrap();
    for dir in ["turno-data", "turno-data/records"] {
        let about = format!("folder {dir}");
        let told = found.iter().find(|finding| finding["about"] == about.as_str());
        let told = told.map(|finding| finding["sentence"].as_str().unwrap());
        assert!(told.is_some_and(|told| told.starts_with("can be written")), "{about}: {said}");
    }
    assert!(!folder.0.join("turno-data").exists(), "looking makes nothing");
}

#[test]
fn doctor_finds_the_ports_of_the_manager_interface_taken() {
    let folder = Folder::new("ami");
    assert!(init(&folder.0, "freeswitch", &["--port", "5074"]).status.success());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.0.join("turno.crt"), made.cert.pem()).unwrap();
    fs::write(folder.0.join("turno.key"), made.signing_key.serialize_pem()).unwrap();
    let ami = "\n[ami]\nlisten = \"127.0.61.1:5038\"\ntls_listen = \"127.0.61.1:5039\"\n\
               [ami.tls]\ncert = \"turno.crt\"\nkey = \"turno.key\"\n[ami.logins.wall]\nsecret = \"long-and-random\"\n";
    fs::write(folder.config(), fs::read_to_string(folder.config()).unwrap() + ami).unwrap();
    let doors = ["AMI 127.0.61.1:5038", "AMI by TLS 127.0.61.1:5039"];
    let (well, found) = findings(&folder.config());
    assert!(well && doors.iter().all(|door| of(&found, door) == "ok"), "{found:?}");
    for taken in doors {
        let _taken = TcpListener::bind(taken.rsplit(' ').next().unwrap()).unwrap();
        let (well, found) = findings(&folder.config());
        assert!(!well, "{found:?}");
        for door in doors {
            assert_eq!(of(&found, door), if door == taken { "failed" } else { "ok" }, "{found:?}");
        }
    }
}

/// Writes a certificate with its key, valid from and until so many days after today.
fn certify(dir: &Path, name: &str, (from, until): (i64, i64)) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let on = |days: i64| {
        let secs = since.as_secs().checked_add_signed(days * 86_400).unwrap();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(secs)
    };
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (on(from), on(until));
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(dir.join(format!("{name}.crt")), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn doctor_says_which_certificate_has_expired_and_which_soon_will() {
    let folder = Folder::new("certificates");
    assert!(init(&folder.0, "freeswitch", &["--port", "5076"]).status.success());
    let plain = fs::read_to_string(folder.config()).unwrap();
    assert!(!plain.contains("http.tls") && !plain.contains("ami"), "{plain}");
    let https = "\n[http.tls]\ncert = \"http.crt\"\nkey = \"http.key\"\n";
    let ami = "\n[ami.tls]\ncert = \"ami.crt\"\nkey = \"ami.key\"\n";

    certify(&folder.0, "http", (-400, 13));
    fs::write(folder.config(), plain.clone() + https).unwrap();
    let (_, found) = findings(&folder.config());
    let about = ["certificate http.tls", "certificate ami.tls"];
    assert_eq!(about.map(|about| of(&found, about)), ["warning", "nothing"], "what both share is said once: {found:?}");

    fs::write(folder.config(), plain + https + ami).unwrap();
    for (of_http, of_ami, verdicts) in [
        ((-400, -1), (-400, 15), ["failed", "ok"]),
        ((-1, 13), (-3, -2), ["warning", "failed"]),
        ((-1, 15), (1, 400), ["ok", "failed"]),
        ((-1, 20_000), (-1, 1), ["ok", "warning"]),
    ] {
        certify(&folder.0, "http", of_http);
        certify(&folder.0, "ami", of_ami);
        let (well, found) = findings(&folder.config());
        assert_eq!(about.map(|about| of(&found, about)), verdicts, "{of_http:?} {of_ami:?} {found:?}");
        assert_eq!(well, !verdicts.contains(&"failed"), "{found:?}");
    }
    let out = text(&turno(&["doctor", "--config", folder.config().to_str().unwrap()]).stdout);
    let line = out.lines().find(|line| line.contains(about[0])).unwrap_or_else(|| panic!("{out}"));
    assert!(line.contains("is valid until 20"), "{line}");
}

#[test]
fn the_command_line_documents_itself() {
    let folder = Folder::new("man");
    assert!(turno(&["man", folder.0.to_str().unwrap()]).status.success());
    let page = fs::read_to_string(folder.0.join("turno-queue-show.1")).unwrap();
    assert!(page.contains("All queues, or one"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let out = turno(&["completions", shell]);
        assert!(out.status.success() && text(&out.stdout).contains("doctor"), "{shell}");
    }
}

/// Commands of the first fenced block below a heading, without their comments.
fn block(document: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let below = text.split_once(heading).unwrap_or_else(|| panic!("{document} has no {heading:?}")).1;
    let block = below.split("```").nth(1).unwrap();
    let lines = block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_quick_start_runs_as_it_is_written_in_both_languages() {
    let commands = block("README.md", "## Beside your PBX");
    assert_eq!(commands, block("LEEME.md", "## Junto a su centralita"));
    let folder = Folder::new("quick-start");
    let mut serving = None;
    for command in &commands {
        // The one thing that is the reader's own.
        assert!(!command.starts_with("turno init") || command.contains("--pbx-ip 10.0.0.5"), "{command}");
        let command = command.replace("--pbx-ip 10.0.0.5", "--pbx-ip 127.0.62.2 --ip 127.0.62.1");
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("turno"), "{command}");
        let mut turno = Command::new(env!("CARGO_BIN_EXE_turno"));
        turno.args(words).current_dir(&folder.0);
        // Other nodes of these tests are on this machine as well.
        turno.env("TURNO_HTTP__LISTEN", "127.0.62.1:8480");
        if command.starts_with("turno serve") {
            serving =
                Some(turno.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap());
            continue;
        }
        let out = turno.output().unwrap();
        assert!(out.status.success(), "{command}: {}{}", text(&out.stdout), text(&out.stderr));
    }
    let mut serving = serving.expect("the last of them serves");
    let began = std::time::Instant::now();
    // As a reader goes on, in the same folder.
    let asked = || {
        let words = ["--json", "queue", "show"];
        Command::new(env!("CARGO_BIN_EXE_turno")).args(words).current_dir(&folder.0).output().unwrap()
    };
    let shown = loop {
        let out = asked();
        if out.status.success() {
            break text(&out.stdout);
        }
        assert!(began.elapsed().as_secs() < 60 && serving.try_wait().unwrap().is_none(), "{}", text(&out.stderr));
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert!(
        serde_json::from_str::<Value>(&shown).unwrap()["queues"].as_array().is_some_and(|queues| !queues.is_empty())
    );
    let pid = serving.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(serving.wait().unwrap().success(), "it drains and ends");
}
