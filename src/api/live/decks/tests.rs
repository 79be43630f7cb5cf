//! Price books imported while calls run: refused by row, added by date, swapped, undone, and the same over REST and the control socket.

use serde_json::{Value, json};
use turno_base::Wall;
use turno_base::fact::Party;
use turno_tariff::{Call, Key, Payer, rate};

use crate::api::control::{Reply, Request, ask};
use crate::api::live::{LiveReply, LiveRequest};
use crate::api::tests::{Place, place};
use crate::shell::live::decks::{DECK_BYTES_MAX, FOLDER, TEXTS_MAX, id_of};
use crate::shell::reload::change::Wanted;
use crate::shell::reload::decks::Import;

/// 2026-07-01 and 2027-07-01.
const SUMMERS: [i64; 2] = [1_782_864_000, 1_814_400_000];

fn book(from: &str, price: &str) -> String {
    format!("valid_from,payer,b,rate,per_minute\n{from},company,349,freephone,{price}\n")
}

impl Place {
    /// Status and body of `/api/v1/decks` and below.
    fn decks(&self, method: &str, below: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.send(method, &format!("/api/v1/decks{below}"), "Content-Type: text/csv\r\n", body);
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// What a minute that arrives costs in each summer, by the book in force.
    fn minutes(&self) -> [Option<String>; 2] {
        let deck = self.state.reloader.settings().engine.deck;
        SUMMERS.map(|answer| {
            let (a, b) = (Key::EMPTY, Key::new("34912345678").unwrap());
            let call = Call { a, b, answer: Wall::from_secs(answer), duration_ms: 60_000, answered: true };
            rate(deck.of_party(Party::Caller(None)), &call, Payer::company()).net.map(|net| net.to_string())
        })
    }

    fn texts_kept(&self) -> usize {
        std::fs::read_dir(self.state.records.join("data").join(FOLDER)).map_or(0, Iterator::count)
    }
}

fn prices(of: [&str; 2]) -> [Option<String>; 2] {
    of.map(|price| (!price.is_empty()).then(|| price.to_owned()))
}

#[test]
fn a_price_book_is_imported_put_into_force_added_to_and_taken_back() {
    let place = place(None);
    assert_eq!(place.decks("GET", "", ""), (200, json!({"revision": 1, "decks": []})));

    let faulty = book("2026-01-01", "cheap") + "2026-13-01,company,35,any,0.10\n";
    let (status, refused) = place.decks("POST", "/import?name=main&use=file", &faulty);
    assert_eq!(status, 422);
    assert_eq!(
        refused["rows"],
        json!([{"row": 2, "column": "per_minute", "code": "bad_price"},
               {"row": 3, "column": "valid_from", "code": "bad_instant"}])
    );
    assert_eq!((place.state.reloader.live().0, place.texts_kept()), (1, 0), "nothing is different");

    let first = book("2026-01-01", "0.10");
    let (status, done) = place.decks("POST", "/import?name=main&use=file&dry_run=true", &first);
    assert_eq!((status, place.texts_kept(), place.state.reloader.live().0), (200, 0, 1), "{done}");
    let (status, done) = place.decks("POST", "/import?name=main&use=file&why=first", &first);
    assert_eq!((status, &done["revision"]), (200, &json!(2)), "{done}");
    assert_eq!(place.minutes(), prices(["0.1000", "0.1000"]));

    // The prices of a year later need none of those before.
    let next = book("2027-01-01", "0.12");
    assert_eq!(place.decks("POST", "/import?name=main", &next).1["revision"], 3);
    assert_eq!(place.minutes(), prices(["0.1000", "0.1200"]));
    assert_eq!(place.decks("POST", "/import?name=main", &next).1["revision"], 3, "the same again is no change");
    let (_, one) = place.decks("GET", "/main", "");
    assert_eq!(one["deck"]["used_by"], json!(["file"]));
    assert_eq!(one["deck"]["texts"], json!([id_of(&first), id_of(&next)]));
    assert_eq!(one["deck"]["versions"][1]["rules"], 1);
    assert_eq!(place.decks("GET", "/main/text", "").1, json!(next));
    assert_eq!(place.decks("GET", &format!("/main/text?id={}", id_of(&first)), "").1, json!(first));
    assert_eq!(place.decks("GET", "/main/text?id=..%2Fidentity", "").0, 404);
    assert_eq!(place.decks("GET", "/other", "").0, 404);

    // Another currency cannot stand beside the first, but may be the whole deck.
    let dollars = format!("@currency,USD\n{}", book("2028-01-01", "0.20"));
    let (status, refused) = place.decks("POST", "/import?name=main", &dollars);
    assert_eq!(status, 422);
    let sentences = refused["problems"].as_array().unwrap().iter().map(|problem| problem["sentence"].as_str().unwrap());
    assert!(sentences.into_iter().any(|said| said.contains("its currency is not that")), "{refused}");
    let (_, done) = place.decks("POST", "/import?name=main&whole=true", &dollars);
    assert!(done["warnings"].as_array().unwrap().iter().any(|w| w.as_str().unwrap().contains("no version")), "{done}");
    assert_eq!(place.minutes(), prices(["", ""]));

    // Taken back, with the texts as they were.
    assert_eq!(place.send("POST", "/api/v1/config/revisions/4/undo", "", "").0, 200);
    assert_eq!(place.minutes(), prices(["0.1000", "0.1200"]));
    let (_, log) = place.send("GET", "/api/v1/config/revisions/2", "", "");
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!((&log["how"], &log["why"], &log["who"]), (&json!("import"), &json!("first"), &json!("anybody")));

    // What is used stays.
    assert_eq!(place.send("DELETE", "/api/v1/config/decks/main", "", "").0, 422);
    assert_eq!(place.texts_kept(), 3, "each is named by a revision");
}

#[test]
fn the_control_socket_imports_for_one_trunk_and_lists() {
    let place = place(None);
    let live = |request| ask(&place.socket, &Request::Live(Box::new(request))).unwrap();
    let import = crate::shell::reload::decks::Import {
        name: "carrier".into(),
        text: book("2026-01-01", "0.07"),
        whole: false,
        uses: vec!["trunks.carrier.inbound".into()],
    };
    let wanted = crate::shell::reload::change::Wanted::Import(import);
    let change = |expect| LiveRequest::Change { wanted: wanted.clone(), why: "x".into(), dry_run: false, expect };
    assert!(matches!(live(change(Some(7))), Reply::Refused(_)), "another revision is in force");
    let Reply::Live(reply) = live(change(Some(1))) else { panic!("done") };
    assert!(matches!(*reply, LiveReply::Changed(done) if done.revision == 2));
    let Reply::Live(reply) = live(LiveRequest::Decks) else { panic!("listed") };
    let LiveReply::Decks(all) = *reply else { panic!("listed") };
    assert_eq!(
        (all.len(), &*all[0].name, &all[0].used_by[..]),
        (1, "carrier", &["trunks.carrier.inbound".to_owned()][..])
    );
    let unknown = LiveRequest::DeckText { name: "other".into(), id: None };
    assert!(matches!(live(unknown), Reply::Unknown(_)));
}

#[test]
fn a_book_larger_than_is_taken_and_a_deck_of_more_texts_are_refused_and_change_nothing() {
    let place = place(None);
    let import = |text: String, whole: bool| {
        let import = Import { name: "main".to_owned(), text, whole, uses: Vec::new() };
        let change =
            LiveRequest::Change { wanted: Wanted::Import(import), why: String::new(), dry_run: false, expect: None };
        match ask(&place.socket, &Request::Live(Box::new(change))).unwrap() {
            Reply::Live(_) => Ok(place.state.reloader.live().0),
            other => Err(format!("{other:?}")),
        }
    };
    // Lines of words behind the prices, to the byte.
    let padded = |bytes: usize| {
        let mut text = book("2026-01-01", "0.10") + "# ";
        text.extend(std::iter::repeat_n('x', bytes - text.len()));
        text
    };
    let refused = import(padded(DECK_BYTES_MAX + 1), false).unwrap_err();
    assert!(refused.contains("the price book has 33554433 bytes; at most 33554432 are taken"), "{refused}");
    assert_eq!((place.state.reloader.live().0, place.texts_kept()), (1, 0));
    assert_eq!(import(padded(DECK_BYTES_MAX), false), Ok(2), "as large as may be");
    // As a whole again, so that what follows need not read those lines: one text is there, so many more, and then no further.
    assert_eq!(import(book("2026-01-01", "0.10"), true), Ok(3));
    let dated = |n: usize| book(&format!("2027-{:02}-{:02}", 1 + n / 28, 1 + n % 28), "0.10");
    for n in 1..TEXTS_MAX {
        assert_eq!(import(dated(n), false), Ok(3 + n as u64), "{n}");
    }
    let refused = import(dated(TEXTS_MAX), false).unwrap_err();
    assert!(refused.contains("at most 100 texts; import the deck as a whole"), "{refused}");
    // The large one is kept as long as a revision names it.
    assert_eq!((place.state.reloader.live().0, place.texts_kept()), (102, TEXTS_MAX + 1));
    assert_eq!(import(dated(TEXTS_MAX), true), Ok(103), "as a whole it is");
    assert_eq!(place.decks("GET", "/main", "").1["deck"]["texts"], json!([id_of(&dated(TEXTS_MAX))]));
}
