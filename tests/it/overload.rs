//! More calls than it can take, all of them from a trunk that it trusts (reliability O2), and very many calls one after the
//! other (N4), against the real program.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::gun::{Gun, Tally, percentile};
use super::rig::{Plan, Rig};

/// Calls of a soak unless `TURNO_SOAK_CALLS` says how many, and how many a second unless `TURNO_SOAK_RATE` says.
const SOAK_CALLS: u64 = 200;
const SOAK_RATE: u64 = 20;
/// A soak of so many calls is judged by the goal's own figures; a short one only by what cannot be noise.
const SOAK_WHOLE: u64 = 100_000;

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// In a tenth of a soak: seconds, memory in kB (the median of one look a second: the state of the next journal segment is made in some seconds
/// now and then, and one look would meet it or not), descriptors but those of media ports, threads.
type Seen = (f64, u64, usize, usize);

/// Open files of a process but for the sockets of media ports, which are bound some hundreds at a time, before they are needed, and
/// stay bound.
fn descriptors_beside(pid: u32, ports: RangeInclusive<u16>) -> usize {
    let table = fs::read_to_string(format!("/proc/{pid}/net/udp")).unwrap();
    // `sl local rem st queues tr retrnsmt uid timeout inode …`
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        ports.contains(&port).then(|| format!("socket:[{}]", fields.get(9).expect("a socket has an inode")))
    };
    let bound: BTreeSet<String> = table.lines().skip(1).filter_map(inode).collect();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    open.filter(|to| to.to_str().is_none_or(|to| !bound.contains(to))).count()
}

/// Fires at a rate for so long, then lets the rest end.
fn fire(gun: &mut Gun, rate: u64, time: Duration) {
    let (began, mut fired) = (Instant::now(), 0);
    while began.elapsed() < time {
        let due = began.elapsed().as_micros() as u64 * rate / 1_000_000;
        // A few at a time, or the answers would wait for the shots.
        let burst = due.saturating_sub(fired).min(64);
        (0..burst).for_each(|_| gun.fire());
        fired += burst;
        gun.pump();
    }
}

/// Calls that are under way at once where the most that it can take is looked for: with few it idles, with many it refuses.
const AT_ONCE: [usize; 3] = [8, 24, 64];

/// Lets what is under way end.
fn end(gun: &mut Gun) {
    let began = Instant::now();
    while gun.open() > 0 && began.elapsed() < Duration::from_secs(20) {
        gun.pump();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The most calls a second that it takes of callers who wait for their answers, and how long 95 of 100 of them wait.
fn peak(gun: &mut Gun, time: Duration) -> (f64, Duration) {
    let each = AT_ONCE.map(|at_once| {
        gun.tally = Tally::default();
        let began = Instant::now();
        while began.elapsed() < time {
            while gun.open() < at_once {
                gun.fire();
            }
            gun.pump();
        }
        let rate = gun.tally.answered.len() as f64 / began.elapsed().as_secs_f64();
        end(gun);
        assert_eq!(gun.tally.byes_refused, 0);
        println!("{at_once} at once: {rate:.0}/s, {} refused", gun.tally.shed.len());
        (rate, percentile(&gun.tally.answered, 95))
    });
    each.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn far_more_than_it_can_take_is_refused_at_once_and_the_rest_is_taken() {
    let is_whole = std::env::var_os("TURNO_OVERLOAD_WHOLE").is_some();
    let time = Duration::from_secs(if is_whole { 10 } else { 2 });
    // Ports that rest between two calls would be what it runs out of.
    let (ports, media) = ("20000-31999", "quarantine = \"0s\"");
    // Nor is it the queue's length that is looked at: callers who hear late that they are in hang up late.
    let queue = "length_max = 100000";
    let rig = Rig::open(Plan { phones: 0, ports, media, queue, ..Plan::default() });
    let mut gun = Gun::new(rig.ip(2), rig.sip());
    // Its own repetitions are not to be the load.
    gun.tries_max = 8;
    let (before, normal) = peak(&mut gun, time);
    gun.tally = Tally::default();

    // Unoptimised, the load's own making takes what ten times would leave of two cores.
    let times = if is_whole { 10.0 } else { 3.0 };
    fire(&mut gun, (before * times) as u64, time);
    let good = gun.tally.answered.len() as f64 / time.as_secs_f64();
    let loud = Instant::now();
    end(&mut gun);
    // What follows is ordinary again.
    let recovered = loop {
        let answered = gun.tally.answered.len();
        gun.fire();
        end(&mut gun);
        if gun.tally.answered.len() > answered {
            break loud.elapsed();
        }
        assert!(loud.elapsed() < Duration::from_secs(60), "it never recovers: {:?}", gun.tally.refused);
    };
    // A shared machine gives more at one time than at another: the most that it can take is the less of what it took before and after.
    let loaded = std::mem::take(&mut gun.tally);
    let after = peak(&mut gun, time).0;
    let peak = before.min(after);
    let shed = &loaded.shed;
    println!(
        "O2: peak {before:.0}/s before (p95 {normal:?}) and {after:.0}/s after; at {:.0}/s: {good:.0}/s taken ({:.0} %), {} of {} shed, \
         503 after p50 {:?} p95 {:?} ({} by the engine itself, after p50 {:?}; {} to a repetition), {} unheard, {} BYEs refused, other {:?}, recovered {recovered:?} after it",
        loaded.fired as f64 / time.as_secs_f64(),
        good * 100.0 / peak,
        shed.len(),
        loaded.fired,
        percentile(shed, 50),
        percentile(shed, 95),
        loaded.shed_inside.len(),
        percentile(&loaded.shed_inside, 50),
        loaded.shed_late,
        loaded.unheard,
        loaded.byes_refused,
        loaded.refused
    );
    assert_eq!((loaded.byes_refused, loaded.shed_bare), (0, 0), "in a dialog nothing is shed, and 503 says when");
    assert!(!shed.is_empty(), "it was no overload");
    // The short run shares two cores with its own load and other tests; the whole one is for a quiet machine.
    let (least, latest) = if is_whole { (0.9, 50) } else { (0.5, 500) };
    assert!(after >= before / 4.0, "it takes {after:.0}/s where it took {before:.0}/s");
    assert!(good >= peak * least, "{good:.0}/s of {peak:.0}/s");
    assert!(percentile(shed, 95) <= Duration::from_millis(latest), "503 after {:?}", percentile(shed, 95));
    assert!(recovered <= Duration::from_secs(5), "recovered after {recovered:?}");
}

#[test]
fn after_very_many_calls_nothing_is_left_and_nothing_has_grown() {
    let (calls, rate) = (asked("TURNO_SOAK_CALLS", SOAK_CALLS), asked("TURNO_SOAK_RATE", SOAK_RATE));
    // A port rests between two calls: enough for those that rest.
    let (ports, media) = ("20000-27999", "quarantine = \"1s\"");
    let mut rig = Rig::open(Plan { phones: 8, ports, media, ..Plan::default() });
    let mut gun = Gun::new(rig.ip(2), rig.sip());
    gun.lasts = Duration::from_millis(400);
    let began = Instant::now();
    let mut seen: Vec<Seen> = Vec::new();
    let (mut memory, mut looked) = (Vec::new(), Duration::ZERO);
    while gun.tally.fired < calls {
        let due = (began.elapsed().as_micros() as u64 * rate / 1_000_000).min(calls);
        while gun.tally.fired < due {
            gun.fire();
        }
        gun.pump();
        rig.play(Duration::from_millis(4));
        if memory.is_empty() || began.elapsed() >= looked + Duration::from_secs(1) {
            looked = began.elapsed();
            memory.push(rig.memory_kb());
        }
        if gun.tally.fired * 10 >= calls * (seen.len() as u64 + 1) {
            memory.sort_unstable();
            let median = memory[memory.len() / 2];
            let range = (memory[0], memory[memory.len() - 1]);
            seen.push((
                began.elapsed().as_secs_f64(),
                median,
                descriptors_beside(rig.pid(), 20_000..=27_999),
                rig.threads(),
            ));
            println!("N4: {} calls, {:?}, memory {range:?}", gun.tally.fired, seen.last().unwrap());
            memory.clear();
        }
    }
    rig.until("everybody has gone", |rig| {
        gun.pump();
        gun.open() == 0 && rig.is_quiet()
    });
    rig.until("nothing is left in the engine", |rig| {
        gun.pump();
        let sizes = rig.sizes();
        (sizes.calls, sizes.legs, sizes.dialogs, sizes.waiting, sizes.records_pending) == (0, 0, 0, 0, 0)
    });
    let (taken, answered) = (rig.taken(), gun.tally.answered.len());
    let after: Vec<_> = seen.iter().skip(1).copied().collect();
    let slope = slope_mb_per_hour(&after);
    let (first, last) = (after[0], after[after.len() - 1]);
    println!(
        "N4: {} calls in {:.0} s, {answered} answered, {taken} talked to an agent; memory {} -> {} kB, {slope:.2} MB an hour, \
         descriptors {} -> {}, threads {} -> {}, {:?} refused, {} shed, {} unheard",
        gun.tally.fired,
        began.elapsed().as_secs_f64(),
        first.1,
        last.1,
        first.2,
        last.2,
        first.3,
        last.3,
        gun.tally.refused,
        gun.tally.shed.len(),
        gun.tally.unheard
    );
    let whole = answered + gun.tally.shed.len();
    assert!(taken > 0 && whole as u64 == calls, "{:?} {:?}", gun.tally.refused, gun.tally.unheard);
    assert_eq!((gun.tally.byes_refused, gun.tally.unheard), (0, 0));
    // One that had something to do at the start, and waits for more, goes after a while.
    assert!(last.3 <= first.3, "threads {} -> {}", first.3, last.3);
    let most = |seen: &[Seen]| seen.iter().map(|s| s.2).max();
    let (early, late) = seen.split_at(seen.len() / 2);
    assert!(most(late) <= most(early).map(|d| d + 8), "descriptors {early:?}, then {late:?}");
    if calls >= SOAK_WHOLE {
        assert!(answered as u64 * 100 >= calls * 99, "{} were shed", gun.tally.shed.len());
        assert!(slope <= 1.0, "memory grows by {slope:.2} MB an hour");
    } else {
        assert!(last.1 <= first.1 + 24 * 1024, "memory {} -> {} kB", first.1, last.1);
    }
}

/// Least squares over (seconds, kB, ..).
fn slope_mb_per_hour(seen: &[Seen]) -> f64 {
    let n = seen.len() as f64;
    let mean = |of: &dyn Fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>() / n;
    let (at, kb) = (mean(&|s| s.0), mean(&|s| s.1 as f64));
    let above: f64 = seen.iter().map(|s| (s.0 - at) * (s.1 as f64 - kb)).sum();
    let below: f64 = seen.iter().map(|s| (s.0 - at).powi(2)).sum();
    above / below.max(f64::MIN_POSITIVE) * 3600.0 / 1024.0
}
