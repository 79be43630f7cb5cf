//! The world, the baselines, the promises.

mod files;
mod fits;
mod promises;
mod rules;
mod sanity;
mod shifts;
mod staff;
mod whatif;

use turno_base::Mono;

use crate::day::{Centre, Day};
use crate::policy::{Act, Arrival, Named};
use crate::scenario::Scenario;

/// A scenario from its text, found in order.
fn scenario(text: &str) -> Scenario {
    crate::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// One that comes with the program.
fn named(name: &str) -> Scenario {
    scenario(crate::shipped(name).unwrap_or_else(|| panic!("{name}")))
}

/// One queue, one segment, one skill: `agents` agents, `calls` calls an hour, and what else a test wants to say.
fn plain(agents: u32, calls_an_hour: f64, hours: f64, more: &str, queue: &str, segment: &str) -> Scenario {
    scenario(&format!(
        "name = 'plain'\ntitle = 'one class'\nhours = {hours}\ndays = 1\nseed = 1\ncalls_per_day = {}\n{more}\n\
         [[queue]]\nname = 'calls'\nshare = 1\nhandle_s = 180\n{queue}\n\
         [[segment]]\nname = 'plain'\nshare = 1\nvalue = 1\ntarget_s = 20\n{segment}\n\
         [[group]]\nname = 'a'\nagents = {agents}\nskills = {{ calls = [1] }}\n",
        calls_an_hour * hours
    ))
}

fn days(scenario: &Scenario, policy: &Named, seed: u64, many: u32) -> Vec<crate::Figures> {
    let centre = Centre::new(scenario);
    let play = |n| {
        let day = Day::draw(scenario, &centre, seed, n);
        crate::play(scenario, &centre, &day, policy.build(scenario, &centre, u64::from(n)).as_mut())
    };
    (0..many).map(play).collect()
}
