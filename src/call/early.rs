//! When a caller is answered, and so charged (E8). Callers of some numbers pay from the 200 on: they hear queue and
//! announcements as early media, and are answered when an agent is there. Carriers bear early media for some minutes only
//! (ITU-T Q.764 T9; three minutes is usual), so it has a limit. Menus and mailboxes answer: they have to hear the caller.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::QueueLeft;
use turno_base::{E164, EndedBy, LegId, Mono, Name, Outcome, QueueId};

use crate::boundary::{From, LegCommand};
use crate::call::{Call, Stage};
use crate::leg::LegState;
use crate::plan::CallConfig;
use crate::turn::Turn;
use crate::wait::OVERFLOWED;

/// When a caller is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answering {
    /// As soon as there is something to say to him.
    #[default]
    AtOnce,
    /// When an agent talks with him.
    ByAgent,
}

/// Who is answered when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// By what the called number begins with, digits with the country code; the longest counts.
    pub numbers: BTreeMap<String, Answering>,
    /// By the called number's type, below `numbers`.
    pub types: BTreeMap<Name, Answering>,
    /// By queue, above both.
    pub queues: BTreeMap<QueueId, Answering>,
    /// Longest early media, [`EARLY_LIMIT_MIN`]..=[`EARLY_LIMIT_MAX`].
    pub limit: Duration,
    /// What happens then to who still waits.
    pub then: EarlyEnd,
}

/// What happens at the limit of early media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EarlyEnd {
    /// He is answered, and pays from then on.
    #[default]
    Answer,
    /// He is refused (480) and pays nothing.
    Refuse,
}

/// Shortest limit of early media.
pub const EARLY_LIMIT_MIN: Duration = Duration::from_secs(10);
/// Longest limit of early media.
pub const EARLY_LIMIT_MAX: Duration = Duration::from_secs(600);

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            numbers: BTreeMap::new(),
            types: BTreeMap::new(),
            queues: BTreeMap::new(),
            limit: Duration::from_secs(170),
            then: EarlyEnd::Answer,
        }
    }
}

impl Answers {
    fn of_number(&self, dialled: Option<E164>, kind: Option<Name>) -> Answering {
        let digits = dialled.map(|number| number.to_string());
        let digits = digits.as_deref().map(|text| text.trim_start_matches('+'));
        let begins = |prefix: &str| digits.is_some_and(|digits| digits.starts_with(prefix));
        let longest = self.numbers.iter().filter(|(prefix, _)| begins(prefix)).max_by_key(|(prefix, _)| prefix.len());
        let by_type = || kind.and_then(|kind| self.types.get(&kind));
        longest.map(|(_, rule)| rule).or_else(by_type).copied().unwrap_or_default()
    }
}

/// How a call stands with its 200.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Early {
    /// Its route says so: above all else.
    pub(crate) route: Option<Answering>,
    /// By its number.
    pub(crate) number: Answering,
    pub(crate) media: EarlyMedia,
}

/// Its early media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EarlyMedia {
    #[default]
    None,
    Until(Mono),
    /// The limit has passed: from now on he is answered as anybody.
    Over,
}

impl Early {
    pub(crate) fn new(
        config: &CallConfig,
        route: Option<Answering>,
        dialled: Option<E164>,
        kind: Option<Name>,
    ) -> Early {
        Early { route, number: config.answers.of_number(dialled, kind), media: EarlyMedia::None }
    }
}

impl Call {
    /// The caller is not to be answered yet though there is something to say to him.
    pub(crate) fn is_kept_early(&self, t: &Turn<'_>) -> bool {
        let queue = match &self.stage {
            Stage::Waiting(waiting) => Some(waiting.queue),
            Stage::Saying { .. } => self.came.as_ref().map(|came| came.queue),
            // Until he hears the agent.
            Stage::Talking(talk) if !talk.briefing.is_empty() => self.came.as_ref().map(|came| came.queue),
            Stage::Talking(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => return false,
        };
        let by_queue = || queue.and_then(|queue| t.config.answers.queues.get(&queue)).copied();
        match (self.from, self.early.media) {
            // A colleague pays nothing, and who is called back has answered himself.
            (Some(From::Station(..)) | None, _) | (_, EarlyMedia::Over) => false,
            (Some(From::Trunk(_)), EarlyMedia::None | EarlyMedia::Until(_)) => {
                self.early.route.or_else(by_queue).unwrap_or(self.early.number) == Answering::ByAgent
            }
        }
    }

    /// The caller hears us without being answered.
    pub(crate) fn hear_early(&mut self, t: &mut Turn<'_>) {
        if self.open_early(self.caller, t) && self.early.media == EarlyMedia::None {
            self.early.media = EarlyMedia::Until(t.now.mono + t.config.answers.limit);
        }
    }

    /// 183 to a leg that is not answered, once; whether it is such a leg.
    pub(crate) fn open_early(&mut self, id: LegId, t: &mut Turn<'_>) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let is_unanswered = matches!(leg.state, LegState::Arrived { .. });
        if is_unanswered && !leg.early {
            leg.early = true;
            leg.owes_figures = true;
            t.leg(id, LegCommand::Progress);
        }
        is_unanswered
    }

    /// When early media must end; none: there is none.
    pub(crate) fn early_until(&self) -> Option<Mono> {
        let unanswered = |id| self.legs.get(id).is_some_and(|leg| matches!(leg.state, LegState::Arrived { .. }));
        match self.early.media {
            EarlyMedia::Until(until) if unanswered(self.caller) => Some(until),
            EarlyMedia::Until(_) | EarlyMedia::None | EarlyMedia::Over => None,
        }
    }

    /// The carrier would end it soon. Who is with an agent or on his way elsewhere is left in peace.
    pub(crate) fn on_early_limit(&mut self, t: &mut Turn<'_>) {
        self.early.media = EarlyMedia::Over;
        let is_waiting = matches!(self.stage, Stage::Waiting(_) | Stage::Saying { .. });
        match t.config.answers.then {
            EarlyEnd::Refuse if is_waiting => {
                self.leave_acd(QueueLeft::TimedOut, t);
                self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t);
            }
            EarlyEnd::Answer | EarlyEnd::Refuse => {}
        }
    }
}
