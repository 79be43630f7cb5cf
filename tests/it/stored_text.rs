//! Texts from outside that are kept, all of them: a sentence for the database stands there as text and the tables are whole;
//! and a caller whose name is markup is text wherever he is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use turno::demo::party::{Party, Voice};
use turno_base::LegId;

use crate::attack::{SENTENCES, encoded, exchange, token};
use crate::browser::Browser;
use crate::house::{AVERIAS, House, Plan, free_port};
use crate::sipp::seat;

const SECRET: &str = "a-long-and-random-one";
const MARKUP: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

struct Scene {
    house: House,
    admin: String,
    ami: u16,
    carrier: Party,
}

impl Scene {
    fn open() -> Scene {
        let ((admin, lines), ami) = (token("admin"), free_port());
        let more = format!(
            "[dispositions.sold]\n{lines}\n[ami]\nlisten = \"127.0.0.1:{ami}\"\n[ami.logins.connector]\nsecret = \"{SECRET}\"\n\
             write = [\"all\"]\n[[store.out]]\nname = \"queue-log\"\nto = \"queue-log\"\npath = \"queue_log\"\n"
        );
        let house = House::open(&Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue: "", more: &more });
        seat(&house, 0, "anna");
        house.ask(&["agent", "pause", "anna", "pausa"]);
        let local = SocketAddr::new(house.ip(2), 5060);
        let carrier = Party::open(local, house.sip(), None, 7, Voice::Tone(440)).unwrap();
        Scene { house, admin, ami, carrier }
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Value {
        let (length, admin) = (body.len(), &self.admin);
        let text = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: turno.example\r\nConnection: close\r\nAuthorization: Bearer {admin}\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let (status, said) = loop {
            let (status, said) = exchange(SocketAddr::new(self.house.ip(1), 8480), text.as_bytes());
            // What the pace of one token lets through comes in time.
            if status != 429 {
                break (status, said);
            }
        };
        assert_eq!(status, 200, "{method} {path} {body}: {said}");
        serde_json::from_str(&said).unwrap_or(Value::String(said))
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, "application/json", &body)
    }

    /// A caller of this name waits in the queue.
    fn call(&mut self, from: &str, name: &str) -> LegId {
        let leg = self.carrier.dial(AVERIAS, from, name).unwrap();
        let wanted = |shown: &Value| shown["calls"].as_array().unwrap().iter().any(|call| call["ani"] == from);
        self.until("he waits", |scene| {
            let calls = scene.json("GET", "calls", &Value::Null);
            (wanted(&calls) && !scene.json("GET", "queues/averias", &Value::Null)["queues"][0]["waiting"][0].is_null())
                .then_some(())
        });
        leg
    }

    /// Waits until `look` finds something, while the carrier goes on.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Scene) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            self.carrier.pump().for_each(drop);
            if let Some(found) = look(self) {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "{what}");
        }
    }

    /// A line of `queue_log` by a program outside.
    fn note(&self, text: &str) {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(("127.0.0.1", self.ami)).unwrap();
        let asked = format!(
            "Action: Login\r\nUsername: connector\r\nSecret: {SECRET}\r\nEvents: off\r\n\r\n\
             Action: QueueLog\r\nQueue: averias\r\nEvent: CRM\r\nUniqueId: {text}\r\nMessage: {text}\r\n\r\nAction: Logoff\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).unwrap();
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        assert!(said.contains("Event added successfully"), "{said}");
    }
}

fn databases(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => databases(&path, found),
            false if path.extension().is_some_and(|e| e == "sqlite") => found.push(path),
            false => {}
        }
    }
}

/// Each database with its tables; all of them sound.
fn tables(house: &House) -> BTreeMap<PathBuf, BTreeSet<String>> {
    let mut found = Vec::new();
    databases(&house.dir.join("data"), &mut found);
    let read = |path: PathBuf| {
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{}", path.display());
        let mut select = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let names = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        (path, names)
    };
    found.into_iter().map(read).collect()
}

fn csv(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[test]
fn sentences_for_the_database_are_kept_as_the_text_that_they_are() {
    let mut scene = Scene::open();
    let header = "external_id,name,given name,surnames,numbers,email,town\n";
    scene.send("POST", "customers/import", "text/csv", &format!("{header}C-0,Ana,Ana,Roca,+34688111222,,\n"));
    let before = tables(&scene.house);
    assert!(before.len() >= 4, "{before:?}");
    for (nth, sentence) in SENTENCES.into_iter().enumerate() {
        // Customers: each text of a file, what a person changes, and an id that is one.
        let (cell, at) = (csv(sentence), encoded(sentence));
        let row = format!("{cell},{cell},{cell},{cell},+3468811130{nth},,{cell}\n");
        let told = scene.send("POST", &format!("customers/import?name={at}"), "text/csv", &(header.to_owned() + &row));
        assert_eq!(told["outcome"]["counts"]["added"], 1, "{told:#}");
        let change = json!({"name": sentence, "custom": {"plan": sentence, sentence: sentence}});
        scene.json("PATCH", &format!("customers/{at}"), &change);
        scene.json("POST", &format!("customers/{at}/notes"), &json!({"text": sentence}));
        let kept = scene.json("GET", &format!("customers/{at}"), &Value::Null);
        for key in ["id", "name", "given", "surnames"] {
            assert_eq!(kept[key], *sentence, "{key}: {kept:#}");
        }
        assert_eq!((&kept["custom"]["plan"], &kept["custom"][sentence]), (&json!(sentence), &json!(sentence)));
        assert_eq!(kept["notes"][0]["text"], *sentence, "{kept:#}");
        assert_eq!(kept["addresses"][0]["town"], *sentence, "{kept:#}");
        // Tasks.
        let task = json!({"kind": "email", "queue": "averias", "subject": sentence, "customer": sentence});
        let told = scene.json("POST", "tasks", &task);
        assert_eq!((&told["tasks"][0]["subject"], &told["tasks"][0]["customer"]), (&json!(sentence), &json!(sentence)));
        // Configuration: shown names, and why.
        let revision = scene.json("PATCH", &format!("config/agents/anna?why={at}"), &json!({"shown": sentence}));
        let revision = scene.json("GET", &format!("config/revisions/{}", revision["revision"]), &Value::Null);
        assert_eq!(revision["why"], *sentence, "{revision:#}");
        scene.json("PATCH", "config/dispositions/sold", &json!({"shown": sentence}));
        assert_eq!(scene.json("GET", "config/dispositions/sold", &Value::Null)["object"]["shown"], *sentence);
        assert_eq!(scene.json("GET", "agents/anna", &Value::Null)["agents"][0]["shown"], *sentence);
        // Who did it, about what.
        let told = scene.json("GET", &format!("audit?who={at}&about={at}"), &Value::Null);
        assert_eq!(told["audit"], json!([]), "nobody is called so");
        // The line of `queue_log`.
        scene.note(sentence);
        // And a call, of which the network says this name and no number.
        let from = ["a'--", "b')", "('", "'='", "c'*"][nth];
        let leg = scene.call(from, sentence);
        scene.carrier.end(leg, turno_base::Cause::NORMAL);
        scene.until("he has a record", |scene| {
            let told = scene.json("GET", &format!("records?number={}", encoded(from)), &Value::Null);
            (told["records"].as_array().unwrap().len() == 1).then_some(())
        });
    }
    let lines = scene.until("every note is in queue_log", |scene| {
        let text = fs::read_to_string(scene.house.dir.join("queue_log")).unwrap_or_default();
        (text.matches("|CRM|").count() == SENTENCES.len()).then_some(text)
    });
    for sentence in SENTENCES {
        assert!(lines.contains(&format!("|CRM|{sentence}\n")), "{sentence}: {lines}");
    }
    assert_eq!(scene.json("GET", "records", &Value::Null)["records"].as_array().unwrap().len(), SENTENCES.len());
    assert_eq!(scene.json("GET", "customers/C-0", &Value::Null)["name"], "Ana");
    assert_eq!(tables(&scene.house), before, "no table came or went");
    let customers = Connection::open(scene.house.dir.join("data/records/customers.sqlite")).unwrap();
    let count: u32 = customers.query_row("SELECT count(*) FROM customers", [], |row| row.get(0)).unwrap();
    assert_eq!(count as usize, SENTENCES.len() + 1);
    drop(scene.carrier);
    scene.house.is_clean();
}

#[test]
fn a_caller_whose_name_is_markup_is_text_on_every_page_where_he_is_seen() {
    let mut scene = Scene::open();
    scene.json("PATCH", "config/agents/anna", &json!({"shown": MARKUP}));
    let url = format!("http://{}:8480/wall/?lang=en#token={}", scene.house.ip(1), scene.admin);
    let mut browser = Browser::open(&scene.house.dir.join("browser"), &url);
    // The page is there first: a caller who sends nothing while it opens would be taken for gone.
    scene.call("<img>", MARKUP);
    let shows = |browser: &mut Browser, expression: &str| (browser.value(expression) == json!(true)).then_some(());
    scene.until("the board shows him", |_| {
        shows(&mut browser, "document.querySelector('#waiting .big')?.textContent === '1'")
    });
    let agent = format!("document.querySelector('#people [data-id=anna] b')?.textContent === {}", json!(MARKUP));
    scene.until("and the agent by the name given", |_| shows(&mut browser, &agent));
    browser.value("document.querySelector('#queues [data-id=averias]').click()");
    scene.until("who waits", |_| shows(&mut browser, "document.querySelector('#why tbody button') !== null"));
    browser.value("document.querySelector('#why tbody button').click()");
    scene.until("why he waits", |_| shows(&mut browser, "document.querySelector('#why li') !== null"));
    browser.value("document.querySelector('#why header button').click()");
    browser.value("document.querySelector('#people [data-id=anna]').click()");
    scene.until("why she gets nothing", |_| {
        shows(&mut browser, "document.querySelector('#why li')?.textContent.includes('anna')")
    });
    assert_eq!(browser.value("document.querySelectorAll('img, body script').length"), json!(0));
    assert_eq!(browser.value("window.hacked === undefined"), json!(true));
}
