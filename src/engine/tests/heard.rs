//! What is heard around the answer, through the whole engine: who is charged from when (E8), what an agent hears first (E7), and
//! phones that answer by themselves (S12).

use turno_base::{Name, Outcome};
use turno_call::{Answering, EarlyEnd};
use turno_sip::config::AnswerForm;

use super::world::{Habit, Weather, World, config, name};
use crate::EngineConfig;

/// Callers of numbers for which both pay are answered by their agents.
fn shared() -> EngineConfig {
    let mut config = config(1);
    config.call.answers.types.insert(name("shared"), Answering::ByAgent);
    config
}

fn since(began: Option<turno_base::Wall>, at: Option<turno_base::Wall>) -> i64 {
    (at.expect("it was answered").0 - began.expect("it began").0) / 1000
}

#[test]
fn a_caller_of_a_number_that_he_pays_for_is_answered_and_charged_when_his_agent_is() {
    // A millisecond until the record is on disk.
    for (number, waits_ms) in [("+34902123456", 2000), ("+34910000001", 1)] {
        let mut world = World::open_with(shared(), 1, Habit::Answers(2000), Weather::default(), 1);
        let caller = world.dial(0, number, "+34612045118");
        world.run(10_000);
        world.hang_up(0, caller);
        world.run(60_000);
        let record = &world.records[0];
        let (his, agents) = (&record.legs[0], &record.legs[1]);
        assert_eq!(record.outcome, Outcome::Answered);
        assert_eq!(since(Some(his.began), his.answered), waits_ms, "{number}");
        assert_eq!(since(Some(his.began), agents.answered), 2000, "{number}");
        let talk_ms = record.talk_ms();
        assert!((7000..=8000).contains(&talk_ms), "{number}: he talks as long, whoever pays: {talk_ms}");
        world.assert_drained();
    }
}

#[test]
fn who_leaves_before_his_agent_has_no_answer_in_his_record_and_at_the_limit_he_is_refused_if_the_house_says_so() {
    let mut config = shared();
    config.call.answers.then = EarlyEnd::Refuse;
    config.acd.queues.values_mut().for_each(|queue| queue.wait_limit = std::time::Duration::ZERO);
    // Nobody answers his phone.
    let mut world = World::open_with(config, 1, Habit::Answers(600_000), Weather::default(), 1);
    let leaves = world.dial(0, "+34902123456", "+34612045118");
    world.dial(0, "+34902123456", "+34612045119");
    world.run(5000);
    world.hang_up(0, leaves);
    world.run(400_000);
    let told = |record: &turno_tariff::cdr::Record| (record.outcome, record.legs[0].answered);
    let told: Vec<_> = world.records.iter().map(told).collect();
    assert_eq!(told, [(Outcome::Abandoned, None), (Outcome::NoAnswer, None)]);
    let waited = (world.records[1].legs[0].ended.0 - world.records[1].legs[0].began.0) / 1_000_000;
    assert_eq!(waited, 170, "the carrier's limit is not reached");
}

#[test]
fn an_agents_phone_is_told_to_answer_by_itself_in_the_forms_of_its_account_and_he_hears_a_tone_and_the_queue_first() {
    let mut config = config(1);
    let briefing = &mut config.call.briefing;
    briefing.queues.insert(name("faults"));
    briefing.hands_free.insert(name("desk0"));
    briefing.tone = Some(name("zip"));
    briefing.words.insert(name("faults"), vec![name("for-faults")]);
    config.sip.accounts[0].auto_answer = AnswerForm::ALL.to_vec();
    let mut world = World::open_with(config, 1, Habit::Answers(100), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(10_000);
    for (header, value) in AnswerForm::ALL.map(AnswerForm::header) {
        assert!(world.last_invite.contains(&format!("\r\n{header}: {value}\r\n")), "{}", world.last_invite);
    }
    world.hang_up(0, caller);
    world.run(60_000);
    let record = &world.records[0];
    let answered = record.legs[1].answered.expect("the phone answers by itself");
    let spoke =
        record.legs[1].stages.iter().find(|part| part.segment == turno_base::fact::Segment::Talk(name("agent0")));
    assert!(spoke.expect("they talked").at > answered, "he is told of his caller first: {record:#?}");
    let by_hand: Name = name("desk0");
    let mut config = super::world::config(1);
    config.sip.accounts[0].auto_answer = AnswerForm::ALL.to_vec();
    let mut world = World::open_with(config, 1, Habit::Answers(100), Weather::default(), 1);
    world.call("+34612045118");
    world.run(5000);
    assert!(!world.last_invite.contains("answer-after"), "{by_hand} rings where nobody wants otherwise");
}
