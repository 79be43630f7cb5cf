//! Instruction counts of parse, transaction, match, rate and of a whole call in the engine, against the committed table:
//! a count does not depend on how busy the machine is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// With the compiler that the table was made by, and with another one.
const TOLERANCE_PCT: u64 = 5;
const TOLERANCE_OTHER_COMPILER_PCT: u64 = 25;

struct Table {
    toolchain: String,
    counts: BTreeMap<String, u64>,
}

fn read(text: &str) -> Table {
    let mut table = Table { toolchain: String::new(), counts: BTreeMap::new() };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ') {
            Some(("toolchain", name)) => table.toolchain = name.to_owned(),
            Some((case, count)) => {
                table.counts.insert(case.to_owned(), count.parse().expect("a count"));
            }
            None => {}
        }
    }
    table
}

/// Cases whose count differs by more than `tolerance_pct`.
fn differing(committed: &Table, counted: &Table, tolerance_pct: u64) -> Vec<String> {
    let cases: BTreeSet<&String> = committed.counts.keys().chain(counted.counts.keys()).collect();
    cases
        .into_iter()
        .filter_map(|case| {
            let (was, is) = (committed.counts.get(case).copied(), counted.counts.get(case).copied());
            let near = was.zip(is).is_some_and(|(was, is)| was.abs_diff(is) * 100 <= was * tolerance_pct);
            (!near).then(|| format!("{case}: {was:?} in the table, {is:?} counted"))
        })
        .collect()
}

#[test]
fn instruction_counts_are_as_committed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/golden/instructions.txt");
    let output = Command::new(root.join("scripts/instructions")).output().expect("scripts/instructions runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let head = "# Instructions per operation, by scripts/instructions (docs/benchmarks.md).\n";
        fs::write(&path, format!("{head}{text}")).expect("the table is written");
        return;
    }
    let (committed, counted) = (read(&fs::read_to_string(&path).expect("the table")), read(&text));
    let mut tolerance_pct = TOLERANCE_PCT;
    if committed.toolchain != counted.toolchain {
        eprintln!(
            "the table is of {}, this is {}: only large differences count",
            committed.toolchain, counted.toolchain
        );
        tolerance_pct = TOLERANCE_OTHER_COMPILER_PCT;
    }
    let differing = differing(&committed, &counted, tolerance_pct);
    assert!(
        differing.is_empty(),
        "more than {tolerance_pct} % off:\n{}\nif that is meant: UPDATE_EXPECT=1 cargo test instructions",
        differing.join("\n")
    );
}

#[test]
fn a_count_that_is_off_or_missing_is_named() {
    let table = |text| read(text);
    let committed = table("toolchain 1.95.0 x\nparse 1000\nmatch 400\nrate 10\n");
    let counted = table("toolchain 1.95.0 x\nparse 1050\nmatch 421\n");
    assert_eq!(
        differing(&committed, &counted, 5),
        ["match: Some(400) in the table, Some(421) counted", "rate: Some(10) in the table, None counted"]
    );
}
