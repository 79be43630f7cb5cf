//! Calls of which nothing is heard any more: they end when something was heard last, and not when that is seen.

use std::time::Duration;

use turno_base::fact::{AgentState, What};
use turno_base::{Now, Reason, Wall};
use turno_call::FIGURES_WAIT;
use turno_media::MediaEvent;
use turno_report::kpi::{Changes, Fold, KpiTerms};
use turno_tariff::Deck;
use turno_tariff::cdr::format::{QueueLog, Serving};
use turno_tariff::cdr::{Leg, Record, verify};

use super::world::{Habit, Weather, World, config};
use crate::Input;

/// One call in conversation for 20 s; calls cost.
fn talks_for_20_s() -> World {
    talks_under(config(1))
}

/// The same under limits of its own: with a session timer of 90 s or a longest call of 60 s, and nobody says that no media comes.
fn talks_till(session_expires_s: u64, longest_s: u64) -> World {
    let mut config = config(1);
    config.sip.rules.session_expires = Duration::from_secs(session_expires_s);
    config.call.duration_limit = Duration::from_secs(longest_s);
    let mut world = talks_under(config);
    world.hears_silence = false;
    world
}

fn talks_under(mut config: crate::EngineConfig) -> World {
    let book = "valid_from,payer,b,rate,per_minute\n2026-01-01T00:00:00Z,company,*,all,0.06\n";
    config.deck = Deck::parse_csv(book).unwrap();
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(1000);
    while !world.said.contains("is talking") {
        world.run(100);
    }
    let talks_since = world.facts.iter().rev().find(|fact| matches!(fact.what, What::SegmentBegan { .. }));
    let so_far = world.now.mono.since(talks_since.unwrap().at.mono);
    world.run(20_000 - so_far.as_millis() as u64);
    world
}

fn talk_ms(record: &Record) -> u64 {
    record.talk_ms()
}

/// The record, the first agent's line in `queue_log` and the figures of his conversation say the same of how long it was: they are of one
/// stream. Each may round its own parts down.
fn agrees(world: &World, record: &Record, what: &str) {
    let (mut log, mut lines) = (QueueLog::default(), String::new());
    let (mut fold, mut changes) = (Fold::default(), Changes::default());
    for fact in &world.facts {
        log.on_fact(fact, &Serving::new(), &mut lines);
        fold.on_fact(fact, &KpiTerms::default(), &mut changes);
    }
    let said = lines.lines().find(|line| line.contains("|COMPLETE")).unwrap_or_else(|| panic!("{what}: {lines}"));
    let of: Vec<&str> = said.split('|').collect();
    let figures = &changes.entries[&(record.call, 1)];
    let (talk_ms, hold_ms) = (record.talk_ms(), record.hold_ms());
    let log_ms = of[6].parse::<u64>().unwrap() * 1000;
    assert!((log_ms..log_ms + 1010).contains(&(talk_ms + hold_ms)), "{what}: {said}, {talk_ms} + {hold_ms} ms");
    assert!(figures.talk_ms.abs_diff(talk_ms) <= 10, "{what}: {figures:?}, {talk_ms} ms");
    assert!(figures.hold_ms.abs_diff(hold_ms) <= 10, "{what}: {figures:?}, {hold_ms} ms");
    let talked: u64 = changes.tallies.values().map(|tally| tally.talk.sum_ms()).sum();
    assert_eq!(talked, figures.talk_ms, "{what}");
}

/// When the agent was in wrap-up.
fn freed(world: &World) -> Now {
    let wrap = |what: &What| matches!(what, What::AgentChanged { state: AgentState::WrapUp, .. });
    world.facts.iter().find(|fact| wrap(&fact.what)).expect("he worked it up").at
}

fn near(wall: Wall, heard: Wall) -> bool {
    wall.0.abs_diff(heard.0) <= 1000
}

#[test]
fn who_falls_silent_after_20_s_of_talk_pays_20_s_and_not_until_that_was_seen() {
    let mut world = talks_for_20_s();
    let (heard, seen) = (world.now, world.now.after(Duration::from_secs(30)));
    world.darken(0, 3_600_000);
    world.run(120_000);
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    assert_eq!(verify(record), [], "{record:#?}");
    let reasons: Vec<Reason> = record.legs.iter().map(|leg| leg.cause.reason).collect();
    assert!(reasons.contains(&Reason::MediaSilent), "{reasons:?}");
    assert!((19_900..=20_100).contains(&talk_ms(record)), "{} ms", talk_ms(record));
    assert!(near(record.ended, heard.wall), "{record:#?}");
    let is_over = |leg: &Leg| near(leg.ended, heard.wall);
    assert!(record.legs.iter().all(is_over), "both ends of it: {record:#?}");
    let billed: Vec<u64> = record.legs[0].charges.iter().map(|charge| charge.rated.billed_ms).collect();
    let talked = record.legs[0].talk_ms;
    assert!(!billed.is_empty() && billed.iter().all(|ms| (talked..talked + 2000).contains(ms)), "{billed:?}");
    assert!(!record.estimated && !record.recovered);
    // Nobody was free before it was seen.
    assert!(freed(&world).mono >= seen.mono);
    agrees(&world, record, "silent");
}

/// The agent's phone alone is dead: his leg ended with the last that was heard of him, the caller was there all the time.
#[test]
fn an_agent_who_falls_silent_ends_alone_and_the_caller_goes_on() {
    let mut world = talks_for_20_s();
    let heard = world.now;
    world.darken(1, 3_600_000);
    world.run(40_000);
    let caller = *world.parties[0].legs.first_key_value().expect("he waits again").0;
    world.hang_up(0, caller);
    world.run(60_000);
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    assert_eq!(verify(record), [], "{record:#?}");
    let [caller, agent, ..] = &record.legs[..] else { panic!("{record:#?}") };
    assert!(near(agent.ended, heard.wall), "{record:#?}");
    assert!(caller.talk_ms >= 60_000, "{record:#?}");
    agrees(&world, record, "the agent's phone");
}

/// A clock that is set meanwhile changes no length.
#[test]
fn silence_is_a_length_whatever_the_clock_says() {
    let mut world = talks_for_20_s();
    let leg = world.facts.iter().find_map(|fact| match &fact.what {
        What::LegBegan { leg, .. } => Some(*leg),
        _ => None,
    });
    world.darken(0, 3_600_000);
    world.run(10_000);
    world.now.wall.0 += 3_600_000_000;
    world.input(Input::Media { leg: leg.unwrap(), event: MediaEvent::Silent(Duration::from_secs(10)) });
    world.run(120_000);
    let record = &world.records[0];
    assert_eq!(verify(record), [], "{record:#?}");
    assert!((19_900..=20_100).contains(&talk_ms(record)), "{} ms", talk_ms(record));
}

fn reasons(record: &Record) -> Vec<Reason> {
    record.legs.iter().map(|leg| leg.cause.reason).collect()
}

/// Nobody refreshes the session, or the longest call is at its end, or the caller's BYE never came: in each he was there for 20 s.
#[test]
fn whoever_is_cleared_by_a_limit_pays_until_he_was_heard_last() {
    type Goes = fn(&mut World);
    let cases: [(&str, u64, u64, Goes, Reason); 3] = [
        ("session timer", 90, 7200, |_| {}, Reason::SessionExpired),
        ("longest call", 1800, 60, |_| {}, Reason::DurationLimit),
        (
            "lost BYE",
            90,
            7200,
            |world| {
                let leg = *world.parties[0].legs.first_key_value().expect("he talks").0;
                world.hang_up(0, leg);
            },
            Reason::SessionExpired,
        ),
    ];
    for (what, session_s, longest_s, goes, reason) in cases {
        let mut world = talks_till(session_s, longest_s);
        let heard = world.now;
        world.darken(0, 3_600_000);
        goes(&mut world);
        world.run(150_000);
        let [record] = &world.records[..] else { panic!("{what}: one record: {:?}", world.records) };
        assert_eq!(verify(record), [], "{what}: {record:#?}");
        assert!(reasons(record).contains(&reason), "{what}: {record:#?}");
        assert!((19_900..=20_100).contains(&talk_ms(record)), "{what}: {} ms", talk_ms(record));
        assert!(near(record.ended, heard.wall), "{what}: {record:#?}");
        assert!(record.legs.iter().all(|leg| near(leg.ended, heard.wall)), "{what}, both ends of it: {record:#?}");
        let talked = record.legs[0].talk_ms;
        let billed: Vec<u64> = record.legs[0].charges.iter().map(|charge| charge.rated.billed_ms).collect();
        assert!(
            !billed.is_empty() && billed.iter().all(|ms| (talked..talked + 2000).contains(ms)),
            "{what}: {billed:?}"
        );
        assert!(
            freed(&world).mono.since(heard.mono) >= Duration::from_secs(30),
            "{what}: nobody was free before it was found"
        );
        agrees(&world, record, what);
    }
}

/// He spoke until the limit: the end is the limit, and not a packet before it.
#[test]
fn whoever_is_heard_until_the_longest_call_is_over_pays_until_then() {
    let mut world = talks_till(1800, 60);
    world.run(150_000);
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    assert_eq!(verify(record), [], "{record:#?}");
    assert!(reasons(record).contains(&Reason::DurationLimit), "{record:#?}");
    assert!((59_990..=60_100).contains(&record.total_ms), "{record:#?}");
    assert!(!world.facts.iter().any(|fact| matches!(fact.what, What::LegSilent { .. })));
    agrees(&world, record, "heard until the limit");
}

/// The agent's phone no longer answers our refresh: his leg ended when it was heard last, and the caller goes on.
#[test]
fn a_phone_that_no_longer_refreshes_ends_alone_when_it_was_heard_last() {
    let mut world = talks_till(90, 7200);
    let heard = world.now;
    let caller = *world.parties[0].legs.first_key_value().expect("he talks").0;
    world.reboot(1, 3_600_000);
    world.run(120_000);
    world.hang_up(0, caller);
    world.run(60_000);
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    assert_eq!(verify(record), [], "{record:#?}");
    let [caller, agent, ..] = &record.legs[..] else { panic!("{record:#?}") };
    assert!(near(agent.ended, heard.wall), "{record:#?}");
    assert!(caller.talk_ms >= 120_000, "{record:#?}");
    agrees(&world, record, "the agent's session");
}

/// The media thread is gone: nobody waits for its word for longer than two seconds, and nobody pays for them. The legs end when it was found.
#[test]
fn a_lost_leg_of_which_media_says_nothing_ended_when_it_was_found() {
    for (what, session_s, longest_s, reason) in
        [("session timer", 90, 7200, Reason::SessionExpired), ("longest call", 1800, 60, Reason::DurationLimit)]
    {
        let mut world = talks_till(session_s, longest_s);
        world.darken(0, 3_600_000);
        world.is_media_mute = true;
        world.run(150_000);
        let [record] = &world.records[..] else { panic!("{what}: one record: {:?}", world.records) };
        assert_eq!(verify(record), [], "{what}: {record:#?}");
        assert!(reasons(record).contains(&reason), "{what}: {record:#?}");
        let told = freed(&world).wall;
        assert!(record.legs.iter().all(|leg| near(leg.ended + FIGURES_WAIT, told)), "{what}: {record:#?}");
        assert!((60_000..=93_000).contains(&record.total_ms), "{what}: {record:#?}");
        agrees(&world, record, what);
    }
}
