//! The document, its differences and its archive.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use toml::{Table, Value};

use super::*;
use crate::shell::config::source::Source;
use crate::shell::live::archive::{DOCUMENTS_MAX, REVISIONS_MAX};
use crate::shell::live::document::LIVE;
use crate::shell::store::tests::Dir;

fn sample() -> Sources {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = std::fs::read_to_string(dir.join("turno.toml")).unwrap();
    Sources::text("turno.toml", &text, &dir)
}

fn document(text: &str) -> Document {
    Document::parse(text).unwrap().0
}

fn by(how: How) -> By {
    By { who: "ana".to_owned(), how, why: "because".to_owned() }
}

/// Sections as people could write them, and as they could not.
fn documents() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (-1e9..1e9f64).prop_map(Value::Float),
        any::<String>().prop_map(Value::String),
        vec(any::<String>().prop_map(Value::String), 0..3).prop_map(Value::Array),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            btree_map(".{1,8}", inner.clone(), 0..4).prop_map(|table| Value::Table(table.into_iter().collect())),
            vec(btree_map("[a-z]{1,4}", inner, 0..3), 0..3)
                .prop_map(|all| Value::Array(all.into_iter().map(|t| Value::Table(t.into_iter().collect())).collect())),
        ]
    });
    let object = btree_map("[a-z_.]{1,8}", value, 0..4).prop_map(|table| Value::Table(table.into_iter().collect()));
    let sections = btree_map(0..LIVE.len(), btree_map("[a-z0-9.+-]{1,8}", object, 0..4), 0..5);
    sections.prop_map(|sections| {
        let mut document = Document::default();
        for (at, objects) in sections {
            let section = LIVE[at];
            let value = match section {
                "routes" => Value::Array(
                    objects
                        .into_iter()
                        .map(|(dnis, object)| {
                            let Value::Table(mut table) = object else { unreachable!() };
                            table.remove("trunk");
                            table.insert("dnis".to_owned(), Value::String(dnis));
                            Value::Table(table)
                        })
                        .collect(),
                ),
                _ => Value::Table(objects.into_iter().collect::<Table>()),
            };
            *document.section_mut(section, Value::Table(Table::new())) = value;
        }
        document.changed()
    })
}

proptest! {
    #[test]
    fn what_is_exported_is_what_is_applied(document in documents()) {
        let text = document.text();
        let (again, others) = Document::parse(&text).unwrap();
        prop_assert_eq!(&again, &document);
        prop_assert!(others.is_empty());
        prop_assert_eq!(again.text(), text, "and in the same order");
        prop_assert!(diff(&document, &Document::default().with(again)).is_empty());
    }

    #[test]
    fn two_documents_differ_exactly_in_the_objects_that_are_told(before in documents(), after in documents()) {
        let changes = diff(&before, &after);
        prop_assert_eq!(changes.is_empty(), before == after);
        // Putting what is told into the one makes the other.
        let mut made = before.clone();
        for change in &changes {
            let (kind, name) = edit::place_of(&change.object).unwrap();
            edit::put(&mut made, kind, name, edit::object(&after, kind, name).cloned());
        }
        prop_assert!(diff(&made.changed(), &after).is_empty());
    }

    #[test]
    fn secrets_are_neither_shown_nor_lost(document in documents(), name in "[a-z]{1,6}", secret in "[a-z]{6,12}") {
        let mut document = document;
        let account: Table = [("password".to_owned(), Value::String(format!("top-{secret}")))].into_iter().collect();
        let mut accounts = Table::new();
        accounts.insert(name, Value::Table(account));
        *document.section_mut("accounts", Value::Table(Table::new())) = Value::Table(accounts);
        let masked = document.masked();
        let secret = format!("top-{secret}");
        prop_assert!(!masked.text().contains(&secret));
        let (mut again, _) = Document::parse(&masked.text()).unwrap();
        prop_assert!(again.unmask(&document).is_empty());
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(document.masked().unmask(&Document::default()).len(), 1);
        let told: String = diff(&Document::default(), &document).iter().map(ToString::to_string).collect();
        prop_assert!(!told.contains(&secret));
    }
}

#[test]
fn the_sample_means_the_same_from_the_store_as_from_the_file() {
    let files = sample();
    let from_files = config::check(&files, Some(BTreeMap::new())).settings.unwrap();
    let document = document(&from_files.document.text());
    assert_eq!(document, from_files.document);
    let source = Source { name: "exported.toml".to_owned(), text: document.text() };
    let held = Held { document, source: Some(source), since: 1 };
    let checked = config::check(&Sources { held: Some(held), ..files }, Some(BTreeMap::new()));
    let odd = checked.problems.iter().filter(|problem| problem.file != "turno.toml");
    assert_eq!(odd.collect::<Vec<_>>(), Vec::<&Problem>::new());
    assert_eq!(
        checked.problems.len(),
        from_files.document.sections().count(),
        "one warning for each section of the file"
    );
    let from_store = checked.settings.unwrap();
    assert_eq!(from_store.engine, from_files.engine);
    assert_eq!(fingerprint(&from_store.engine), fingerprint(&from_files.engine));
}

#[test]
fn each_kind_has_its_section() {
    let sections: Vec<&str> = kind::KINDS.iter().map(|kind| kind.section).collect();
    assert_eq!(sections, LIVE);
}

#[test]
fn identity_and_revision_are_no_change() {
    let mut settings = config::check(&sample(), Some(BTreeMap::new())).settings.unwrap();
    let plain = fingerprint(&settings.engine);
    settings.engine.revision = 7;
    settings.engine.seed = 8;
    settings.engine.sip.nonce_key = [9; 32];
    assert_eq!(fingerprint(&settings.engine), plain);
    settings.engine.value_default_pm += 1;
    assert_ne!(fingerprint(&settings.engine), plain);
}

#[test]
fn revisions_and_the_hold_of_the_store_survive_a_restart() {
    let dir = Dir::new("live");
    let (one, two) = (document("[queues.a]\n"), document("[queues.a]\nlength_max = 5\n"));
    let mut live = Live::open(&dir.0).unwrap();
    assert_eq!((live.revision(), live.held()), (0, None));
    assert_eq!(live.note(&by(How::Start), Wall(10), &one, "x").unwrap(), 1);
    assert_eq!(live.note(&by(How::Start), Wall(20), &one, "x").unwrap(), 1, "the same is no news");
    assert_eq!(live.note(&by(How::Reload), Wall(30), &one, "y").unwrap(), 2, "files that the document does not hold");
    assert_eq!(live.held(), None);
    assert_eq!(Archive::peek(&dir.0.join(archive::FILE)).unwrap(), None);
    assert_eq!(live.note(&by(How::Edit), Wall(40), &two, "z").unwrap(), 3);
    drop(live);

    let live = Live::open(&dir.0).unwrap();
    assert_eq!((live.revision(), live.document()), (3, &two));
    assert_eq!(live.held(), Some(Held { document: two.clone(), source: None, since: 3 }));
    assert_eq!(Archive::peek(&dir.0.join(archive::FILE)).unwrap(), Some((3, two.clone())));
    let log: Vec<String> = live
        .log(10)
        .unwrap()
        .iter()
        .map(|r| {
            let changes: Vec<String> = r.changes.iter().map(ToString::to_string).collect();
            format!("{} {} {} {} {}: {}", r.revision, r.at.0, r.who, r.how.as_str(), r.why, changes.join("; "))
        })
        .collect();
    assert_eq!(
        log,
        [
            "3 40 ana edit because: ~ queues.a\n    + length_max = 5",
            "2 30 ana reload because: ",
            "1 10 ana start because: + queues.a",
        ]
    );
    assert_eq!(live.as_of(2).unwrap(), Some(one));
    assert_eq!(live.as_of(4).unwrap(), None);
    assert_eq!(live.entry(2).unwrap().map(|entry| entry.how), Some(How::Reload));
}

#[test]
fn taking_hold_of_an_unchanged_document_is_a_revision() {
    let mut live = Live::fleeting().unwrap();
    let one = document("[queues.a]\n");
    live.note(&by(How::Start), Wall(10), &one, "x").unwrap();
    assert_eq!(live.note(&by(How::Apply), Wall(20), &one, "x").unwrap(), 2);
    assert_eq!(live.held().map(|held| held.since), Some(2));
    assert_eq!(live.note(&by(How::Apply), Wall(30), &one, "x").unwrap(), 2);
}

#[test]
fn old_documents_and_older_revisions_are_let_go() {
    let mut live = Live::fleeting().unwrap();
    let nth = |n: u64| document(&format!("[queues.a]\nlength_max = {n}\n"));
    let most = DOCUMENTS_MAX + 10;
    for n in 1..=most {
        live.note(&by(How::Edit), Wall(0), &nth(n), &n.to_string()).unwrap();
    }
    assert_eq!(live.as_of(most - DOCUMENTS_MAX + 1).unwrap(), Some(nth(most - DOCUMENTS_MAX + 1)));
    assert_eq!(live.as_of(5).unwrap(), None, "only what changed is kept");
    assert_eq!(live.entry(5).unwrap().map(|entry| entry.changes.len()), Some(1));
    // Ten thousand restarts with other files forget the revisions before, and never the document in force.
    for n in most + 1..=most + REVISIONS_MAX {
        live.note(&by(How::Start), Wall(0), &nth(most), &n.to_string()).unwrap();
    }
    assert_eq!(live.entry(most - 1).unwrap(), None);
    assert_eq!(live.as_of(most + REVISIONS_MAX).unwrap(), Some(nth(most)));
}

#[test]
fn an_archive_of_another_version_or_of_rubbish_is_left_alone_and_named() {
    let dir = Dir::new("live");
    let path = dir.0.join(archive::FILE);
    drop(Live::open(&dir.0).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 9).unwrap();
    drop(db);
    let error = Live::open(&dir.0).unwrap_err().to_string();
    assert!(error.ends_with("config.sqlite is of version 9, and this program writes 1"), "{error}");
    assert!(Archive::peek(&path).is_err());
    std::fs::write(&path, "rubbish of some length that is no database at all").unwrap();
    assert!(Live::open(&dir.0).is_err());
    assert_eq!(std::fs::read(&path).unwrap().len(), 49);
}

#[test]
fn a_node_reads_what_its_store_holds() {
    let dir = Dir::new("live");
    let file = dir.0.join("turno.toml");
    let statics = "[[sip.listeners]]\naddress = \"127.0.0.1:5060\"\n[customers]\nsegment_default = \"standard\"\n";
    std::fs::write(&file, format!("[node]\ndata_dir = \"data\"\n{statics}")).unwrap();
    let problems = |file: &Path| load(file, Some(BTreeMap::new())).problems;
    assert!(problems(&file).iter().any(|p| !p.warning), "it has no segments");
    std::fs::create_dir(dir.0.join("data")).unwrap();
    let mut live = Live::open(&dir.0.join("data")).unwrap();
    live.note(&by(How::Apply), Wall(0), &document("[segments.standard]\n"), "x").unwrap();
    assert_eq!(problems(&file), Vec::new());
    assert_eq!(load(&file, Some(BTreeMap::new())).settings.unwrap().engine.acd.segments.len(), 1);
    // A folder that the environment names is looked into as well.
    let elsewhere = BTreeMap::from([("TURNO_NODE__DATA_DIR".to_owned(), "other".to_owned())]);
    assert!(load(&file, Some(elsewhere)).settings.is_none());
}
