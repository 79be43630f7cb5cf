//! A scenario fitted to records finds the centre that wrote them.

use std::fmt::Write as _;

use super::named;
use crate::day::{Centre, Day};
use crate::fit::{FitError, fit};
use crate::policy::Named;
use crate::world::ledger;

const HEADER: &str = "call,direction,purpose,from,to,trunk,customer,segment,value_per_mille,queue,agent,arrived,ended,total_ms,\
    wait_ms,talk_ms,hold_ms,offers,outcome,ended_by\n";

/// `DAY SECOND`, for a centre whose zone is the records'.
fn local(text: &str) -> Option<(i64, f64)> {
    let (day, second) = text.split_once(' ')?;
    Some((day.parse().ok()?, second.parse().ok()?))
}

#[test]
fn a_fit_finds_the_centre_that_wrote_the_records() {
    let mid = named("mid");
    let centre = Centre::new(&mid);
    let mut csv = HEADER.to_owned();
    for n in 0..4 {
        let day = Day::draw(&mid, &centre, 8, n);
        let books = ledger(&mid, &centre, &day, Named::FifoLongestIdle.build(&mid, &centre, 8).as_mut());
        for call in &books.calls {
            let (queue, segment) = (&mid.queues[call.queue], &mid.segments[call.segment]);
            let caller = &day.callers[(call.item / crate::day::ATTEMPTS_MAX) as usize];
            let level = call.answered_by.map_or(1, |agent| centre.seats[agent].levels[call.queue]);
            let talk = queue.handle_s * mid.handle_factor(level) * caller.attempt(&mid, 0).handle;
            let outcome = if call.answered_by.is_some() { "answered" } else { "abandoned" };
            let agent = call.answered_by.map_or("", |agent| centre.seats[agent].name.as_str());
            let talk_ms = if call.answered_by.is_some() { (talk * 1000.0) as u64 } else { 0 };
            writeln!(
                csv,
                "c,inbound,queue,34600,34900,t,,{},{},{},{agent},{n} {},,0,{},{talk_ms},0,1,{outcome},caller",
                segment.name,
                (segment.value * 1000.0) as u32,
                queue.name,
                8.0 * 3600.0 + call.arrived as f64 / 1e6,
                call.wait / 1000,
            )
            .unwrap();
        }
    }
    let found = fit(csv.as_bytes(), 30.0, &local).unwrap();
    let fitted = &found.scenario;
    assert_eq!(fitted.check(), Ok(()));
    assert_eq!((found.days, fitted.opens.as_str(), fitted.hours), (4, "08:00", 12.0));
    let near = |what: &str, found: f64, truth: f64, within: f64| {
        assert!((found / truth - 1.0).abs() < within, "{what}: {found}, truth {truth}");
    };
    near("calls", fitted.calls_expected(), mid.calls_expected(), 0.03);
    let total: f64 = fitted.profile.iter().sum();
    for (half_hour, found) in fitted.profile.iter().enumerate() {
        let truth = mid.profile[half_hour / 2] / mid.profile.iter().sum::<f64>() / 2.0;
        near("profile", found / total, truth, 0.25);
    }
    for segment in &mid.segments {
        let found = fitted.segments.iter().find(|one| one.name == segment.name).unwrap();
        near("share", found.share / total, segment.share / 100.0, 0.1);
        near("value", found.value, segment.value, 0.001);
        // Those who are answered leave without having given up; counting only who gave up would find a tenth of it.
        near("patience", found.patience_s, segment.patience_s, 0.2);
    }
    for queue in &mid.queues {
        let found = fitted.queues.iter().find(|one| one.name == queue.name).unwrap();
        near("handle", found.handle_s, queue.handle_s, 0.1);
        near("handle_cv", found.handle_cv.unwrap(), 0.8, 0.15);
    }
    assert_eq!(fitted.agents(), 60);
    assert_eq!(fitted.groups.len(), mid.groups.len());
    for patience in &found.patience {
        assert!(patience.abandoned > 20);
        for (second, observed, exponential) in &patience.left {
            assert!((observed - exponential).abs() < 0.12, "{} at {second} s: {patience:?}", patience.segment);
        }
    }
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let line = "c,inbound,queue,1,2,t,,gold,4000,calls,anna,0 30000,,0,100,200,0,1,answered,caller\n";
    let said = |csv: String| fit(csv.as_bytes(), 0.0, &local).map(|_| ()).unwrap_err().to_string();
    assert_eq!(said(format!("{HEADER}{line}")), "1 calls in queues; at least 50 are needed");
    assert_eq!(said(format!("{HEADER}{}", line.replace("0 30000", "noon"))), "\"noon\" is no time of arrival");
    assert!(matches!(fit(b"a,b\n1,2\n", 0.0, &local), Err(FitError::Format(_))));
    // Outbound and internal calls are no arrivals.
    let other = line.replace("inbound", "outbound").repeat(100);
    assert_eq!(said(format!("{HEADER}{other}")), "0 calls in queues; at least 50 are needed");
}
