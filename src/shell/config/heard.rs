//! What is heard around the answer: when callers are answered (E8), what agents hear before them (E7), whose phones answer by
//! themselves (S12). Written beside the queues, agents, segments and accounts that it is about.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use turno_base::{AgentId, Name, PromptId, QueueId, SegmentId};
use turno_call::{Answering, Answers, Briefing, EARLY_LIMIT_MAX, EARLY_LIMIT_MIN, EarlyEnd};
use turno_sip::config::Account;
use turno_tariff::NumberType;

use crate::shell::config::section::Section;

const PROMPT_FORM: &str = "name a prompt of [prompts]";
const ANSWERING_FORM: &str = "write at_once or by_agent";
/// Below the three minutes after which carriers end a call that is not answered.
const EARLY_LIMIT: Duration = Duration::from_secs(170);

/// When somebody is answered.
pub(super) fn answering(section: &Section<'_>, key: &str) -> Option<Answering> {
    section.read(key, ANSWERING_FORM, |text| match text {
        "at_once" => Some(Answering::AtOnce),
        "by_agent" => Some(Answering::ByAgent),
        _ => None,
    })
}

/// The tables below `key` whose names are names; the others are told of where they are read as a whole.
fn named<'a, K: FromStr>(root: &Section<'a>, key: &str) -> impl Iterator<Item = (K, Section<'a>)> {
    root.named(key).into_iter().filter_map(|(name, section)| Some((name.parse().ok()?, section)))
}

pub(super) fn answers(root: &Section<'_>, calls: &Section<'_>) -> Answers {
    let by_number = calls.section("answer");
    let (mut numbers, mut types) = (BTreeMap::new(), BTreeMap::new());
    for key in by_number.names() {
        let Some(rule) = answering(&by_number, &key) else { continue };
        let kind = NumberType::ALL.into_iter().find(|kind| kind.as_str() == key);
        match (kind.and_then(|kind| kind.as_str().parse::<Name>().ok()), key.bytes().all(|b| b.is_ascii_digit())) {
            (Some(kind), _) => types.extend([(kind, rule)]),
            (None, true) => numbers.extend([(key, rule)]),
            (None, false) => {
                let all = NumberType::ALL.map(NumberType::as_str).join(", ");
                by_number.error(&key, format!("is neither digits with the country code nor a type of numbers: {all}"));
            }
        }
    }
    let of_queue = |(queue, section): (QueueId, Section<'_>)| Some((queue, answering(&section, "answer")?));
    let then = calls.read("early_then", "write answer or refuse", |text| match text {
        "answer" => Some(EarlyEnd::Answer),
        "refuse" => Some(EarlyEnd::Refuse),
        _ => None,
    });
    Answers {
        numbers,
        types,
        queues: named(root, "queues").filter_map(of_queue).collect(),
        limit: calls.duration("early_limit", EARLY_LIMIT, EARLY_LIMIT_MIN..=EARLY_LIMIT_MAX),
        then: then.unwrap_or_default(),
    }
}

pub(super) fn briefing(root: &Section<'_>, calls: &Section<'_>, accounts: &[Account]) -> Briefing {
    let able = accounts.iter().filter(|account| !account.auto_answer.is_empty());
    let mut briefing = Briefing {
        hands_free: able.map(|account| account.station).collect(),
        tone: calls.parsed("auto_answer_tone", PROMPT_FORM),
        ..Briefing::default()
    };
    for (queue, section) in named::<QueueId>(root, "queues") {
        let words: Vec<PromptId> = section.list("whisper", PROMPT_FORM);
        if !words.is_empty() {
            briefing.words.insert(queue, words);
        }
        if section.flag("auto_answer", false) {
            briefing.queues.insert(queue);
        }
    }
    for (agent, section) in named::<AgentId>(root, "agents") {
        let wanted = section.flag("auto_answer", false);
        if section.has("auto_answer") {
            briefing.agents.insert(agent, wanted);
        }
    }
    for (segment, section) in named::<SegmentId>(root, "segments") {
        let prompt: Option<PromptId> = section.parsed("whisper", PROMPT_FORM);
        briefing.segments.extend(prompt.map(|prompt| (segment, prompt)));
    }
    let languages = calls.section("language_whispers");
    for name in languages.names() {
        let prompt: Option<PromptId> = languages.parsed(&name, PROMPT_FORM);
        match name.parse::<Name>() {
            Ok(language) => briefing.languages.extend(prompt.map(|prompt| (language, prompt))),
            Err(error) => languages.error(&name, format!("{error}")),
        }
    }
    briefing
}
