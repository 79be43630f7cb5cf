//! Problems as an operator sees them: each case is a change to a small configuration that fits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::*;

/// The smallest configuration with one of everything.
const FITS: &str = r#"
[[sip.listeners]]
address = "127.0.0.1:5060"

[trunks.carrier]
networks = ["10.0.0.0/8"]

[accounts.1001]
password = "x"

[queues.averias]
need = "averias>=3"

[agents.anna]
skills = { averias = 5 }
queues = ["averias"]
station = "1001"

[segments.standard]

[customers]
segment_default = "standard"

[[routes]]
dnis = "*"
to = "queue:averias"
"#;

const OUTS: &str = r#"
[store]
kept = "30d"
kept_size = "1GB"
[[store.out]]
name = "calls"
to = "csv"
path = "out/calls.csv"
rotate = "day"
zone = "America/Bogota"
[[store.out]]
name = "log"
to = "queue-log"
path = "out/queue_log"
[[store.out]]
name = "sheets"
to = "parquet"
path = "out/calls.parquet"
rotate = "hour"
[[store.out]]
name = "billing"
to = "web-hook"
url = "https://billing.example/calls"
secret = "x"
deadline = "1s"
tries_max = 5
[[store.out]]
name = "central"
to = "postgres"
connection = "host=db.example user=turno dbname=calls"
"#;

/// What an operator did, and the text that became of it.
fn cases() -> Vec<(&'static str, String)> {
    let with = |from: &str, to: &str| {
        assert!(FITS.contains(from), "{from}");
        FITS.replacen(from, to, 1)
    };
    let and = |more: &str| format!("{FITS}{more}");
    vec![
        ("nothing wrong", FITS.to_owned()),
        ("an empty file", String::new()),
        ("a manager interface", and("[ami]\nlisten = \"127.0.0.1:5038\"\n[ami.logins.x]\nsecret = \"12345678\"\n")),
        (
            "a manager interface in secret without a certificate",
            and("[ami]\ntls_listen = \"127.0.0.1:5039\"\n[ami.logins.x]\nsecret = \"12345678\"\n"),
        ),
        ("a manager interface for nobody", and("[ami]\nlisten = \"10.0.0.2:5038\"\n")),
        (
            "a manager interface with everything wrong",
            and(
                "[ami]\nlisten = \"here\"\nconnections_max = 0\n[ami.logins.x]\nsecret = \"short\"\nread = [\"cals\"]\n\
                 networks = [\"10.0.0.0/33\"]\npassword = \"x\"\n[ami.logins.y]\n",
            ),
        ),
        ("a CRM by https", and("[customers.crm]\nurl = \"https://crm.example/x\"\n")),
        ("a CRM by something else", and("[customers.crm]\nurl = \"ftp://crm.example/x\"\n")),
        (
            "a CRM's authority that is not there",
            and("[customers.crm]\nurl = \"https://crm.example/x\"\nca_file = \"gone.pem\"\n"),
        ),
        ("rules of value that are not there", with("[customers]\n", "[customers]\nvalue_rules = \"gone.toml\"\n")),
        (
            "a CRM slower than a caller waits",
            and("[customers.crm]\nurl = \"http://crm.example/x\"\ndeadline = \"500ms\"\n"),
        ),
        ("no TOML", and("[queues.averias\nx = ")),
        ("an unknown key", with("need =", "ned =")),
        ("an unknown key like no other", and("[log]\ncolour = true\n")),
        ("an unknown section", and("[quees.x]\n")),
        ("a duration without a unit", and("[calls]\nring_limit = 20\n")),
        ("a duration out of range", with("need =", "ring_limit = \"10m\"\nneed =")),
        ("a number out of range", with("averias = 5", "averias = 11")),
        ("a number as a word", with("need =", "length_max = \"many\"\nneed =")),
        ("a text where a list of names belongs", with("queues = [\"averias\"]", "queues = [\"Averias\", 3]")),
        ("a flag as a word", with("need =", "join_when_empty = \"yes\"\nneed =")),
        ("a bad network", with("10.0.0.0/8", "10.0.0.0/64")),
        ("a bad address", with("127.0.0.1:5060", "localhost")),
        ("a name server by name", and("[sip]\nname_servers = [\"10.0.0.53\", \"[::1]:5353\", \"dns.example\"]\n")),
        ("more name servers than are asked", and(&format!("[sip]\nname_servers = {:?}\n", ["10.0.0.53"; 9]))),
        ("the same listener twice", and("[[sip.listeners]]\naddress = \"127.0.0.1:5060\"\n")),
        ("no listener", with("[[sip.listeners]]\naddress = \"127.0.0.1:5060\"", "")),
        ("every address without an external one", with("127.0.0.1:5060", "0.0.0.0:5060")),
        ("a name that is none", with("[queues.averias]", "[queues.Averias]")),
        ("a need with an error", with("averias>=3", "averias>=3 and (x")),
        ("a need that nobody meets", with("averias>=3", "averias>=6 or catalan>=1")),
        ("a route to a queue that is not there", with("queue:averias", "queue:averia")),
        ("a route to nothing known", with("queue:averias", "averias")),
        ("a refusal with no status", with("queue:averias", "refuse:200")),
        ("the same route twice", and("[[routes]]\ndnis = \"*\"\nto = \"refuse:404\"\n")),
        ("a need on a refusal", and("[[routes]]\ndnis = \"112\"\nto = \"refuse:404\"\nneed = \"a>=1\"\n")),
        ("a prompt that is not there", with("need =", "music = \"music\"\nneed =")),
        ("a prompt without its file", and("[prompts]\nmusic = \"nowhere.wav\"\n")),
        ("an agent at a station that is not there", with("station = \"1001\"", "station = \"1010\"")),
        ("a ring with a level and a need", and("[[queues.averias.rings]]\nlevel = 3\nneed = \"averias>=4\"\n")),
        ("a ring of a level that is none", and("[[acd.rings]]\nlevel = 11\n")),
        ("a ring of a segment that is not there", and("[[acd.rings]]\nsegments = [\"gold\"]\nlevel = 4\n")),
        ("a ring that nobody meets", and("[[queues.averias.rings]]\nneed = \"averias>=9\"\n")),
        ("rings longer than half the target", and("[[acd.rings]]\nlevel = 4\nfor = \"31s\"\n")),
        ("a reserve of everybody", and("[skills.averias]\nreserve = 1\n")),
        ("a skill that nobody has", and("[skills.catalan]\nhandle = \"5m\"\n")),
        ("a certificate that nobody holds", and("[segments.standard.certified]\naverias = 3\n")),
        (
            "a certificate with all it can have wrong",
            and("[agents.anna.certificates.catalan]\nlevel = 11\nuntil = \"next year\"\nfrom = \"2026-01-01\"\n"),
        ),
        (
            "tasks with all they can have wrong",
            and("[acd.tasks]\ndue_urgent = \"0s\"\ndue_soon = \"1h\"\n[agents.anna.tasks]\nmail = 2\nfax = 21\n"),
        ),
        ("a knob of the rule out of range", and("[acd.rule]\nvalue_exponent = 3\n")),
        (
            "records that go nowhere, and twice to the same place",
            and(
                "[[store.out]]\nname = \"a b\"\nto = \"xml\"\n[[store.out]]\nto = \"csv\"\n[[store.out]]\nname = \"sqlite\"\n\
                 to = \"jsonl\"\npath = \"x\"\nrotate = \"week\"\n[[store.out]]\nname = \"b\"\nto = \"csv\"\npath = \"x\"\n\
                 [[store.out]]\nname = \"p\"\nto = \"parquet\"\npath = \"x\"\nrotate = \"never\"\n\
                 [[store.out]]\nname = \"hook\"\nto = \"web-hook\"\nurl = \"https://me:pw@x.example/\"\nca_file = \"nowhere.pem\"\n\
                 [[store.out]]\nname = \"db\"\nto = \"postgres\"\nconnection = \"what is this\"\n",
            ),
        ),
        ("records to all there is", and(OUTS)),
        ("a queue into itself", with("need =", "on_full = \"queue:averias\"\nneed =")),
        ("overflow outside without a class", with("need =", "on_wait = \"number:+34910000001\"\nneed =")),
        (
            "dispositions that a queue must have and cannot",
            with("need =", "dispositions = [\"fault\"]\ndisposition_required = true\nneed ="),
        ),
        (
            "dispositions that a queue must have, by what is above them",
            with("need =", "dispositions = [\"fault\"]\ndisposition_required = true\nwrap_up = \"30s\"\nneed =")
                + "\n[dispositions.\"fault.line\"]\n",
        ),
        (
            "a first contact that is judged after it is forgotten",
            and("[figures]\nresolved_within = \"30d\"\nkept = \"8d\"\n"),
        ),
        ("a matter that is settled by a word that nobody can say", and("[figures]\nsettled = [\"sold\"]\n")),
        (
            "exports of a week",
            and("[[figures.exports]]\nreport = \"law\"\neach = \"week\"\nby = \"month\"\ndir = \"law\"\n"),
        ),
        (
            "a wrap-up of fixed length that ends when saved",
            with("need =", "wrap_up = \"30s\"\nwrap_up_fixed = true\nwrap_up_until_saved = true\nneed ="),
        ),
        ("a shift that begins with a reason that is not there", and("[acd]\nlogin_reason = \"setup\"\n")),
        ("a limit with no known end", and("[reasons.lunch]\nlongest = \"45m\"\nthen = \"fire\"\n")),
        (
            "a calendar with all it can have wrong",
            and(
                "[calendars.m]\nzone = \"Europe/Madris\"\ncountry = \"pt\"\nholidays = [\"24.12.2026\"]\n[calendars.m.hours]\n\
                 mon-fri = [\"9-14\"]\nfri-mon = [\"09:00-14:00\"]\n[calendars.m.special]\nxmas = []\n",
            ),
        ),
        ("a calendar that never opens", and("[calendars.m]\nzone = \"Europe/Madrid\"\n")),
        ("a calendar that is not there", with("need =", "calendar = \"m\"\nneed =")),
        ("a queue that leaves who is being rung", with("need =", "leave_ignores = [\"ringing\", \"lunch\"]\nneed =")),
        ("an emergency into itself", with("need =", "on_emergency = \"queue:averias\"\nneed =")),
        ("a strategy by a name from elsewhere", with("need =", "strategy = \"rrmemory\"\nneed =")),
        ("an order of agents that are not there", with("need =", "strategy = \"linear\"\norder = [\"ana\"]\nneed =")),
        ("an order for a strategy without", with("need =", "order = [\"anna\"]\nneed =")),
        ("a rank in a queue that the agent does not serve", with("skills =", "ranks = { ventas = 1 }\nskills =")),
        ("a bad overflow", with("need =", "on_wait = \"voicemail\"\nneed =")),
        (
            "two agents with one code",
            and(
                "[agents.bo]\nqueues = [\"averias\"]\ncode = \"1\"\n[agents.cy]\nqueues = [\"averias\"]\ncode = \"1\"\n",
            ),
        ),
        ("an account without a secret", with("password = \"x\"", "")),
        ("two secrets", with("password = \"x\"", "password = \"x\"\nmd5 = \"0123456789abcdef0123456789abcdef\"")),
        ("a hash that is none", with("password = \"x\"", "md5 = \"XYZ\"")),
        (
            "a registration without credentials",
            with("networks =", "hosts = [\"a.example\"]\nregister = \"5m\"\nnetworks ="),
        ),
        ("a trunk by a listener that is not there", with("networks =", "listener = \"127.0.0.1:5062\"\nnetworks =")),
        ("a trunk nobody can be", with("networks = [\"10.0.0.0/8\"]", "")),
        ("HTTP for everybody", and("[http]\nlisten = \"0.0.0.0:8480\"\n")),
        ("a token too short", and("[http]\ntoken = \"short\"\n")),
        (
            "tokens and people",
            and(
                "[http]\nlisten = \"0.0.0.0:8480\"\norigins = [\"https://crm.example\"]\n[[http.tokens]]\nname = \"wall\"\n\
                 scope = \"board\"\nhash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n\
                 [[http.people]]\nname = \"anna\"\nscope = \"agent\"\nagent = \"anna\"\npassword = \
                 \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\"\n",
            ),
        ),
        (
            "tokens with all they can have wrong",
            and(
                "[http]\norigins = [\"crm.example\"]\n[[http.tokens]]\nname = \"a b\"\nscope = \"boss\"\nhash = \"x\"\n\
                 expires = \"soon\"\n[[http.tokens]]\nscope = \"agent\"\nsecret_file = \"gone\"\n[[http.tokens]]\n\
                 name = \"x\"\nscope = \"board\"\nagent = \"anna\"\n[[http.people]]\nname = \"y\"\nscope = \"agent\"\n\
                 agent = \"zoe\"\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\"\n\
                 [[http.people]]\nname = \"z\"\nscope = \"admin\"\npassword = \"secret\"\n",
            ),
        ),
        ("TLS without its files", and("[http.tls]\ncert = \"gone.crt\"\n")),
        (
            "a web hook that chooses events and is not told them",
            and(
                "[[store.out]]\nname = \"hook\"\nto = \"web-hook\"\nurl = \"http://x.example/\"\nkinds = [\"queue-left\", \"rain\"]\n",
            ),
        ),
        ("a journal smaller than its segments", and("[journal]\nsize = \"64MB\"\nsegment_size = \"64MB\"\n")),
        ("no journal", and("[journal]\nenabled = false\n")),
        ("a class with a trunk that is not there", and("[outside.all]\n[outside.all.allow]\n\"+34\" = [\"carier\"]\n")),
        ("a class that is not there", and("[stations.1001]\nclass = \"all\"\n")),
        ("a segment that is not there", with("segment_default = \"standard\"", "segment_default = \"gold\"")),
        ("no default segment", with("segment_default = \"standard\"", "")),
        ("a feature code without a star", and("[codes]\nin_out = \"45\"\n")),
        ("an emergency code that begins like another", and("[codes]\nemergency = \"*451\"\n")),
        ("one code that begins another", and("[codes]\nin_out = \"*4\"\npause = \"*46\"\n")),
        ("a media range of one port", and("[media]\nports = \"20000-20000\"\n")),
        ("a file that is not there", and("[tariff]\nfile = \"nowhere.csv\"\n")),
    ]
}

#[test]
fn every_problem_names_its_line_its_key_and_what_to_write() {
    let mut all = String::new();
    for (what, text) in cases() {
        let checked = parse("turno.toml", &text, Path::new("."), Some(BTreeMap::new()));
        let fits = if checked.settings.is_some() { "fits" } else { "refused" };
        writeln!(all, "# {what}: {fits}").unwrap();
        for problem in &checked.problems {
            writeln!(all, "{problem}").unwrap();
        }
        assert_eq!(checked.settings.is_some(), checked.problems.iter().all(|p| p.warning), "{what}");
    }
    expect_test::expect_file!["../../../tests/golden/shell-config.txt"].assert_eq(&all);
}

#[test]
fn the_environment_stands_above_the_file() {
    let environment = BTreeMap::from([
        ("TURNO_HTTP__LISTEN".to_owned(), "127.0.0.1:9".to_owned()),
        ("TURNO_QUEUES__AVERIAS__LENGTH_MAX".to_owned(), "7".to_owned()),
        ("UNRELATED".to_owned(), "x".to_owned()),
    ]);
    let settings = parse("turno.toml", FITS, Path::new("."), Some(environment)).settings.unwrap();
    assert_eq!(settings.http.listen.map(|a| a.port()), Some(9));
    assert_eq!(settings.engine.acd.queues.values().map(|q| q.length_max).collect::<Vec<_>>(), [7]);
}

#[test]
fn four_times_as_many_accounts_take_about_four_times_as_long_to_read() {
    let text = |accounts: usize| {
        let begin = include_str!("../../../config/turno.toml");
        (0..accounts)
            .fold(begin.to_owned(), |text, n| format!("{text}\n[accounts.phone{n}]\npassword = \"secret-{n}\"\n"))
    };
    let took = |accounts: usize| {
        let text = text(accounts);
        let once = || {
            let began = std::time::Instant::now();
            let checked = parse("turno.toml", &text, std::path::Path::new("config"), Some(BTreeMap::new()));
            println!("{accounts}: {:?}, {} problems", began.elapsed(), checked.problems.len());
            began.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (few, many) = (took(4000), took(16_000));
    // What grows with the square takes 16 times as long.
    assert!(many < few * 10, "{few:?}, then {many:?}");
}

#[test]
fn every_folder_is_relative_to_the_file_wherever_the_process_was_started() {
    let text = format!(
        "{FITS}[node]\ndata_dir = \"data\"\nsocket = \"run/t.sock\"\n[journal]\ndir = \"journal\"\n[store]\ndir = \"records\"\n\
         [voicemail]\ndir = \"messages\"\n"
    );
    let folders = |text: &str| {
        let sources = source::Sources::text("turno.toml", text, Path::new("/etc/turno"));
        let settings = check(&sources, Some(BTreeMap::new())).settings.expect("it fits");
        let journal = settings.journal.expect("it has one").dir;
        [settings.node.data_dir, settings.node.socket, journal, settings.store.dir, settings.voicemail.dir]
            .map(|path| path.display().to_string())
    };
    let beside = ["data", "run/t.sock", "journal", "records", "messages"].map(|path| format!("/etc/turno/{path}"));
    assert_eq!(folders(&text), beside);
    // A whole path is one.
    assert_eq!(folders(&text.replace("\"records\"", "\"/srv/records\""))[3], "/srv/records");
    let below =
        ["", "/turno.sock", "/journal", "/records", "/voicemail"].map(|path| format!("/etc/turno/turno-data{path}"));
    assert_eq!(folders(FITS), below);
}
