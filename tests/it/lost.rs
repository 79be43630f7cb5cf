//! Messages that get lost, or never come, over loopback: what is repeated, how often it is answered, and when we give up.

use std::time::Duration;

use crate::calls::{ONE, how, is_sound, ms, rung, staffed, stays};
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{caller, phone};

const INSTANT: Duration = Duration::ZERO;
/// What SIPp can answer, and timers so short that what waits for them ends within seconds.
const MD5_HASTY: &str = "digests = [\"md5\", \"sha-256\"]\n[sip.rules]\nt1 = \"100ms\"\nt2 = \"800ms\"";

/// Rounds of five calls in which SIPp loses three of ten messages. Its dice begin anew with each process and by the second, so that calls of
/// one second may fare alike: rounds enough for many seconds.
const LOSSY_ROUNDS: usize = 100;

/// How many messages SIPp lost of its own accord.
fn lost(messages: &str, how: &str) -> usize {
    messages.matches(&format!("lost ({how})")).count()
}

/// Plays rounds until something was lost; `round` says whether it was.
fn until_lost(house: &House, mut round: impl FnMut() -> bool) {
    let rounds = (1..=LOSSY_ROUNDS).find(|_| round()).expect("in no round was anything lost");
    for record in &house.records(5 * rounds) {
        is_sound(record);
        assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by caller: peer", "1001: ring talk"));
    }
    house.until_agent("anna", "ready");
}

#[test]
fn a_bye_that_gets_lost_is_repeated_and_each_is_answered() {
    let house = staffed(&ONE);
    until_lost(&house, || {
        let anna = phone(&house, 0, "agent_answers", INSTANT, 5);
        let messages: String = (0..5)
            .map(|_| {
                let mut caller = caller(&house, "caller_lost_bye", AVERIAS, INSTANT);
                house.until_agent("anna", "talking");
                caller.cue(1);
                caller.done_telling()
            })
            .collect();
        anna.done();
        // Whoever lost our answer sends his BYE again, and gets another.
        let lost_answers = lost(&messages, "recv");
        let answers = messages.matches("CSeq: 9 BYE").count() - messages.matches("BYE sip:").count();
        assert!(answers >= 5 + lost_answers, "{answers} answers, {lost_answers} of them lost\n{messages}");
        lost_answers + lost(&messages, "while sending") > 0
    });
    house.is_clean();
}

#[test]
fn an_ack_or_bye_of_ours_that_gets_lost_is_sent_again() {
    let house = staffed(&Plan { sip: MD5_HASTY, ..ONE });
    until_lost(&house, || {
        let mut anna = phone(&house, 0, "agent_lossy", INSTANT, 5);
        for n in 1..=5 {
            let caller = stays(&house);
            house.until_agent("anna", "talking");
            // Sooner he would get a BYE in a call that for him has not begun.
            anna.until_heard(n);
            caller.hang_up();
        }
        let messages = anna.done_telling();
        let lost = lost(&messages, "recv");
        let came = messages.matches("\nACK sip:").count() + messages.matches("\nBYE sip:").count();
        assert!(came >= 10 + lost, "{came} ACKs and BYEs came, {lost} of them were lost\n{messages}");
        lost > 0
    });
    house.is_clean();
}

#[test]
fn a_call_without_ack_is_ended() {
    let house = staffed(&Plan { sip: MD5_HASTY, ..ONE });
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let began = std::time::Instant::now();
    caller(&house, "caller_no_ack", AVERIAS, INSTANT).done();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    // 64 * T1 after the 200 (RFC 3261 §13.3.1.4). Nothing was heard of him since: for the bill it ended with his answer.
    assert!(began.elapsed().as_millis() >= 6400, "{:?}", began.elapsed());
    assert!(ms(record, "total_ms") < 6400, "{record:#}");
    assert_eq!(how(record), "answered by us: unreachable");
    house.is_clean();
}
