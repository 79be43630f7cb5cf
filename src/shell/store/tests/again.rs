//! What consumers refused: given to them once more, let go, and forgotten with the person.

use std::sync::Mutex;

use turno_base::E164;

use super::outs::{hook, key, key_of, open_outs, refused_calls, server};
use super::*;
use crate::shell::store::customers::Erased;
use crate::shell::store::outs::{Fate, decide, refused};
use crate::shell::store::pseudonym::pseudonymise;
use crate::shell::store::retention::{Old, retain};

/// A peer that refuses the records with these keys, and what it was asked for.
fn picky(bad: &[u64]) -> (u16, mpsc::Receiver<String>, Arc<Mutex<Vec<String>>>) {
    let bad = Arc::new(Mutex::new(bad.iter().map(|&n| key(n)).collect::<Vec<_>>()));
    let refuses = bad.clone();
    let (port, asks) = server(move |_, request| {
        let is_bad = refuses.lock().unwrap().iter().any(|key| key == key_of(request));
        Some(if is_bad { "422 No" } else { "200 OK" }.to_owned())
    });
    (port, asks, bad)
}

fn names(calls: &[u64]) -> Vec<Option<String>> {
    calls.iter().map(|&n| Some(call(n).to_string())).collect()
}

#[test]
fn what_a_peer_refused_is_given_to_it_once_more_when_a_person_wants_it_or_never() {
    let dir = Dir::new("again");
    let (port, asks, bad) = picky(&[1, 3, 4]);
    let asked = || asks.try_iter().map(|request| key_of(&request).to_owned()).collect::<Vec<_>>();
    let store = open_outs(&dir, &[hook(port)]);
    let next = append(&store, 0..6, 1);
    assert!(store.flush_all(LONG));
    assert_eq!(refused_calls(&dir), names(&[1, 3, 4]));
    assert_eq!(asked().len(), 6);

    // It has learned to read two of them; one is asked for, and what is new comes as ever.
    *bad.lock().unwrap() = vec![key(4)];
    assert_eq!(decide(&dir.0, "hook", Some(call(3)), Fate::Again).unwrap(), 1);
    assert_eq!(refused(&dir.0).unwrap().iter().filter(|one| one.is_asked).count(), 1);
    append(&store, 6..7, next);
    assert!(store.flush_all(LONG));
    assert_eq!(asked(), [key(6), key(3)]);
    assert_eq!(refused_calls(&dir), names(&[1, 4]));

    // Nobody is there; the node does it when it starts. What is refused again is on the list again.
    store.close(LONG);
    assert_eq!(decide(&dir.0, "hook", None, Fate::Again).unwrap(), 2);
    assert_eq!(refused_calls(&dir), names(&[1, 4]), "on its way is not lost from sight");
    let store = open_outs(&dir, &[hook(port)]);
    assert!(store.flush_all(LONG));
    assert_eq!(asked(), [key(1), key(4)]);
    let left: Vec<_> = refused(&dir.0).unwrap().into_iter().map(|one| (one.call, one.reason, one.is_asked)).collect();
    assert_eq!(left, [(Some(call(4).to_string()), "it answers 422".to_owned(), false)]);

    for (name, of) in [("nobody", None), ("../hook", None), ("hook", Some(call(1)))] {
        assert_eq!(decide(&dir.0, name, of, Fate::Gone).unwrap(), 0, "{name}");
    }
    assert_eq!(decide(&dir.0, "hook", None, Fate::Gone).unwrap(), 1);
    assert_eq!(refused(&dir.0).unwrap(), []);
    assert!(store.flush_all(LONG));
    assert_eq!(asked(), [] as [String; 0]);
    store.close(LONG);
}

/// The peer is away: what it is to be given once more waits for it, and holds up neither the end nor what is new.
#[test]
fn what_cannot_be_given_once_more_now_stays_asked_for() {
    let dir = Dir::new("again-away");
    let (port, ..) = picky(&[1]);
    let store = open_outs(&dir, &[hook(port)]);
    append(&store, 0..2, 1);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    assert_eq!(decide(&dir.0, "hook", None, Fate::Again).unwrap(), 1);
    // Nobody listens at this port of ours.
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = open_outs(&dir, &[hook(away)]);
    assert!(store.flush_all(LONG));
    assert!(!store.consumers()[1].failing, "what is new has been taken");
    store.close(LONG);
    let left = refused(&dir.0).unwrap();
    assert_eq!((left.len(), left[0].is_asked, left[0].reason.as_str()), (1, true, "it answers 422"));
}

/// A crash between what it did and its list leaves a record on both lists, or twice on one: it is one record.
#[test]
fn a_record_on_both_lists_is_one_and_one_that_the_log_has_forgotten_says_so() {
    let dir = Dir::new("again-crash");
    let (port, asks, bad) = picky(&[0, 1]);
    let store = open_outs(&dir, &[hook(port)]);
    append(&store, 0..3, 1);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    let out = |name: &str| dir.0.join("out").join(name);
    let list = std::fs::read_to_string(out("hook.refused.jsonl")).unwrap();
    std::fs::write(out("hook.again.jsonl"), [&list[..], &list[..], "{\"segment\":1,"].concat()).unwrap();
    assert_eq!(refused_calls(&dir), names(&[0, 1]));
    bad.lock().unwrap().clear();
    assert_eq!(asks.try_iter().count(), 3);
    let store = open_outs(&dir, &[hook(port)]);
    assert!(store.flush_all(LONG));
    assert_eq!(asks.try_iter().map(|request| key_of(&request).to_owned()).collect::<Vec<_>>(), [key(0), key(1)]);
    assert!(!out("hook.again.jsonl").exists());
    store.close(LONG);

    assert_eq!(decide(&dir.0, "hook", None, Fate::Again).unwrap(), 2);
    std::fs::remove_dir_all(dir.0.join("log")).unwrap();
    let store = open_outs(&dir, &[hook(port)]);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    let reasons: Vec<String> = refused(&dir.0).unwrap().into_iter().map(|one| one.reason).collect();
    assert_eq!(reasons, ["the log no longer has it (store.kept)"; 2]);
}

/// Whether any file below a folder but the log has these bytes: that forgets by itself.
fn is_anywhere(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => !path.ends_with("log") && is_anywhere(&path, text),
            false => std::fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
        }
    })
}

/// Call 1 is on the peer's list, call 2 on that of the tables; the rest in the tables.
fn with_refusals(name: &str) -> (Dir, u16, mpsc::Receiver<String>, Arc<Mutex<Vec<String>>>) {
    let dir = Dir::new(name);
    let (port, asks, bad) = picky(&[1]);
    let store = open_outs(&dir, &[hook(port)]);
    let db = rusqlite::Connection::open(dir.0.join("records.sqlite")).unwrap();
    let no = format!(
        "CREATE TRIGGER no BEFORE INSERT ON calls WHEN new.call = '{}' BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        call(2)
    );
    db.execute_batch(&no).unwrap();
    append(&store, 0..4, 1);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    assert_eq!((all(&dir).len(), refused_calls(&dir)), (3, names(&[1])));
    assert_eq!(Reader::open(&dir.0).unwrap().refused().unwrap().len(), 1);
    (dir, port, asks, bad)
}

#[test]
fn whoever_is_forgotten_is_so_in_what_consumers_refused_and_is_given_to_nobody_again() {
    let (dir, port, asks, bad) = with_refusals("again-erased");
    assert!(is_anywhere(&dir.0.join("out"), "34612345678"));
    let of = |number: &str| Erased { ids: Vec::new(), numbers: vec![E164::new(number).unwrap()] };
    pseudonymise(&dir.0, &of("+34699999999"), "erased-y").unwrap();
    assert!(is_anywhere(&dir.0.join("out"), "34612345678"), "that was somebody else");
    assert_eq!(pseudonymise(&dir.0, &of("+34612345678"), "erased-x").unwrap(), 3);
    for gone in ["612345678", "@test", "theirs-"] {
        assert!(!is_anywhere(&dir.0, gone), "{gone} is still there");
    }
    // That they were refused still stands there.
    assert_eq!(refused_calls(&dir), names(&[1]));
    assert_eq!(Reader::open(&dir.0).unwrap().refused().unwrap().len(), 1);

    bad.lock().unwrap().clear();
    drop(asks.try_iter().collect::<Vec<_>>());
    assert_eq!(decide(&dir.0, "hook", None, Fate::Again).unwrap(), 1);
    let store = open_outs(&dir, &[hook(port)]);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    assert_eq!(asks.try_iter().count(), 0, "the log still has it, and it is not given away");
    assert_eq!(refused(&dir.0).unwrap()[0].reason, "it is forgotten");
}

#[test]
fn what_is_too_old_goes_from_what_was_refused_and_from_copies_of_the_tables_too() {
    let (dir, ..) = with_refusals("again-old");
    let copy = dir.0.join("records.v5.sqlite");
    std::fs::copy(dir.0.join("records.sqlite"), &copy).unwrap();
    let at = |n: u64| Wall::from_secs(1_773_140_400).plus_ms(n);
    let old = |before| Old { before, purpose: None };
    let counted = |path: &Path| {
        let db = rusqlite::Connection::open(path).unwrap();
        db.query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!(retain(&dir.0, old(at(3)), true).unwrap(), 2);
    assert_eq!(retain(&dir.0, old(at(0)), false).unwrap(), 0);
    assert!(is_anywhere(&dir.0.join("out"), "1@test"), "none of it is so old");
    assert_eq!(counted(&copy), 3);
    assert_eq!(retain(&dir.0, old(at(3)), false).unwrap(), 2);
    assert_eq!((all(&dir).len(), counted(&copy)), (1, 1));
    for (n, is_left) in [(0, false), (1, false), (2, false), (3, true)] {
        assert_eq!(is_anywhere(&dir.0, &format!("theirs-{n}")), is_left, "call {n}");
    }
}
