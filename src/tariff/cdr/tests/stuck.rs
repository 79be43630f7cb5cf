//! Legs of which nothing was heard any more: they ended with the last that was, not when that was seen.

use super::*;
use crate::cdr::verify;

const SILENT: Cause = Cause::new(200, 41, Reason::MediaSilent);

/// The queued call until its conversation, in which nothing is heard any more from an instant on: that is seen half a minute later,
/// and it takes as long again until the caller's leg is given up.
fn cleared(heard_ms: u64) -> Vec<(u64, What)> {
    let boris = LegId::dialled(2);
    let mut script = a_queued_call();
    script.retain(|(ms, _)| *ms < 90_000);
    script.extend([
        (100_000, silent(A, heard_ms)),
        (100_000, silent(boris, heard_ms)),
        (100_010, ended(boris, SILENT, EndedBy::Us)),
        (132_000, ended(A, Cause::new(408, 102, Reason::Unreachable), EndedBy::Us)),
        (132_000, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Us }),
    ]);
    script
}

#[test]
fn who_is_cleared_for_silence_talked_and_pays_until_something_was_heard_last() {
    let record = record(&cleared(70_010));
    assert_eq!(verify(&record), []);
    assert_eq!((record.ended, record.total_ms), (at(70_010).wall, 70_010));
    let [caller, _, agent] = &record.legs[..] else { panic!("{:?}", record.legs) };
    assert_eq!((caller.ended, caller.talk_ms, caller.total_ms), (at(70_010).wall, 70_000, 70_010));
    assert_eq!((agent.ended, agent.talk_ms, agent.total_ms), (at(70_010).wall, 40_010, 41_910));
    assert_eq!((record.talk_ms(), record.hold_ms(), record.wait_ms()), (30_000, 10_000, 27_000));
    // 70 s from a mobile at 0.162 a minute, not the 132 s until it was given up.
    let company = &caller.charges[1];
    assert_eq!((company.rated.billed_ms, company.rated.net.unwrap().to_string()), (70_000, "0.1890".to_owned()));
    assert!(!record.recovered && !record.estimated, "when something was heard is known");
}

/// The caller was there all the time, and is rescued; but he talked with somebody only until the agent's phone was heard last.
#[test]
fn who_talks_with_a_phone_of_which_nothing_is_heard_talked_until_it_was() {
    let (boris, at_queue) = (LegId::dialled(2), Segment::Queue(queue("averias")));
    // The queued call talks from 30,000 to 50,000 ms, holds to 60,000 and talks again.
    for (heard_ms, talk_ms, hold_ms, alone_ms) in
        [(70_010, 30_000, 10_000, 32_000), (55_010, 20_000, 5000, 47_000), (5000, 0, 0, 72_000)]
    {
        let mut script = a_queued_call();
        script.retain(|(ms, _)| *ms < 90_000);
        script.extend([
            (102_010, silent(boris, heard_ms)),
            (102_010, ended(boris, SILENT, EndedBy::Us)),
            (102_010, What::QueueEntered { call: CALL, queue: queue("averias"), position: 1 }),
            (102_010, segment(A, at_queue)),
            (
                112_010,
                What::QueueLeft {
                    call: CALL,
                    queue: queue("averias"),
                    left: QueueLeft::Abandoned,
                    position: 1,
                    wait_ms: 10_000,
                },
            ),
            (112_010, ended(A, Cause::NORMAL, EndedBy::Caller)),
            (112_010, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Caller }),
        ]);
        let record = record(&script);
        assert_eq!(verify(&record), [], "{heard_ms}");
        assert_eq!((record.talk_ms(), record.hold_ms()), (talk_ms, hold_ms), "{heard_ms}: {record:#?}");
        let caller = &record.legs[0];
        let [.., alone, waits] = &caller.stages[..] else { panic!("{caller:#?}") };
        assert_eq!((alone.segment, alone.ms, waits.segment), (Segment::Ivr(None), alone_ms, at_queue), "{heard_ms}");
        assert_eq!((caller.talk_ms, record.total_ms), (112_000, 112_010), "{heard_ms}: he pays for being connected");
    }
}

#[test]
fn what_began_after_something_was_heard_last_never_was() {
    // Heard last while on hold.
    let held = record(&cleared(55_000));
    assert_eq!(verify(&held), []);
    let stages: Vec<(Segment, u64)> = held.legs[0].stages.iter().map(|stage| (stage.segment, stage.ms)).collect();
    let boris = agent("boris");
    assert_eq!(stages[stages.len() - 2..], [(Segment::Talk(boris), 20_000), (Segment::Hold(boris), 4990)]);
    // Never heard in the conversation: no leg ends before its answer, no call before its stay in the queue.
    let never = record(&cleared(5000));
    assert_eq!(verify(&never), []);
    assert_eq!((never.legs[0].total_ms, never.legs[2].talk_ms), (5000, 0));
    assert_eq!((never.ended, never.talk_ms()), (at(30_010).wall, 0));
    // Nobody is heard later than his leg was there.
    let late = record(&cleared(900_000));
    assert_eq!((verify(&late), late.total_ms, late.legs[0].total_ms), (vec![], 132_000, 132_000));
}

#[test]
fn a_silent_caller_in_a_queue_pays_until_he_was_heard_and_waited_until_he_was_taken_out() {
    let left = QueueLeft::Failed;
    let record = record(&[
        (0, arrived()),
        (0, began(A, Party::Caller(Some(trunk())))),
        (10, What::LegAnswered { call: CALL, leg: A }),
        (10, What::QueueEntered { call: CALL, queue: queue("averias"), position: 1 }),
        (10, segment(A, Segment::Queue(queue("averias")))),
        (40_000, silent(A, 10_000)),
        (40_000, What::QueueLeft { call: CALL, queue: queue("averias"), left, position: 1, wait_ms: 39_990 }),
        (72_000, ended(A, SILENT, EndedBy::Us)),
        (72_000, What::CallEnded { call: CALL, outcome: Outcome::Failed, by: EndedBy::Us }),
    ]);
    assert_eq!(verify(&record), []);
    assert_eq!((record.legs[0].talk_ms, record.legs[0].ended), (9990, at(10_000).wall));
    assert_eq!((record.wait_ms(), record.ended), (39_990, at(40_000).wall));
}

#[test]
fn a_crash_before_the_silent_legs_are_given_up_changes_nothing_of_it() {
    let rows = rows(&cleared(70_010));
    let open = &rows[..rows.len() - 1];
    let [Row { kind: Kind::Close(record), .. }] = &recover(open, &deck())[..] else { panic!("one close") };
    assert_eq!((verify(record), record.ended, record.legs[0].talk_ms), (vec![], at(70_010).wall, 70_000));
}
