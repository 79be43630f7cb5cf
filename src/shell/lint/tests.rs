//! Findings of configurations made to have them.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::shell::config;
use crate::shell::figures::path;
use crate::shell::figures::tests::{Dir, facts, stored};

/// 2026-03-10T12:00:00Z.
const NOON: Wall = Wall::from_secs(1_773_144_000);

fn settings(text: &str) -> Settings {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let checked = config::parse("lint.toml", text, &dir, Some(BTreeMap::new()));
    checked.settings.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn found(text: &str, dir: &Path) -> Vec<String> {
    lint(&settings(text), dir, NOON, 30).iter().map(ToString::to_string).collect()
}

const HEAD: &str = "
[[sip.listeners]]
transport = \"udp\"
address = \"127.0.0.1:0\"
[customers]
segment_default = \"standard\"
[segments.standard]
wait_target = \"20s\"
";

#[test]
fn each_oddity_is_found_and_named() {
    let nowhere = Path::new("/nonexistent");
    for (what, text, expected) in [
        (
            "a number that costs the customer more",
            "[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]\n[[routes]]\ndnis = \"+34902123456\"\nto = \"queue:averias\"",
            &["routes +34902123456: a 902 number leads to queue averias"][..],
        ),
        (
            "a premium number with a star",
            "[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]\n[[routes]]\ndnis = \"+34806*\"\nto = \"queue:averias\"",
            &["routes +34806*: a 806 number leads to queue averias"],
        ),
        (
            "a premium number whose menus lead on to queues, and to each other",
            "[prompts]\nhello = \"prompts/en/good-bye.wav\"\n[queues.averias]\n[queues.ventas]\n\
             [agents.anna]\nqueues = [\"averias\", \"ventas\"]\n\
             [menus.first]\nprompts = [\"hello\"]\nwait = \"4s\"\nkeys = { 1 = \"menu:second\" }\notherwise = \"hangup\"\n\
             [menus.second]\nprompts = [\"hello\"]\nwait = \"4s\"\nkeys = { 1 = \"queue:averias\", 9 = \"menu:first\" }\n\
             otherwise = \"queue:ventas\"\n[[routes]]\ndnis = \"+34807123456\"\nto = \"menu:first\"",
            &[
                "routes +34807123456: a 807 number leads to queue averias",
                "routes +34807123456: a 807 number leads to queue ventas",
            ],
        ),
        (
            "numbers as the carrier sends them, and beginnings of them",
            "[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]\n[[routes]]\ndnis = \"902123456\"\nto = \"queue:averias\"\n\
             [[routes]]\ndnis = \"901*\"\nto = \"queue:averias\"\n[[routes]]\ndnis = \"0034803*\"\nto = \"queue:averias\"\n\
             [[routes]]\ndnis = \"34807*\"\nto = \"queue:averias\"\n[[routes]]\ndnis = \"800123456\"\nto = \"queue:averias\"\n\
             [[routes]]\ndnis = \"9*\"\nto = \"queue:averias\"",
            &[
                "routes 0034803*: a 803 number leads to queue averias",
                "routes 34807*: a 807 number leads to queue averias",
                "routes 901*: a 901 number leads to queue averias",
                "routes 902123456: a 902 number leads to queue averias",
            ],
        ),
        (
            "a freephone number is fine",
            "[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]\n[[routes]]\ndnis = \"+34900123456\"\nto = \"queue:averias\"",
            &[],
        ),
        (
            "a skill that nobody holds high enough",
            "[queues.averias]\nneed = \"averias>=3\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 2 }",
            &["queues.averias.need: no agent of queue averias holds averias at level 3"],
        ),
        (
            "both skills, but not in one head",
            "[queues.averias]\nneed = \"averias>=1 and catalan>=1\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 2 }\n\
             [agents.boris]\nqueues = [\"averias\"]\nskills = { catalan = 2 }",
            &["queues.averias.need: no single agent of queue averias meets all of it"],
        ),
        (
            "a ring that never widens",
            "[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 3 }\n\
             [[queues.averias.rings]]\nlevel = 2\nfor = \"2s\"\n[[queues.averias.rings]]\nlevel = 3\nfor = \"3s\"",
            &["queues.averias.rings[2]: asks for the same as the ring before, or for more: it never widens"],
        ),
        (
            "rings longer than half the target",
            "[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 3 }\n\
             [[queues.averias.rings]]\nlevel = 3\nfor = \"6s\"\n[[queues.averias.rings]]\nlevel = 2\nfor = \"6s\"",
            &[
                "queues.averias.rings[2]: ends 12 s after the call entered, more than half of the wait target of segment standard (20 s)",
            ],
        ),
        (
            "rings of half the target, each letting in more",
            "[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 3 }\n\
             [[queues.averias.rings]]\nlevel = 3\nfor = \"5s\"\n[[queues.averias.rings]]\nlevel = 2\nfor = \"5s\"",
            &[],
        ),
        (
            "a segment's own rings and those of all, one after the other",
            "[segments.gold]\nwait_target = \"10s\"\n[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\n\
             queues = [\"averias\"]\nskills = { averias = 3 }\n[[queues.averias.rings]]\nsegments = [\"gold\"]\nlevel = 2\n\
             for = \"3s\"\n[[queues.averias.rings]]\nlevel = 3\nfor = \"3s\"",
            &[
                "queues.averias.rings[2]: asks for the same as the ring before, or for more: it never widens",
                "queues.averias.rings[2]: ends 6 s after the call entered, more than half of the wait target of segment gold (10 s)",
            ],
        ),
        (
            "rings of two segments, in turns",
            "[segments.gold]\n[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\n\
             queues = [\"averias\"]\nskills = { averias = 3 }\n[[queues.averias.rings]]\nsegments = [\"gold\"]\nlevel = 3\n\
             for = \"1s\"\n[[queues.averias.rings]]\nsegments = [\"standard\"]\nlevel = 3\nfor = \"1s\"\n\
             [[queues.averias.rings]]\nsegments = [\"gold\"]\nlevel = 3\nfor = \"1s\"",
            &["queues.averias.rings[3]: asks for the same as the ring before, or for more: it never widens"],
        ),
        (
            "a ring of other words that ask for more",
            "[queues.averias]\nneed = \"averias>=1\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 3, catalan = 3 }\n\
             [[queues.averias.rings]]\nneed = \"averias>=2\"\nfor = \"1s\"\n[[queues.averias.rings]]\n\
             need = \"averias>=3 and catalan>=1\"\nfor = \"1s\"",
            &["queues.averias.rings[2]: asks for the same as the ring before, or for more: it never widens"],
        ),
        (
            "a ring that keeps nobody out",
            "[queues.averias]\nneed = \"averias>=2\"\n[agents.anna]\nqueues = [\"averias\"]\nskills = { averias = 3 }\n\
             [[queues.averias.rings]]\nlevel = 2\nfor = \"2s\"",
            &["queues.averias.rings[1]: asks for no more than the queue itself: it holds nobody back and never widens"],
        ),
        (
            "clocks that change on 29 March",
            "[node]\nzone = \"Europe/Madrid\"\n[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]",
            &[
                "node.zone: the clocks of Europe/Madrid change by 60 min at 2026-03-29T01:00:00.000000Z: that day has 92 quarters",
            ],
        ),
    ] {
        let got = found(&format!("{text}\n{HEAD}"), nowhere);
        let fits = got.len() == expected.len() && got.iter().zip(expected).all(|(got, want)| got.starts_with(want));
        assert!(fits, "{what}: {got:#?}");
        assert!(got.iter().all(|sentence| sentence.contains("; ")), "{what}: a finding without its fix");
    }
}

#[test]
fn a_target_out_of_reach_is_seen_from_the_past() {
    let dir = Dir::new();
    stored(&path(dir.path()), &facts(40), 100);
    // 40 calls an hour of 24 s each: one agent carries 0.27 Erlang and answers 77 % within 5 s, by Erlang C.
    let queue = |target: u8| {
        format!(
            "[queues.averias]\nservice_level = \"5s\"\nservice_level_target = {target}\n[agents.anna]\nqueues = [\"averias\"]\n{HEAD}"
        )
    };
    assert_eq!(found(&queue(70), dir.path()), [] as [String; 0]);
    let got = found(&queue(95), dir.path());
    assert_eq!(got.len(), 1, "{got:?}");
    assert!(
        got[0].starts_with(
            "queues.averias.service_level_target: 95 % in 5 s is out of reach in the busiest hour (40 calls, 24 s each)"
        ),
        "{got:?}"
    );
}

#[test]
fn a_number_that_was_called_lately_and_that_the_books_of_today_do_not_price_is_named() {
    use turno_tariff::Status;
    use turno_tariff::cdr::Record;
    let dir = crate::shell::store::tests::Dir::new("lint-gaps");
    let days_ago = |days: i64| Wall(NOON.0 - days * 86_400_000_000);
    // Four calls to a freephone number, of which one is older than the days that are looked at. At the call only the first had a price.
    let record = |(days, n): (i64, u64)| {
        let mut record: Record = crate::shell::store::tests::record(n);
        record.arrived = days_ago(days);
        for charge in record.legs.iter_mut().flat_map(|leg| &mut leg.charges).filter(|_| n > 0) {
            (charge.rated.status, charge.rated.net) = (Status::Unrated, None);
        }
        record
    };
    crate::shell::store::tests::fill(&dir.0, [1, 2, 29, 31].into_iter().zip(0..).map(record)).unwrap();
    let text = format!("[queues.averias]\n[agents.anna]\nqueues = [\"averias\"]\n{HEAD}");
    let named = "tariff.file: no rule prices +34900123456, called 3 times in 30 days; add a row for its prefix, then price those calls again";
    for (book, want) in [
        ("2026-01-01,company,34900,x,0.10", &[][..]), // the rule came after the calls
        ("2026-01-01,company,34911,x,0.10", &[named]), // it went, also for the call that it had priced
        ("2026-04-01,company,34900,x,0.10", &[named]), // a version that was not in force then
        ("2026-01-01,caller,34900,x,0.10", &[]),      // who calls pays, and there is a price
    ] {
        let mut settings = settings(&text);
        settings.engine.deck = Deck::parse_csv(&format!("valid_from,payer,b,rate,per_minute\n{book}\n")).unwrap();
        let found: Vec<String> = lint(&settings, &dir.0, NOON, 30).iter().map(ToString::to_string).collect();
        assert_eq!(found, want, "{book}");
    }
    assert_eq!(found(&text, &dir.0), [] as [String; 0], "a house without a book asks for no price");
}
