//! A record log of a format before is read as it is. `tests/golden/record-log-5`, `-6` and `-7` are such, as they were written: every
//! kind of fact of then, three calls that ended and one that was up when its process died.
//!
//! No build of format 7 wrote `-7`. It is `-6`, byte for byte, but for the number in the header and its last frame, which has one fact more: a
//! `leg-silent` of 16 bytes at its end, and 37 for 36 in its count. Of all that is written to the log the two formats differ in that kind of fact alone.

use super::*;
use crate::shell::store::feed::{Content, History, Wants};

fn golden(version: u32) -> Vec<u8> {
    let name = format!("{}/tests/golden/record-log-{version}/00000001.log", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&name).unwrap_or_else(|_| panic!("make {name}, the fixture of that format, when the format changes"))
}

/// Its facts, which are those of [`crate::shell::event::tests::facts`] as of then.
fn facts(version: u32) -> Vec<Fact> {
    let mut facts = crate::shell::event::tests::facts();
    facts.retain(|fact| match fact.what {
        What::LeavingByKey { .. } | What::AgentServes { .. } => version > 5,
        What::LegSilent { .. } => version > 6,
        What::LegDialog { .. } => version > 7,
        _ => true,
    });
    facts
}

#[test]
fn a_log_of_each_format_before_is_carried_forward_to_the_last_record_and_fact() {
    for version in log::OLDEST..log::VERSION {
        carry_forward(version);
    }
}

fn carry_forward(version: u32) {
    let facts = || facts(version);
    let dir = Dir::new("format-before");
    let log = dir.0.join("log");
    std::fs::create_dir_all(&log).unwrap();
    let old = golden(version);
    assert_eq!(old[8..12], version.to_le_bytes());
    std::fs::write(log::path(&log, 1), &old).unwrap();

    let (store, recovered, _) = open(&dir, Options::default());
    let up = rows(3).len() as u64 - 1;
    assert_eq!((recovered.rows, recovered.damaged_bytes), (rows(0).len() as u64 * 3 + up, 0));
    assert_eq!((recovered.fact_last, recovered.open().len()), (Some(facts().len() as u64), 1));
    // The call that was up is closed, in this format, and calls go on behind it.
    let alive = recovered.alive;
    for row in recovered.recovery.finish(&deck(), alive, |_| false) {
        store.append_recovered(row).unwrap();
    }
    append(&store, 4..6, 100);
    store.close(LONG);
    let newest = *log::segments(&log).unwrap().last().unwrap();
    assert_eq!(std::fs::read(log::path(&log, newest)).unwrap()[8..12], log::VERSION.to_le_bytes());

    let records = all(&dir);
    assert_eq!(records[..3], [0, 1, 2].map(untagged));
    assert_eq!((records.len(), records[3].call, records[3].recovered), (6, call(3), true));
    let mut told = Vec::new();
    History::open(&dir.0).unwrap().each_fact(|number, fact| told.push((number, fact.clone()))).unwrap();
    assert_eq!(told, (1..).zip(facts()).collect::<Vec<_>>());
    let mut unreadable = 0;
    let wants = Wants { records: true, facts: true, beats: true };
    let each = |item: &crate::shell::store::feed::Item| {
        unreadable += u32::from(matches!(item.content, Content::Unreadable(_)))
    };
    History::open(&dir.0).unwrap().each(wants, each).unwrap();
    assert_eq!(unreadable, 0);
}

#[test]
fn a_log_of_an_earlier_or_a_later_format_is_refused_with_what_to_do_and_not_touched() {
    for version in [log::OLDEST - 1, log::VERSION + 1] {
        let dir = Dir::new("format-other");
        let log = dir.0.join("log");
        std::fs::create_dir_all(&log).unwrap();
        let mut bytes = golden(log::OLDEST);
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let sum = super::super::frame::crc32(&bytes[..20]);
        bytes[20..24].copy_from_slice(&sum.to_le_bytes());
        std::fs::write(log::path(&log, 1), &bytes).unwrap();
        let error = Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).unwrap_err().to_string();
        assert!(
            error.contains(&format!("has format {version}")) && error.contains("start the build that wrote it"),
            "{error}"
        );
        assert_eq!(std::fs::read(log::path(&log, 1)).unwrap(), bytes);
    }
}
