//! A process that was killed and starts again with the state it had (reliability C1, C3, C4, C5), faults of ours (P5), and
//! peers that died without a word (N3).

use std::time::Duration;

use turno_base::fact::OfferEnd;
use turno_base::{LegId, Outcome, Reason};
use turno_media::MediaEvent;
use turno_sip::ua::Load;
use turno_tariff::cdr::verify;

use super::world::{Act, Habit, Weather, World};
use crate::Input;

/// Callers by their numbers, in the order in which they were offered to an agent.
fn offered(world: &World) -> Vec<String> {
    let lines = world.said.lines().filter_map(|line| line.split_once(" offered to").map(|(head, _)| head));
    let names: Vec<&str> = lines.filter_map(|head| head.split(' ').nth(1)).collect();
    let number = |name: &&str| {
        let arrives = format!("{name} arrives from ");
        let line = world.said.lines().find_map(|line| line.split_once(&arrives).map(|(_, number)| number));
        line.unwrap_or("?").to_owned()
    };
    names.iter().map(number).collect()
}

#[test]
fn after_a_restart_both_ends_hear_a_bye_and_every_call_has_one_record() {
    let mut world = World::open(2, Habit::Answers(1000), Weather::default(), 1);
    for n in 0..5 {
        world.call(&format!("+3461204511{n}"));
    }
    world.run(3000);
    assert_eq!(world.parties[0].legs.len(), 5);
    world.restart(1500);
    world.run(5000);
    for (at, party) in world.parties.iter().enumerate() {
        assert!(party.legs.is_empty(), "party {at} still has {:?}", party.legs);
    }
    let told: Vec<(Outcome, Option<Reason>)> =
        world.records.iter().map(|r| (r.outcome, r.cause.map(|c| c.reason))).collect();
    let restart = Some(Reason::Restart);
    let (answered, waiting) = ((Outcome::Answered, restart), (Outcome::Failed, restart));
    let count = |what| told.iter().filter(|t| **t == what).count();
    assert_eq!((told.len(), count(answered), count(waiting)), (5, 2, 3), "{told:?}");
    assert!(world.records.iter().all(|r| r.legs.iter().all(|leg| leg.cause.reason == Reason::Restart)));
    world.assert_drained();
}

/// However long the process was away: nobody talked, waited or was rung meanwhile, and nobody pays for it (reliability C1).
#[test]
fn what_a_crash_ended_ended_with_the_process_and_not_when_it_came_back() {
    for away_ms in [1, 1500, 600_000] {
        let mut world = World::open(3, Habit::Answers(1000), Weather::default(), 1);
        for n in 0..2 {
            world.call(&format!("+3461204511{n}"));
        }
        world.run(3000);
        for n in 2..5 {
            world.call(&format!("+3461204511{n}"));
        }
        world.run(700);
        let told = world.facts.len();
        let died = world.restart(away_ms);
        let back = world.now;
        world.run(5000);
        assert_eq!(world.records.len(), 5);
        for record in &world.records {
            assert_eq!(verify(record), [], "{record:#?}");
            assert!(record.recovered && record.estimated);
            assert_eq!(record.ended, died.wall, "away for {away_ms} ms");
            let lasted_ms = died.wall.0.abs_diff(record.arrived.0) / 1000;
            let waits = record.stays.iter().map(|stay| stay.wait_ms);
            let rings = record.offers.iter().map(|offer| offer.ring_ms);
            assert!(waits.chain(rings).all(|ms| ms <= lasted_ms), "away for {away_ms} ms: {record:#?}");
            let sums: Vec<u64> = record.legs.iter().map(|leg| leg.stages.iter().map(|stage| stage.ms).sum()).collect();
            assert!(sums.iter().zip(&record.legs).all(|(sum, leg)| *sum == leg.total_ms), "{record:#?}");
        }
        let rung = world.records.iter().flat_map(|r| &r.offers).filter(|o| o.end == Some(OfferEnd::CallerLeft)).count();
        assert_eq!(rung, 1, "one was rung when it died");
        let after = world.facts[told..].iter().map(|fact| fact.at).filter(|at| at.mono > died.mono);
        assert!(after.map(|at| at.mono).all(|at| at >= back.mono), "nothing happened while it was away");
    }
}

#[test]
fn after_a_restart_the_next_call_rings_an_agent_who_has_not_registered_again() {
    let mut world = World::open(1, Habit::Answers(1000), Weather::default(), 1);
    world.restart(1500);
    let before = world.now.mono;
    world.call("+34612045118");
    world.run(1500);
    assert_eq!(world.parties[1].ever_up, 1, "{}", world.said);
    assert!(world.now.mono.since(before).as_secs() < 5);
}

#[test]
fn what_was_full_or_drained_before_a_restart_is_taken_after_it() {
    let mut world = World::open(1, Habit::Answers(1000), Weather::default(), 1);
    world.input(Input::Load(Load { draining: true, store_full: true }));
    world.call("+34612045118");
    world.run(1000);
    assert!(world.parties[0].legs.is_empty(), "nothing is taken while draining");
    world.restart(1000);
    world.call("+34612045118");
    world.run(1500);
    assert_eq!(world.parties[1].ever_up, 1, "{}", world.said);
}

#[test]
fn callers_who_redial_after_a_restart_are_served_in_the_order_in_which_they_came() {
    let mut world = World::open(1, Habit::Answers(1000), Weather::default(), 1);
    let numbers = ["+34612000001", "+34612000002", "+34612000003", "+34612000004"];
    for number in numbers {
        world.call(number);
        world.run(10_000);
    }
    world.restart(1000);
    world.run(2000);
    world.said.clear();
    world.waited_ms.clear();
    world.run(10_000);
    // Longest away and last in line: he is served first all the same, but for who has the agent already.
    let stranger = world.call("+34699999999");
    world.run(100);
    for number in ["+34612000004", "+34612000003", "+34612000002"] {
        world.call(number);
        world.run(4000);
    }
    world.hang_up(0, stranger);
    for _ in 0..8 {
        world.run(20_000);
        let up: Vec<LegId> = world.parties[1].legs.keys().copied().collect();
        for leg in up {
            world.hang_up(1, leg);
        }
    }
    assert_eq!(offered(&world), ["+34699999999", "+34612000002", "+34612000003", "+34612000004"], "{}", world.said);
    let (_, waited) = world.waited_ms[1];
    // 30 s before the restart, 13 s of being away, and what it took to come to him.
    assert!(waited >= 43_000, "waited {waited} ms");
}

#[test]
fn a_fault_ends_its_call_with_a_record_and_the_others_live_on() {
    let mut world = World::open(2, Habit::Answers(1000), Weather::default(), 1);
    world.call("+34612000001");
    world.call("+34612000002");
    world.run(5000);
    world.input(Input::Media { leg: LegId::arrived(0), event: MediaEvent::Key { key: '1', ms: 100 } });
    world.input(Input::Fault { message: None });
    world.run(5000);
    let told: Vec<_> = world.records.iter().map(|r| (r.ani.raw.as_str(), r.cause.map(|c| c.reason))).collect();
    assert_eq!(told, [("+34612000001", Some(Reason::Fault))]);
    assert_eq!(world.parties[0].legs.len(), 1, "the other caller talks on");
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}

/// A call in talk with a session timer of 90 s, in which nobody says that no media comes.
fn talk_of_90_s() -> World {
    let mut config = super::world::config(1);
    config.sip.rules.session_expires = Duration::from_secs(90);
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    world.hears_silence = false;
    world.call("+34612045118");
    world.run(5000);
    world
}

fn reasons(world: &World) -> Vec<Reason> {
    world.records.iter().flat_map(|r| &r.legs).map(|leg| leg.cause.reason).collect()
}

#[test]
fn a_caller_that_no_longer_refreshes_is_cleared_by_the_session_timer() {
    let mut world = talk_of_90_s();
    world.darken(0, 3_600_000);
    world.run(90_000);
    assert!(world.parties[1].legs.is_empty(), "the agent is left alone: {}", world.said);
    assert_eq!(reasons(&world), [Reason::SessionExpired, Reason::SessionExpired]);
}

#[test]
fn a_phone_that_no_longer_answers_our_refresh_is_cleared_and_the_caller_waits_again() {
    let mut world = talk_of_90_s();
    let caller = *world.parties[0].legs.first_key_value().unwrap().0;
    world.reboot(1, 3_600_000);
    world.run(90_000);
    assert!(
        world.said.ends_with("enters faults at 1\n81101 c1 a0 Queue(faults)\n86101 agent0 is paused\n"),
        "{}",
        world.said
    );
    world.hang_up(0, caller);
    world.run(60_000);
    assert_eq!(reasons(&world), [Reason::Peer, Reason::Unreachable]);
    world.assert_drained();
}

#[test]
fn with_a_fifth_lost_each_way_doubled_and_out_of_order_every_call_is_set_up_and_ended() {
    let weather = Weather { lost: 200, doubled: 200, late_ms: 500 };
    let mut world = World::open(8, Habit::Answers(1500), weather, 7);
    for n in 0..60 {
        let caller = world.call(&format!("+34612{n:06}"));
        world.do_later(0, 40_000, caller, Act::End(200));
        world.run(5000);
    }
    world.run(150_000);
    let answered = world.records.iter().filter(|r| r.outcome == Outcome::Answered).count();
    assert_eq!((world.records.len(), answered), (60, 60));
    world.assert_drained();
}
