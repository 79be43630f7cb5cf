//! Looks at a queue's callbacks: who comes back into line, whom agents may have, whom to dial. And the end of a turn, which shows
//! what a look left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use turno_base::fact::CallbackEnd;
use turno_base::{E164, Mono, QueueId, Wall};

use super::super::{Waiting, Witness};
use super::{Back, Stands, unborn};
use crate::{CallbackRules, Credits, Decision, Entry, Kind};

/// A minute and a day of the wall clock, µs.
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1440 * MINUTE;

impl Witness {
    /// Not later than it was to be.
    pub(super) fn look_soon(&mut self, queue: QueueId, now: Mono) {
        let before = self.backs.looks.get(&queue).copied();
        self.look_next(queue, now);
        if let Some(before) = before {
            let after = self.backs.looks.entry(queue).or_insert(before);
            *after = before.min(*after);
        }
    }

    /// A queue's callbacks are looked at each second while any is in line, else when the first may be.
    fn look_next(&mut self, queue: QueueId, now: Mono) {
        let whose = self.backs.by_number.values().filter(|back| back.queue == queue);
        let first = whose.filter_map(|back| match back.stands {
            Stands::Waits | Stands::Dialled(_) | Stands::Sought(_) | Stands::Connects(_) => Some(now.0 + 1_000_000),
            Stands::Unconfirmed { until, .. } => Some(until.0),
            Stands::Rests { until, wall } => {
                Some(until.0.max(wall.map_or(0, |wall| wall.0 as u64)).min(now.0 + 60_000_000))
            }
            Stands::Live(_) => None,
        });
        match first.min() {
            Some(at) => drop(self.backs.looks.insert(queue, Mono(at.max(now.0 + 1000)))),
            None => drop(self.backs.looks.remove(&queue)),
        }
    }

    /// Those whose time has come: what they decide is seen when it is, or at the end of the turn.
    pub(in super::super) fn looks_due(&mut self, now: Mono) {
        let due = self.backs.looks.iter().filter(|(_, at)| **at <= now).map(|(queue, _)| (*queue, true));
        let due: Vec<_> = due.collect();
        for (queue, _) in &due {
            self.backs.looks.remove(queue);
        }
        self.backs.due.extend(due);
    }

    pub(in super::super) fn look_everywhere(&mut self) {
        let queues: BTreeSet<QueueId> = self.backs.by_number.values().map(|back| back.queue).collect();
        self.backs.due.extend(queues.into_iter().map(|queue| (queue, false)));
    }

    fn look(&mut self, queue: QueueId, now: Mono) {
        let rules = self.back_rules(queue);
        let wall = self.wall;
        let shut = rules.hours.and_then(|hours| {
            let minute = wall.0.rem_euclid(DAY) / MINUTE;
            let (from, to) = (i64::from(hours.from_min), i64::from(hours.to_min));
            assert!(from < to, "the days have no windows over midnight");
            let today = wall.0 - wall.0.rem_euclid(DAY) + from * MINUTE;
            let opens = if today > wall.0 { today } else { today + DAY };
            (!(from..to).contains(&minute)).then_some(Wall(opens))
        });
        let whose = self.backs.by_number.iter().filter(|(_, back)| back.queue == queue);
        for number in whose.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.look_at(number, &rules, shut, now);
        }
        if shut.is_none() {
            self.let_go(queue, &rules, now);
        }
        self.look_next(queue, now);
    }

    fn look_at(&mut self, number: E164, rules: &CallbackRules, shut: Option<Wall>, now: Mono) {
        let back = self.backs.by_number[&number].clone();
        let is_old = now.since(back.asked_at) >= rules.keep_for && back.appointment.is_none();
        match back.stands {
            Stands::Unconfirmed { until, .. } if until <= now => drop(self.backs.by_number.remove(&number)),
            Stands::Rests { .. } | Stands::Waits if is_old => self.end_back(number, CallbackEnd::Expired),
            Stands::Rests { until, wall } if until <= now && wall.is_none_or(|at| at <= self.wall) => {
                match (back.appointment.filter(|at| *at > self.wall), shut) {
                    (Some(at), _) => self.rest(number, now, Some(at)),
                    (None, Some(opens)) => self.rest(number, now, Some(opens)),
                    (None, None) => self.stand_in_line(number, now),
                }
            }
            Stands::Waits => {
                if let Some(opens) = shut {
                    self.rest(number, now, Some(opens));
                }
            }
            Stands::Unconfirmed { .. }
            | Stands::Rests { .. }
            | Stands::Dialled(_)
            | Stands::Sought(_)
            | Stands::Connects(_)
            | Stands::Live(_) => {}
        }
    }

    fn stand_in_line(&mut self, number: E164, now: Mono) {
        let back = self.backs.by_number.get_mut(&number).expect("there");
        if back.appointment.take().is_some() {
            back.v = now.0 as i64 - back.waited;
        }
        back.stands = Stands::Waits;
        let entry = Entry {
            item: unborn(number),
            kind: Kind::Callback,
            queue: back.queue,
            need: back.need.clone(),
            segment: back.segment,
            value_pm: back.value_pm,
            caller: back.caller.clone(),
            credits: Credits::default(),
            owner: None,
            last_agent: None,
            callback_to: Some(number),
        };
        let waiting = Waiting {
            queue: back.queue,
            v: back.v,
            order: back.order,
            is_held: true,
            ..Waiting::at_the_door(entry, now)
        };
        self.items.insert(unborn(number), waiting);
    }

    /// The first in line go, as many as may be under way.
    fn let_go(&mut self, queue: QueueId, rules: &CallbackRules, now: Mono) {
        let his: Vec<(E164, Stands)> = self
            .backs
            .by_number
            .iter()
            .filter(|(_, back)| back.queue == queue)
            .map(|(number, back)| (*number, back.stands))
            .collect();
        let under_way = his.iter().filter(|(number, _)| self.backs.by_number[number].is_attempt()).count();
        let mut dialling = his.iter().filter(|(_, stands)| matches!(stands, Stands::Dialled(_))).count();
        let mut line: Vec<E164> =
            his.iter().filter(|(_, stands)| *stands == Stands::Waits).map(|(number, _)| *number).collect();
        let urgency = |number: &E164| self.urgency(&self.items[&unborn(*number)], None, now);
        line.sort_by_key(|number| std::cmp::Reverse(urgency(number)));
        let room = (rules.dials_max as usize).saturating_sub(under_way);
        let mut goes = true;
        for (ahead, number) in line.into_iter().enumerate() {
            goes &= ahead < room && (rules.agent_first || self.is_time(number, ahead, dialling, rules, now));
            if rules.agent_first {
                self.items.get_mut(&unborn(number)).expect("in line").is_held = !goes;
            } else if goes {
                dialling += 1;
                self.backs.dials.push(number);
            }
        }
    }

    /// Agents suffice, or will within the ring limit, for him, for all callers ahead of him and for all who are dialled.
    fn is_time(&self, number: E164, ahead: usize, dialling: usize, rules: &CallbackRules, now: Mono) -> bool {
        let queue = self.backs.by_number[&number].queue;
        let at_work =
            || self.agents.iter().filter(|(agent, seat)| seat.is_there() && self.rank_in(**agent, queue).is_some());
        let ready = at_work().filter(|(_, seat)| seat.is_free() && seat.offer.is_none()).count();
        let before = self.place(unborn(number), now) as usize - 1;
        let callers = before.saturating_sub(ahead).saturating_sub(dialling.min(before));
        let wanted = callers + dialling;
        let soon = || {
            let (answered, mean) = self.backs.answers.get(&queue).copied().unwrap_or_default();
            let every = mean.max(now.0 - answered.0);
            mean > 0 && every * (wanted + 1 - ready) as u64 <= rules.ring_limit.as_micros() as u64
        };
        at_work().next().is_some() && (wanted < ready || soon())
    }

    /// Somebody of this queue was answered.
    pub(super) fn answered(&mut self, queue: QueueId, now: Mono) {
        if !self.config.callbacks.contains_key(&queue) {
            return;
        }
        let before = self.backs.answers.get(&queue).copied();
        let mean = before.map_or(0, |(at, mean)| {
            let gap = (now.0 - at.0).max(1);
            if mean == 0 { gap } else { (mean - mean / 8 + gap / 8).max(1) }
        });
        self.backs.answers.insert(queue, (now, mean));
    }

    /// The looks of a queue that are due have happened by now.
    pub(super) fn look_by_now(&mut self, queue: Option<QueueId>, now: Mono) {
        let is_its = |due: &(QueueId, bool)| queue.is_none_or(|queue| due.0 == queue);
        while let Some(at) = self.backs.due.iter().position(is_its) {
            let (queue, _) = self.backs.due.remove(at);
            self.look(queue, now);
        }
    }

    /// The end of a turn: all that follows from it has been told, and nothing else.
    pub(in super::super) fn backs_after(&mut self, out: &[Decision], now: Mono) {
        self.cut_to(None, now);
        if self.backs.is_cut {
            let queues: Vec<QueueId> = self.backs.by_number.values().map(|back| back.queue).collect();
            self.backs.looks = queues.into_iter().map(|queue| (queue, now + Duration::from_secs(1))).collect();
        }
        let by_clock = self.backs.due.iter().any(|(_, by_clock)| *by_clock);
        self.look_by_now(None, now);
        let late = std::mem::take(&mut self.backs.dials);
        // What else was due at the same instant may have taken the agents first.
        let alone = out.iter().all(|decision| matches!(decision, Decision::CallBack { .. }));
        assert!(late.is_empty() || by_clock && !alone, "{late:?} are to be dialled");
        let backs = &mut self.backs;
        assert!(backs.ends.is_empty(), "to be told of: {:?}", backs.ends);
        assert!(backs.stops.is_empty() && backs.closing.is_empty());
        assert_eq!(backs.pressed, None, "he pressed the key");
        backs.gone.clear();
        backs.is_cut = false;
        let mut due: BTreeMap<QueueId, u32> = backs.told.keys().map(|queue| (*queue, 0)).collect();
        for back in backs.by_number.values().filter(|back| back.is_due()) {
            *due.entry(back.queue).or_default() += 1;
        }
        assert_eq!(backs.told, due, "how many are due");
        let in_line = |back: &&Back| matches!(back.stands, Stands::Waits | Stands::Dialled(_) | Stands::Sought(_));
        let places = self.items.values().filter(|waiting| waiting.entry.kind == Kind::Callback).count();
        assert_eq!(places, backs.by_number.values().filter(in_line).count(), "each has one place");
    }
}
