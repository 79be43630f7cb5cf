//! The audit log: what is in it after a restart, what goes, and what each command is told as.

use std::path::PathBuf;

use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use turno_base::Now;
use turno_engine::{Effect, Engine, Input};

use super::*;
use crate::shell::clock::Clock;
use crate::shell::entropy;
use crate::shell::inbox::inbox;

const DAY: Duration = Duration::from_secs(86_400);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let dir = std::env::temp_dir().join(format!("turno-audit-{:x}", entropy::draw()));
        std::fs::create_dir_all(&dir).unwrap();
        Folder(dir)
    }

    fn open(&self, kept: Duration) -> Audit {
        let (inbox, _) = inbox(Clock::begin());
        Audit::open(Arc::new(Asker::new(inbox)), &self.0, kept)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn author(who: &str, door: Door) -> Author {
    Author { who: who.into(), door }
}

fn deed(what: &str, about: &str) -> Deed {
    Deed { what: what.into(), about: about.into(), ..Deed::default() }
}

fn written(audit: &Audit, by: Author, deed: Deed, at: Wall) {
    audit.write(&[Line { by, deed, at }]);
}

fn listed(audit: &Audit, wanted: &Wanted) -> Vec<String> {
    let told = |entry: &Entry| format!("{} {} {} {}", entry.who, entry.door.as_str(), entry.what, entry.about);
    audit.list(wanted, Path::new("")).unwrap().iter().map(told).collect()
}

fn last(last: u32) -> Wanted {
    Wanted { last, ..Wanted::default() }
}

#[test]
fn what_was_done_is_there_after_a_restart_and_found_by_who_and_about() {
    let folder = Folder::new();
    let audit = folder.open(DAY);
    let now = wall();
    written(&audit, author("root", Door::Socket), deed("agent pause", "agent/anna"), now);
    written(&audit, author("wall", Door::Ami), deed("queue reset", "queue/averias"), now);
    written(&audit, author("crm", Door::Rest), deed("agent ready", "agent/anna"), now);
    drop(audit);
    let audit = folder.open(DAY);
    let all =
        ["crm rest agent ready agent/anna", "wall ami queue reset queue/averias", "root socket agent pause agent/anna"];
    assert_eq!(listed(&audit, &last(10)), all);
    assert_eq!(listed(&audit, &last(1)), all[..1]);
    assert_eq!(listed(&audit, &Wanted { who: Some("wall".into()), ..last(10) }), all[1..2]);
    assert_eq!(listed(&audit, &Wanted { about: Some("agent/".into()), ..last(10) }), [all[0], all[2]]);
    assert_eq!(listed(&audit, &Wanted { about: Some("agent/%".into()), ..last(10) }), [""; 0], "no pattern");
    let mode = std::fs::metadata(folder.0.join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others do not read it");
}

#[test]
fn old_entries_and_those_beyond_the_bound_go() {
    let folder = Folder::new();
    let audit = folder.open(DAY);
    let (by, now) = (author("root", Door::Socket), wall());
    let days_ago = |days: i64| Wall(now.0 - days * 86_400_000_000 - 1);
    for (what, at) in
        [("three days ago", days_ago(3)), ("yesterday", days_ago(1)), ("today", days_ago(0)), ("now", now)]
    {
        written(&audit, by.clone(), deed(what, "node"), at);
    }
    assert_eq!(listed(&audit, &last(10)), ["root socket now node", "root socket today node"]);
    // As if so many had been written since.
    let numbered = "UPDATE sqlite_sequence SET seq = ?";
    audit.log.lock().unwrap().db.execute(numbered, [i64::try_from(ENTRIES_MAX).unwrap() + 2]).unwrap();
    written(&audit, by.clone(), deed("much later", "node"), now);
    assert_eq!(listed(&audit, &last(10)), ["root socket much later node", "root socket now node"]);
    let text = "ñ".repeat(2 * log::TEXT_MAX);
    written(&audit, by.clone(), deed(&text, &text), now);
    let entry = &audit.list(&last(1), Path::new("")).unwrap()[0];
    assert_eq!((entry.what.chars().count(), entry.about.chars().count()), (log::TEXT_MAX, log::TEXT_MAX));
    assert!(audit.list(&last(u32::MAX), Path::new("")).is_ok(), "more than are shown are not asked for");
}

#[test]
fn a_file_of_a_later_program_is_left_alone() {
    let folder = Folder::new();
    written(&folder.open(DAY), author("root", Door::Socket), deed("drain", "node"), wall());
    let path = folder.0.join(FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", log::VERSION + 1).unwrap();
    let audit = folder.open(DAY);
    written(&audit, author("root", Door::Socket), deed("reload", "config"), wall());
    assert_eq!(listed(&audit, &last(10)), ["root socket reload config"], "in memory");
    let db = Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM entries", [], |row| row.get::<_, u32>(0)).unwrap(), 1);
}

/// An engine with the sample configuration, which answers commands.
fn engine(asker: Arc<Asker>, outlet: crate::shell::inbox::Outlet) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/turno.toml");
    let config = crate::shell::config::load(&file, Some(std::collections::BTreeMap::new())).settings.unwrap().engine;
    std::thread::spawn(move || {
        let (mut engine, mut now) = (Engine::new(), Now::from_ms(1000));
        engine.handle(&Input::Configure(Box::new(config)), now, &mut Vec::new());
        for arrival in &outlet.house {
            let mut out = Vec::new();
            now.mono.0 += 1000;
            engine.handle(&arrival.input, now, &mut out);
            for effect in out {
                if let Effect::Reply { id, answer } = effect {
                    asker.answer(id, answer);
                }
            }
        }
    });
}

/// Each kind of command, as it stands in the list: who, what, about what, before and after.
#[test]
fn a_command_is_told_with_what_it_changed() {
    let folder = Folder::new();
    let (inbox, outlet) = inbox(Clock::begin());
    let asker = Arc::new(Asker::new(inbox));
    engine(asker.clone(), outlet);
    let audit = Audit::open(asker, &folder.0, DAY);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let anna = "anna".parse().unwrap();
    let number: turno_base::E164 = "+34612045118".parse().unwrap();
    let averias = "averias".parse().unwrap();
    let by = author("root", Door::Socket);
    let commands = [
        Command::AgentLogin(anna, Some("1001".parse().unwrap())),
        Command::AgentPause(anna, "nowhere".parse().unwrap()),
        Command::AgentPause(anna, "lunch".parse().unwrap()),
        Command::AgentReady(anna),
        Command::AgentSkill(anna, "spanish".parse().unwrap(), turno_acd::SkillChange::Unset { until: None }),
        Command::AgentShow(None),
        Command::CallbackAdd { number, queue: averias, at: None },
        Command::CallbackCancel(number),
        Command::Emergency(Some(averias), true),
        Command::CallHangUp(turno_base::CallId(0xff)),
        Command::AgentLogout(anna),
    ];
    for command in commands {
        let _ = runtime.block_on(audit.ask(&by, command));
    }
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    let mut told = String::new();
    for entry in audit.list(&last(100), Path::new("")).unwrap().iter().rev() {
        let line = format!(
            "{} {} {}: {} => {}",
            entry.what,
            entry.about,
            entry.more,
            value(&entry.before),
            value(&entry.after)
        );
        told += line.trim();
        if let Some(why) = &entry.refused {
            told += &format!("  refused: {why}");
        }
        told.push('\n');
    }
    expect_test::expect_file!["../../../tests/golden/audit.txt"].assert_eq(&told);
}

/// A shift that logs in: what comes while the disk is at work goes there together.
#[test]
fn deeds_that_wait_together_are_one_write_and_each_is_told_when_it_is_on_disk() {
    let folder = Folder::new();
    let audit = folder.open(DAY);
    let line = |n: usize| Line { by: author("root", Door::Socket), deed: deed(&n.to_string(), "node"), at: wall() };
    let (mut waiting, mut firsts) = (Vec::new(), 0);
    for n in 0..TOGETHER_MAX + 2 {
        let (done, is_first) = audit.queue(line(n));
        waiting.push(done);
        firsts += u32::from(is_first);
    }
    assert_eq!(firsts, 1, "one of them writes for all");
    assert_eq!(audit.write_waiting(), TOGETHER_MAX);
    let told = |done: &mut oneshot::Receiver<()>| done.try_recv().is_ok();
    let many = waiting.iter_mut().filter_map(|done| told(done).then_some(())).count();
    assert_eq!(many, TOGETHER_MAX, "the others are not on disk yet");
    assert_eq!((audit.write_waiting(), audit.write_waiting()), (2, 0));
    assert!(waiting[TOGETHER_MAX..].iter_mut().all(told));
    let lines = listed(&audit, &last(1000));
    assert_eq!(lines.len(), TOGETHER_MAX + 2);
    assert_eq!(lines[0], format!("root socket {} node", TOGETHER_MAX + 1), "in their order");
    assert!(audit.queue(line(0)).1, "nobody writes any more: the next one must");
}

/// What is done at once from many sides is written down when each has its answer.
#[test]
fn whoever_has_an_answer_stands_in_the_file() {
    let folder = Folder::new();
    let audit = folder.open(DAY);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let (audit, file) = (audit.clone(), folder.0.join(FILE));
            runtime.spawn(async move {
                let what = format!("deed {n}");
                audit.note(&author("root", Door::Socket), deed(&what, "node")).await;
                let db = Connection::open(file).unwrap();
                db.query_row("SELECT count(*) FROM entries WHERE what = ?", [what], |row| row.get::<_, u32>(0)).unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap(), 1);
    }
}

#[test]
fn a_file_of_the_build_before_is_carried_forward() {
    let folder = Folder::new();
    written(&folder.open(DAY), author("root", Door::Socket), deed("drain", "node"), wall());
    let path = folder.0.join(FILE);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("ALTER TABLE entries DROP COLUMN edit; PRAGMA user_version = 1;").unwrap();
    drop(db);
    let audit = folder.open(DAY);
    written(&audit, author("root", Door::Cli), Deed { edit: Some(7), ..deed("customers merge", "customer/a") }, wall());
    assert_eq!(listed(&audit, &last(10)), ["root cli customers merge customer/a", "root socket drain node"]);
    let edits: Vec<_> = audit.list(&last(10), Path::new("")).unwrap().iter().map(|entry| entry.edit).collect();
    assert_eq!(edits, [Some(7), None]);
    assert!(folder.0.join("audit.v1.sqlite").exists(), "a copy as it was");
}
