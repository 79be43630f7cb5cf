//! What is told after a process has died: of when, and how long it lasted.

use super::*;

/// Ten minutes after the process died, at 40 s; the call arrived at 0 s, another one after the restart.
#[test]
fn what_a_dead_process_had_ended_with_it_and_lasted_no_longer() {
    const OTHER: CallId = CallId(0x019d_2b8c_1a00_0000_0000_0000_0000_0002);
    let (died, now) = (at(40_000), at(640_000));
    let (mut builder, mut rows) = (Builder::default(), Vec::new());
    for (ms, call) in [(0, CALL), (640_000, OTHER)] {
        let what =
            What::CallArrived { call, ani: number("612345678"), dnis: number("900123456"), trunk: Some(trunk()) };
        builder.on_fact(&Fact { at: at(ms), what }, &deck(), &mut rows);
    }
    let left = |call, wait_ms| What::QueueLeft {
        call,
        queue: queue("averias"),
        left: QueueLeft::Failed,
        position: 1,
        wait_ms,
    };
    let missed =
        |call, ring_ms| What::OfferEnded { call, agent: agent("boris"), epoch: 1, end: OfferEnd::CallerLeft, ring_ms };
    let ended = |call| What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Us };
    for (told, dated) in [
        (ended(CALL), Fact { at: died, what: ended(CALL) }),
        (ended(OTHER), Fact { at: now, what: ended(OTHER) }),
        (left(CALL, 630_000), Fact { at: died, what: left(CALL, 30_000) }),
        (left(OTHER, 5), Fact { at: now, what: left(OTHER, 5) }),
        (missed(CALL, 605_000), Fact { at: died, what: missed(CALL, 5000) }),
        (missed(CALL, 3), Fact { at: died, what: missed(CALL, 0) }),
        (What::Emergency { queue: None, on: true }, Fact { at: now, what: What::Emergency { queue: None, on: true } }),
    ] {
        assert_eq!(builder.dated(told.clone(), Some(died), now), dated);
        assert_eq!(builder.dated(told.clone(), None, now), Fact { at: now, what: told }, "nothing died");
    }
}
