//! Nights with the clock in hand: what is due is done once, also after an outage and by another life of the program.

use std::collections::BTreeSet;

use turno_report::kpi::By;
use turno_tariff::cdr::Builder;

use super::*;
use crate::shell::figures::tests::{Dir, LONG, append, facts, open};
use crate::shell::instant::wall_of;

/// A store with forty calls of 2026-03-10, and a configuration that audits at 4:00 and exports at 6:15.
fn house() -> (Dir, Settings) {
    let dir = Dir::new();
    let store = open(dir.path());
    append(&store, &facts(40), 1, &mut Builder::default(), &mut 0);
    store.close(LONG);
    let settings = settings(dir.path());
    (dir, settings)
}

fn settings(dir: &Path) -> Settings {
    let text = "[node]\nzone = \"Europe/Madrid\"\n[[sip.listeners]]\ntransport = \"udp\"\naddress = \"127.0.0.1:0\"\n\
                [customers]\nsegment_default = \"standard\"\n[segments.standard]\n[figures]\naudit_at = \"04:00\"\n\
                [[figures.exports]]\nreport = \"queues\"\nformat = \"csv\"\ndir = \"out\"\nat = \"06:15\"";
    let checked = crate::shell::config::parse("x.toml", text, dir, Some(Default::default()));
    let mut settings = checked.settings.unwrap_or_else(|| panic!("{:?}", checked.problems));
    settings.store.dir = dir.to_owned();
    settings
}

fn at(text: &str) -> Wall {
    wall_of(text).unwrap()
}

/// Days whose report is there.
fn exported(dir: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(dir.join("out")) else { return Vec::new() };
    let names: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.iter().map(|name| name.trim_start_matches("queues-").trim_end_matches(".csv").to_owned()).collect()
}

#[test]
fn a_night_is_done_once_at_its_hour_also_by_the_next_life() {
    let (dir, settings) = house();
    let metrics = Metrics::new();
    let mut night = Night::new(&settings);
    // Madrid is an hour ahead. The day before is audited from 4:00 on, and not again; its report comes at 6:15.
    for (now, audits, reports) in [
        ("2026-03-11T02:59:59Z", 0, 0),
        ("2026-03-11T03:00:00Z", 1, 0),
        ("2026-03-11T03:00:20Z", 1, 0),
        ("2026-03-11T05:14:59Z", 1, 0),
        ("2026-03-11T05:15:00Z", 1, 1),
        ("2026-03-11T22:59:00Z", 1, 1),
    ] {
        night.look(at(now), &metrics);
        assert_eq!((metrics.audits.get(), exported(dir.path()).len()), (audits, reports), "{now}");
    }
    assert_eq!(exported(dir.path()), ["2026-03-10"]);
    let text = fs::read_to_string(dir.path().join("out/queues-2026-03-10.csv")).unwrap();
    assert!(text.contains("2026-03-10,averias,40,26,14,"), "{text}");
    // Whoever fetched it took it away: it is not written again, and nothing is audited twice.
    fs::remove_file(dir.path().join("out/queues-2026-03-10.csv")).unwrap();
    let mut night = Night::new(&settings);
    night.look(at("2026-03-11T23:30:00Z"), &metrics);
    assert_eq!((metrics.audits.get(), exported(dir.path())), (1, vec![]));
}

#[test]
fn nights_that_nobody_was_up_for_are_made_up_for_in_order_and_old_ones_are_left_out() {
    let (dir, settings) = house();
    let metrics = Metrics::new();
    Night::new(&settings).look(at("2026-03-11T08:00:00Z"), &metrics);
    assert_eq!((metrics.audits.get(), exported(dir.path())), (1, vec!["2026-03-10".to_owned()]));
    let mut night = Night::new(&settings);
    // Up again on the 15th between the two hours: the audits of 11 to 14 are due, the reports of 11 to 13.
    let mut seen = Vec::new();
    for second in 0..6 {
        night.look(at("2026-03-15T04:00:00Z") + Duration::from_secs(20 * second), &metrics);
        seen.push((metrics.audits.get(), exported(dir.path()).len()));
    }
    assert_eq!(seen, [(2, 2), (3, 3), (4, 4), (5, 4), (5, 4), (5, 4)]);
    assert_eq!(exported(dir.path()).last().unwrap(), "2026-03-13");
    // A hundred days later the last 31 are.
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let mut night = Night::new(&settings);
    for second in 0..40 {
        night.look(at("2026-06-20T10:00:00Z") + Duration::from_secs(20 * second), &metrics);
    }
    let days = exported(dir.path());
    assert_eq!(days.len() as i64, DAYS_BEHIND_MAX);
    assert_eq!((days[0].as_str(), days[30].as_str()), ("2026-05-20", "2026-06-19"));
    assert_eq!(metrics.audits.get() as i64, 5 + DAYS_BEHIND_MAX);
}

#[test]
fn what_fails_is_tried_again_and_figures_that_are_behind_the_log_are_waited_for() {
    let (dir, settings) = house();
    let metrics = Metrics::new();
    let mut night = Night::new(&settings);
    // A file is where the folder should be.
    fs::write(dir.path().join("out"), "").unwrap();
    let seven = at("2026-03-11T07:00:00Z");
    night.look(seven, &metrics);
    fs::remove_file(dir.path().join("out")).unwrap();
    night.look(seven + RETRY_AFTER.saturating_sub(Duration::from_secs(1)), &metrics);
    assert_eq!(exported(dir.path()), [] as [String; 0], "not at once");
    night.look(seven + RETRY_AFTER, &metrics);
    assert_eq!((exported(dir.path()), metrics.audits.get()), (vec!["2026-03-10".to_owned()], 1));
    // More happened, and nobody has counted it yet.
    let db = rusqlite::Connection::open(crate::shell::figures::path(dir.path())).unwrap();
    let taken: i64 = db.query_row("SELECT offset FROM state", [], |row| row.get(0)).unwrap();
    // Behind the header of the first segment.
    db.execute("UPDATE state SET offset = 24", []).unwrap();
    let next = at("2026-03-12T07:00:00Z");
    night.look(next, &metrics);
    assert_eq!((exported(dir.path()).len(), metrics.audits.get()), (1, 1));
    db.execute("UPDATE state SET offset = ?", [taken]).unwrap();
    night.look(next, &metrics);
    assert_eq!((exported(dir.path()).len(), metrics.audits.get()), (2, 2));
}

#[test]
fn what_an_audit_found_stays_an_alarm_for_a_week_over_good_nights_and_restarts() {
    let (dir, settings) = house();
    let db = rusqlite::Connection::open(crate::shell::figures::path(dir.path())).unwrap();
    db.execute("DELETE FROM entries WHERE call = (SELECT min(call) FROM entries)", []).unwrap();
    let told = |night: &mut Night, now: &str| {
        let metrics = Metrics::new();
        // One day a look.
        (0..5).for_each(|n| night.look(at(now) + Duration::from_secs(20 * n), &metrics));
        let of = |identity: &str| metrics.audit_differences.with_label_values(&[identity]).get();
        let differences = Identity::ALL.iter().map(|identity| of(identity.as_str())).sum::<i64>();
        (of("counts_are_entries"), differences > 0, metrics.audited_until.get() - at(now).as_secs())
    };
    let mut night = Night::new(&settings);
    // Nothing is done yet: it is taken to be done up to the day before yesterday.
    assert_eq!(told(&mut night, "2026-03-11T02:00:00Z"), (0, false, -27 * 3600));
    assert_eq!(told(&mut night, "2026-03-11T03:00:00Z"), (1, true, -4 * 3600));
    // The next days are good, in this life and in the next.
    assert_eq!(told(&mut night, "2026-03-13T03:00:00Z"), (1, true, -4 * 3600));
    assert_eq!(told(&mut Night::new(&settings), "2026-03-18T02:58:00Z").0, 1);
    assert_eq!(told(&mut Night::new(&settings), "2026-03-18T03:00:00Z"), (0, false, -4 * 3600));
    // Somebody wrote something else into the file: the audits go on.
    fs::write(dir.path().join("audits.json"), "[]").unwrap();
    assert!(!told(&mut Night::new(&settings), "2026-03-19T03:00:00Z").1);
}

#[test]
fn an_export_of_each_month_and_year_comes_once_after_its_last_day_with_all_of_them() {
    let (dir, mut settings) = house();
    let export = &settings.figures.exports[0];
    settings.figures.exports = [Span::Month, Span::Year]
        .map(|each| Export { subject: crate::shell::report::Subject::Law, each, by: By::Day, ..export.clone() })
        .to_vec();
    let files = || -> Vec<String> {
        let Ok(files) = fs::read_dir(dir.path().join("out")) else { return Vec::new() };
        let names: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.into_iter().collect()
    };
    let metrics = Metrics::new();
    let mut night = Night::new(&settings);
    let mut seen = Vec::new();
    for (from, days) in [("2026-03-11T08:00:00Z", 20), ("2026-03-31T08:00:00Z", 1), ("2026-04-01T08:00:00Z", 274)] {
        for day in 0..days {
            night.look(at(from) + Duration::from_secs(day * 86_400), &metrics);
        }
        seen.push(files().len());
    }
    assert_eq!(seen, [0, 0, 9], "months are over on their last day's end");
    // Two days are left, one for each look.
    (0..2).for_each(|_| night.look(at("2027-01-01T08:00:00Z"), &metrics));
    let names = files();
    assert_eq!((names.len(), names[0].as_str(), names[1].as_str()), (11, "law-2026-03.csv", "law-2026-04.csv"));
    assert_eq!(names[10], "law-2026.csv");
    for name in ["law-2026-03.csv", "law-2026.csv"] {
        let text = fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        assert!(text.contains("2026-03,averias,40,65.0,no,"), "{text}");
    }
}
