//! What agents hear before their callers (E7), and phones that answer by themselves (S12).

use expect_test::expect;
use turno_base::{AgentId, PromptId, QueueId, SegmentId, StationId};

use super::script::{Run, config, name};
use crate::{Answering, Briefing, CallConfig, EarlyEnd};

fn prompt(text: &str) -> PromptId {
    PromptId(name(text))
}

/// Queue `sales` says its name, gold customers and Catalan are named; phones at s1 and s2 answer by themselves for `sales`,
/// though not for boris.
pub(crate) fn briefs() -> CallConfig {
    let briefing = Briefing {
        hands_free: [StationId(name("s1")), StationId(name("s2"))].into(),
        agents: [(AgentId(name("boris")), false)].into(),
        queues: [QueueId(name("sales"))].into(),
        tone: Some(prompt("zip")),
        words: [(QueueId(name("sales")), vec![prompt("for-sales")])].into(),
        languages: [(name("catalan"), prompt("in-catalan"))].into(),
        segments: [(SegmentId(name("gold")), prompt("a-gold-one"))].into(),
    };
    CallConfig { briefing, ..config() }
}

fn after(config: CallConfig, before: &str, then: &str) -> String {
    let mut run = Run::new(config);
    run.script(&format!("{before}\n--\n{then}"));
    run.printed
}

/// The same, and its callers are answered by their agents, if one is there within ten seconds.
pub(crate) fn thrifty() -> CallConfig {
    let mut config = briefs();
    config.answers.numbers.insert("34900".into(), Answering::ByAgent);
    config.answers.limit = crate::EARLY_LIMIT_MIN;
    config.answers.then = EarlyEnd::Refuse;
    config
}

/// Up to anna, whose phone has answered by itself and says what comes.
pub(crate) const BRIEFED: &str = "
    0 trunk a1 900
    0 known c1 catalan
    0 acd c1 entered 1
    3 recorded c1
    10 a1 agreed
    20 a1 confirmed
    6000 a1 played
    7000 acd c1 offer anna s1 5
    7100 b1 answered
    7100 acd c1 left answered anna
    7100 acd c1 connect anna 5
    7110 b1 agreed";

#[test]
fn a_phone_that_answers_by_itself_says_a_tone_and_who_comes_before_the_caller_is_heard() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1, answering by itself
               * c1 b1 in ring anna
        7100   * c1 b1 answered
               c1 acd: anna/5 accepts
               b1 hears zip for-sales in-catalan a-gold-one
        9000   * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(
        briefs(),
        "0 trunk a1 900\n0 known c1 catalan\n0 acd c1 entered 1\n3 recorded c1\n10 a1 agreed\n6000 a1 played",
        "7000 acd c1 offer anna s1 5
         7100 b1 answered
         7100 acd c1 left answered anna
         7100 acd c1 connect anna 5
         7110 b1 agreed
         9000 b1 played",
    ));
}

#[test]
fn an_agent_who_wants_to_answer_himself_hears_who_comes_and_no_tone() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s2 Agent(boris, s2)
               b1 dial s2 from 600111222 like a1
               * c1 b1 in ring boris
        7100   * c1 b1 answered
               c1 acd: boris/5 accepts
               b1 hears for-sales a-gold-one
    "#]]
    .assert_eq(&after(
        briefs(),
        "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1\n3 recorded c1\n10 a1 agreed\n6000 a1 played",
        "7000 acd c1 offer boris s2 5
         7100 b1 answered
         7100 acd c1 left answered boris
         7100 acd c1 connect boris 5",
    ));
}

const OFFERABLE: &str = "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1\n3 recorded c1";

#[test]
fn only_phones_that_can_are_told_to_answer_by_themselves() {
    let mut by_hand = briefs();
    by_hand.briefing.hands_free.clear();
    let got = after(by_hand, OFFERABLE, "3000 acd c1 offer anna s1 5");
    assert!(!got.contains("by itself"), "{got}");
    let mut not_this_queue = briefs();
    not_this_queue.briefing.queues.clear();
    let got = after(not_this_queue.clone(), OFFERABLE, "3000 acd c1 offer anna s1 5");
    assert!(!got.contains("by itself"), "{got}");
    not_this_queue.briefing.agents.insert(AgentId(name("anna")), true);
    let got = after(not_this_queue, OFFERABLE, "3000 acd c1 offer anna s1 5");
    assert!(got.contains("by itself"), "{got}");
}

#[test]
fn an_agent_who_hangs_up_before_he_hears_his_caller_costs_the_caller_nothing() {
    expect![[r#"
        8000   * c1 b1 ended 200/16 peer by Agent
               c1 acd: anna released
               c1 acd: enter sales AtLeast { skill: catalan, level: 1 } gold 4000 tel:+34600111222 credit 8000, rescued, may be called back
               * c1 a1 in ivr
               * c1 a1 in queue sales
               a1 hears cut-off, then salsa looped
    "#]]
    .assert_eq(&after(briefs(), BRIEFED, "8000 b1 bye\n8000 acd c1 entered 1"));
}

#[test]
fn a_caller_who_hangs_up_while_his_agent_is_told_of_him_has_talked_with_nobody() {
    expect![[r#"
        8000   * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
        8010   * c1 b1 ended 200/16 normal by Caller
        8020   * c1 a1 figures
               * c1 b1 figures
               * c1 ended abandoned by Caller
    "#]]
    .assert_eq(&after(briefs(), BRIEFED, "8000 a1 bye\n8010 b1 ended\n8020 a1 figures\n8020 b1 figures"));
}

#[test]
fn who_is_charged_from_the_answer_is_answered_when_the_agent_has_been_told() {
    expect![[r#"
        9000   a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(thrifty(), &BRIEFED.replace("20 a1 confirmed", ""), "9000 b1 played"));
}

#[test]
fn who_calls_a_customer_back_hears_that_first_and_then_for_which_queue() {
    expect![[r#"
        2000   * c1 b2 answered
               c1 acd: anna/5 accepts
               * c1 b1 began 900 to +34600111222 Outside(t1)
               b1 dial +34600111222 by t1 from 900 like b2
               * c1 b1 in ivr
               b2 hears zip callback for-sales a-gold-one
        4000   b2 hears ringback
        8000   * c1 b1 answered
               c1 acd: customer answered
               * c1 b2 in talk anna
               * c1 b1 in talk anna
               b2 hears b1 and is heard
    "#]]
    .assert_eq(&after(
        briefs(),
        "0 back +34600111222 agent\n0 acd c1 entered 1\n0 acd c1 offer anna s1 5\n3 recorded c1\n100 b2 ringing",
        "2000 b2 answered
         2000 acd c1 connect anna 5
         2010 b2 agreed
         4000 b2 played
         8000 b1 answered",
    ));
}
