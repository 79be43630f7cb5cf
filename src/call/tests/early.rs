//! Callers who are answered, and so charged, when an agent is there (E8).

use expect_test::expect;
use turno_base::{QueueId, fact::What};

use super::script::{Run, config, name};
use crate::{Answering, CallConfig, CallEffect, EarlyEnd, LegCommand};

/// Callers of 900 are answered by their agents.
fn charged() -> CallConfig {
    let mut config = config();
    config.answers.numbers.insert("34900".into(), Answering::ByAgent);
    config
}

fn after(config: CallConfig, before: &str, then: &str) -> String {
    let mut run = Run::new(config);
    run.script(&format!("{before}\n--\n{then}"));
    run.printed
}

/// Up to a caller who hears music and is not answered.
const HEARS: &str = "
    0 trunk a1 900
    0 known c1
    0 acd c1 entered 1
    3 recorded c1
    10 a1 agreed
    6000 a1 played";

#[test]
fn a_caller_who_pays_from_the_answer_hears_his_queue_before_it_and_is_answered_when_the_agent_is() {
    expect![[r#"
        3      a1 progress
               a1 hears welcome hello, then salsa looped
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        9000   * c1 b1 answered
               c1 acd: anna/5 accepts
               a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(
        charged(),
        "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1",
        "3 recorded c1
         10 a1 agreed
         6000 a1 played
         7000 acd c1 offer anna s1 5
         9000 b1 answered
         9000 acd c1 left answered anna
         9000 acd c1 connect anna 5
         9010 b1 agreed",
    ));
}

#[test]
fn a_caller_who_leaves_before_his_agent_was_never_answered() {
    expect![[r#"
        9000   * c1 a1 ended 200/16 peer by Caller
               c1 acd: leave abandoned
        9100   * c1 a1 figures
               * c1 ended abandoned by Caller
    "#]]
    .assert_eq(&after(charged(), HEARS, "9000 a1 bye\n9100 a1 figures"));
}

#[test]
fn his_place_and_where_his_queue_sends_him_are_heard_unanswered_too() {
    expect![[r#"
        9000   a1 hears you-are two, then salsa looped
        12000  c1 acd: announced
        20000  * c1 a1 in ivr closed
               a1 hears closed
        24000  a1 end 480/31 overflow
        24010  * c1 a1 ended 200/16 normal by Us
        24020  * c1 a1 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&after(
        charged(),
        HEARS,
        "9000 acd c1 announce 2
         12000 a1 played
         20000 acd c1 left overflowed
         20000 acd c1 overflow prompt closed
         24000 a1 played
         24010 a1 ended
         24020 a1 figures",
    ));
}

#[test]
fn a_mailbox_and_a_menu_answer_because_they_have_to_hear_him() {
    expect![[r#"
        20000  a1 answer
               * c1 a1 answered
               * c1 a1 in voicemail
               a1 hears leave-a-message beep
    "#]]
    .assert_eq(&after(charged(), HEARS, "20000 acd c1 left overflowed\n20000 acd c1 overflow voicemail box"));
    expect![[r#"
        20000  a1 answer
               * c1 a1 answered
               * c1 a1 in ivr welcome
               a1 hears welcome main
    "#]]
    .assert_eq(&after(charged(), HEARS, "20000 acd c1 left overflowed\n20000 acd c1 overflow menu main"));
}

#[test]
fn before_the_carriers_limit_he_is_answered_or_refused_as_the_house_says() {
    expect![[r#"
        170003 a1 answer
               * c1 a1 answered
    "#]]
    .assert_eq(&after(charged(), HEARS, "175000 pass"));
    let mut refuses = charged();
    refuses.answers.then = EarlyEnd::Refuse;
    expect![[r#"
        160000 * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        170003 c1 acd: leave timed_out
               a1 end 480/31 overflow
               b1 end 487/31 overflow
        170010 * c1 a1 ended 200/16 normal by Us
        170020 * c1 b1 ended 200/16 normal by Us
        170030 * c1 a1 figures
               * c1 b1 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&after(
        refuses,
        HEARS,
        "160000 acd c1 offer anna s1 5
         170010 a1 ended
         170020 b1 ended
         170030 a1 figures
         170030 b1 figures",
    ));
}

/// What is sent first to a caller of `dialled` in a queue: 183 or 200.
fn first_heard(config: CallConfig, dialled: &str) -> Option<&'static str> {
    let mut run = Run::new(config);
    run.script(&format!("0 trunk a1 {dialled}\n0 known c1\n0 acd c1 entered 1\n3 recorded c1"));
    let answered = run.last.iter().any(|effect| matches!(effect, CallEffect::Fact(What::LegAnswered { .. })));
    run.last.iter().find_map(|effect| match effect {
        CallEffect::Leg { command: LegCommand::Progress, .. } if !answered => Some("183"),
        CallEffect::Leg { command: LegCommand::Answer, .. } if answered => Some("200"),
        _ => None,
    })
}

#[test]
fn the_route_stands_above_the_queue_above_the_number_above_its_type() {
    use Answering::{AtOnce, ByAgent};
    let premium = name("premium");
    let sales = QueueId(name("sales"));
    // Route, queue, beginnings of numbers, type; 911 is premium, 900 of no type.
    type Case<'a> =
        (Option<Answering>, Option<Answering>, &'a [(&'a str, Answering)], Option<Answering>, &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (None, None, &[], None, "900", "200"),
        (None, None, &[], Some(ByAgent), "900", "200"),
        (None, None, &[], Some(ByAgent), "911", "183"),
        (None, None, &[("3491", AtOnce)], Some(ByAgent), "911", "200"),
        (None, None, &[("3491", AtOnce), ("34911", ByAgent)], None, "911", "183"),
        (None, Some(AtOnce), &[("34911", ByAgent)], None, "911", "200"),
        (None, Some(ByAgent), &[], None, "900", "183"),
        (Some(AtOnce), Some(ByAgent), &[("34", ByAgent)], Some(ByAgent), "911", "200"),
        (Some(ByAgent), None, &[("34", AtOnce)], None, "911", "183"),
    ];
    for (route, queue, numbers, kind, dialled, want) in cases {
        let mut config = config();
        let mut routed = config.routes[0].clone();
        routed.answer = *route;
        "911".clone_into(&mut routed.dnis);
        config.routes.push(routed);
        config.answers.queues.extend(queue.map(|rule| (sales, rule)));
        config.answers.numbers.extend(numbers.iter().map(|(prefix, rule)| ((*prefix).to_owned(), *rule)));
        config.answers.types.extend(kind.map(|rule| (premium, rule)));
        assert_eq!(first_heard(config, dialled), Some(*want), "{route:?} {queue:?} {numbers:?} {kind:?} {dialled}");
    }
}

#[test]
fn a_colleague_and_a_customer_who_is_called_back_are_answered_as_ever() {
    let mut config = charged();
    config.answers.queues.insert(QueueId(name("sales")), Answering::ByAgent);
    let got = after(config, "0 station a1 s1 70\n0 known c1", "0 acd c1 entered 1\n3 recorded c1");
    assert!(got.contains("a1 answer\n"), "{got}");
}
