//! Agents are there for their shift and at no other time.

use super::scenario;
use crate::day::{Centre, Day};
use crate::policy::{Knobs, Named};
use crate::world::ledger;

/// Eight hours of calls; one agent in the morning, one in the afternoon, nobody from eleven to one.
const TURNS: &str = "
    name = 'turns'
    title = 'two shifts'
    opens = '08:00'
    hours = 8
    days = 1
    seed = 5
    calls_per_day = 400
    [[queue]]
    name = 'calls'
    share = 1
    handle_s = 60
    [[segment]]
    name = 'plain'
    share = 1
    value = 1
    target_s = 20
    patience_s = 120
    [[group]]
    name = 'morning'
    agents = 1
    skills = { calls = [1] }
    to = '11:00'
    [[group]]
    name = 'afternoon'
    agents = 1
    skills = { calls = [1] }
    from = '13:00'
";

#[test]
fn a_call_is_answered_by_whoever_is_on_shift_and_by_nobody_in_between() {
    let turns = scenario(TURNS);
    let centre = Centre::new(&turns);
    let clock = |hour: f64| (hour - 8.0) * 3600.0;
    for policy in [Named::Turno(Knobs::default()), Named::FifoRoundRobin, Named::AppQueue, Named::CallCenter] {
        let day = Day::draw(&turns, &centre, 5, 0);
        let books = ledger(&turns, &centre, &day, policy.build(&turns, &centre, 5).as_mut());
        let mut answered = [0, 0];
        for call in &books.calls {
            let Some(agent) = call.answered_by else { continue };
            let at = (call.arrived + call.wait) as f64 / 1e6;
            let (from, to) = [(0.0, clock(11.0)), (clock(13.0), clock(16.0) + 3600.0)][agent];
            assert!((from..=to).contains(&at), "{}: agent {agent} answers at {at} s", policy.as_str());
            answered[agent] += 1;
        }
        assert!(answered[0] > 50 && answered[1] > 50, "{}: {answered:?}", policy.as_str());
        let noon = books.calls.iter().filter(|call| (clock(11.0)..clock(12.5)).contains(&(call.arrived as f64 / 1e6)));
        let (mut came, mut lost) = (0, 0);
        for call in noon {
            came += 1;
            lost += u32::from(call.answered_by.is_none());
        }
        assert!(came > 40 && lost == came, "{}: {lost} of {came} gave up while nobody was there", policy.as_str());
    }
}
