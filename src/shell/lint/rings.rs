//! Rings (R7, R8): each lets in more than the one before, and all of them together leave half of the wait target.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_acd::{AcdConfig, RingNeed, RingRules, SegmentRules};
use turno_base::{Need, SegmentId};

use super::{Finding, finding};

/// Of one list of rings; `need` is what its queue asks for after them, none for the rings of all queues.
pub(super) fn rings(acd: &AcdConfig, object: &str, need: Option<&Need>, rings: &[RingRules], found: &mut Vec<Finding>) {
    let paths: Vec<(Option<SegmentId>, Vec<usize>)> = match acd.segments.is_empty() {
        true => vec![(None, path(rings, None))],
        false => acd.segments.keys().map(|id| (Some(*id), path(rings, Some(*id)))).collect(),
    };
    // By ring: for the segment for which it is worst, or the first.
    let (mut narrow, mut late) = (BTreeMap::new(), BTreeMap::<usize, (Duration, Duration, Option<SegmentId>)>::new());
    for (segment, path) in paths {
        let mut sum = Duration::ZERO;
        let mut before: Option<&RingRules> = None;
        let target = segment
            .and_then(|id| acd.segments.get(&id))
            .map_or_else(|| SegmentRules::default().wait_target, |rules| rules.wait_target);
        for n in path {
            let Some(ring) = rings.get(n) else { continue };
            sum += ring.length;
            if before.is_some_and(|before| is_as_strict(&ring.need, &before.need)) {
                narrow.insert(n, "asks for the same as the ring before, or for more: it never widens");
            } else if need.is_some_and(|need| asks_no_more(&ring.need, need)) {
                narrow.insert(n, "asks for no more than the queue itself: it holds nobody back and never widens");
            }
            if sum > target / 2 && late.get(&n).is_none_or(|(_, other, _)| target < *other) {
                late.insert(n, (sum, target, segment));
            }
            before = Some(ring);
        }
    }
    for (n, what) in narrow {
        let fix = "ask for less in each ring than in the one before, and for more in the first than the queue does";
        found.push(finding(format!("{object}[{}]", n + 1), what, fix));
    }
    for (n, (sum, target, segment)) in late {
        let whose = segment.map_or(String::new(), |segment| format!(" of segment {segment}"));
        let (ends, target) = (sum.as_secs_f64(), target.as_secs_f64());
        let what =
            format!("ends {ends} s after the call entered, more than half of the wait target{whose} ({target} s)");
        let fix = "shorten the rings: slow ones cost the segment that they are for its service level";
        found.push(finding(format!("{object}[{}]", n + 1), what, fix));
    }
}

/// The rings that an item of a segment passes through.
fn path(rings: &[RingRules], segment: Option<SegmentId>) -> Vec<usize> {
    let meant = |ring: &RingRules| ring.segments.is_empty() || segment.is_some_and(|of| ring.segments.contains(&of));
    (0..).zip(rings).filter(|(_, ring)| meant(ring)).map(|(n, _)| n).collect()
}

/// The later ring lets in nobody whom the earlier does not, as far as that can be seen from the words.
fn is_as_strict(later: &RingNeed, earlier: &RingNeed) -> bool {
    match (later, earlier) {
        (RingNeed::Level(later), RingNeed::Level(earlier)) => later >= earlier,
        (RingNeed::Need(later), RingNeed::Need(earlier)) => implies(later, earlier),
        (RingNeed::Level(_), RingNeed::Need(_)) | (RingNeed::Need(_), RingNeed::Level(_)) => false,
    }
}

/// Whoever meets the queue's need is in the ring.
fn asks_no_more(ring: &RingNeed, need: &Need) -> bool {
    match ring {
        RingNeed::Need(ring) => implies(need, ring),
        RingNeed::Level(level) => least(need).is_some_and(|least| least >= *level),
    }
}

/// The least level that any skill is needed at; none: no skill is needed, and what items need themselves counts.
fn least(need: &Need) -> Option<u8> {
    match need {
        Need::Anyone | Need::Not(_) => None,
        Need::AtLeast { level, .. } => Some(*level),
        Need::All(parts) | Need::Any(parts) => parts.iter().filter_map(least).min(),
    }
}

/// Whoever meets the one meets the other. False if the words alone do not show it.
fn implies(one: &Need, other: &Need) -> bool {
    match (one, other) {
        (_, Need::Anyone) => true,
        (_, Need::All(parts)) => parts.iter().all(|part| implies(one, part)),
        (Need::Any(parts), _) => parts.iter().all(|part| implies(part, other)),
        (Need::AtLeast { skill: a, level: have }, Need::AtLeast { skill: b, level: asked }) => a == b && have >= asked,
        (Need::Not(a), Need::Not(b)) => implies(b, a),
        (Need::All(parts), Need::AtLeast { .. } | Need::Not(_)) => parts.iter().any(|part| implies(part, other)),
        (Need::All(parts), Need::Any(others)) => {
            parts.iter().any(|part| implies(part, other)) || others.iter().any(|other| implies(one, other))
        }
        (Need::Anyone | Need::AtLeast { .. } | Need::Not(_), Need::Any(others)) => {
            others.iter().any(|other| implies(one, other))
        }
        (Need::Anyone, Need::AtLeast { .. } | Need::Not(_))
        | (Need::AtLeast { .. }, Need::Not(_))
        | (Need::Not(_), Need::AtLeast { .. }) => false,
    }
}

#[cfg(test)]
mod tests {
    use turno_base::SkillId;

    use super::*;

    #[test]
    fn what_follows_from_a_need_is_seen_and_nothing_else() {
        let need = |skill: &str, level| Need::AtLeast { skill: SkillId::new(skill).unwrap(), level };
        let (catalan, fault) = (need("catalan", 2), need("fault", 3));
        let all = |parts: &[&Need]| Need::All(parts.iter().map(|part| (*part).clone()).collect());
        let any = |parts: &[&Need]| Need::Any(parts.iter().map(|part| (*part).clone()).collect());
        let not = |part: &Need| Need::Not(Box::new(part.clone()));
        let low = need("fault", 1);
        for (one, other, follows, back) in [
            (&fault, &low, true, false),
            (&fault, &fault, true, true),
            (&fault, &catalan, false, false),
            (&fault, &Need::Anyone, true, false),
            (&all(&[&fault, &catalan]), &low, true, false),
            (&all(&[&fault, &catalan]), &all(&[&catalan, &low]), true, false),
            (&fault, &any(&[&low, &catalan]), true, false),
            (&any(&[&fault, &catalan]), &any(&[&catalan, &low]), true, false),
            (&all(&[&fault, &catalan]), &any(&[&fault, &catalan]), true, false),
            (&not(&low), &not(&fault), true, false),
            (&not(&fault), &fault, false, false),
        ] {
            assert_eq!((implies(one, other), implies(other, one)), (follows, back), "{one:?} and {other:?}");
        }
    }
}
