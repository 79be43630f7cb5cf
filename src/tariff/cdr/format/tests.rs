//! Records in every format, against golden files.

use expect_test::expect_file;
use jiff::tz::{Offset, TimeZone};
use turno_base::fact::What;
use turno_base::{CallId, EndedBy, Outcome};

use super::*;
use crate::cdr::record::Record;
use crate::cdr::tests::{CALL, a_queued_call, number, record};

fn abandoned_before_any_answer() -> Record {
    record(&[
        (0, What::CallArrived { call: CALL, ani: number(""), dnis: number("\"=cmd|' /C calc'!A0\"\n"), trunk: None }),
        (4_999, What::CallEnded { call: CALL, outcome: Outcome::Abandoned, by: EndedBy::Caller }),
    ])
}

fn both() -> [Record; 2] {
    [record(&a_queued_call()), abandoned_before_any_answer()]
}

#[test]
fn samples_of_every_format() {
    let madrid_in_march = TimeZone::fixed(Offset::constant(1));
    let lines = |of: &dyn Fn(&Record) -> String| both().iter().map(of).collect::<String>();
    expect_file!["../../../../tests/golden/cdr-master.csv"].assert_eq(&lines(&|r| master_csv(r, &madrid_in_march)));
    expect_file!["../../../../tests/golden/cdr.csv"].assert_eq(&(CSV_HEADER.to_owned() + &lines(&csv)));
    expect_file!["../../../../tests/golden/cdr.jsonl"].assert_eq(&lines(&|r| json(r) + "\n"));
    expect_file!["../../../../tests/golden/cdr-list.txt"]
        .assert_eq(&(LIST_HEADER.to_owned() + "\n" + &lines(&|r| listed(r) + "\n")));
    expect_file!["../../../../tests/golden/cdr-show.txt"].assert_eq(&lines(&|r| shown(r) + "\n"));
}

#[test]
fn a_master_line_has_eighteen_fields_whatever_came_over_the_network() {
    for record in both() {
        let line = master_csv(&record, &TimeZone::UTC);
        assert_eq!(line.matches('\n').count(), 1);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        assert_eq!(reader.records().next().unwrap().unwrap().len(), 18);
    }
}

#[test]
fn the_header_and_the_lines_have_the_same_columns() {
    for record in both() {
        let text = CSV_HEADER.to_owned() + &csv(&record);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        assert_eq!(reader.records().next().unwrap().unwrap().len(), columns);
    }
}

#[test]
fn the_header_names_the_columns() {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    assert_eq!(CSV_HEADER, names.join(",") + "\n");
}

#[test]
fn no_cell_becomes_a_formula() {
    for (text, want) in [
        ("plain", "plain"),
        ("=1+1", "\"'=1+1\""),
        ("+34912345678", "\"'+34912345678\""),
        ("-0.0300", "-0.0300"),
        ("-5", "-5"),
        ("-1+1", "\"'-1+1\""),
        ("-", "\"'-\""),
        ("@SUM(A1)", "\"'@SUM(A1)\""),
        ("\t=1", "\"'\t=1\""),
        ("a,b", "\"a,b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\nlines", "\"two\nlines\""),
    ] {
        assert_eq!(cell(text), want, "{text}");
    }
}

#[test]
fn the_unique_id_fits_readers_of_queue_log() {
    let id = asterisk_id(CallId(u128::MAX));
    assert!(id.len() <= 30, "{id}");
    assert_eq!(asterisk_id(CallId((1_773_140_400_123 << 80) | 42)), "1773140400.42");
}
