//! What the process asks of the machine for itself: memory in small pages, and that threads nobody waits for step back.

use rustix::process::nice;
use rustix::thread::disable_transparent_huge_pages;

/// How far a thread steps back that nobody waits for, in steps of nice(2): where all want the processor it gets a third of what
/// each of the others gets, which is enough to keep up with them.
pub const STEPS_BACK: i32 = 5;

/// Memory in pages of 4 kB from now on. A huge page stays resident for the last small thing in it, and what calls leave behind for half a
/// minute lies everywhere: with them a node holds a third more, and the kernel fills again what was given back.
pub fn small_pages() {
    if let Err(error) = disable_transparent_huge_pages(true) {
        tracing::info!(%error, "the kernel may use huge pages; memory will be larger");
    }
}

/// The calling thread lets those go first who answer peers and operators: for tables, figures and states of the journal, which
/// would else take their turns on the processor while a caller waits.
pub fn step_back() {
    if let Err(error) = nice(STEPS_BACK) {
        tracing::warn!(%error, "a thread that nobody waits for competes with those that answer");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn who_steps_back_does_so_alone() {
        let before = getpriority_process(None).unwrap();
        let stepped = std::thread::spawn(|| {
            step_back();
            getpriority_process(None).unwrap()
        });
        assert_eq!(stepped.join().unwrap(), (before + STEPS_BACK).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    #[test]
    fn huge_pages_can_be_done_without() {
        small_pages();
        assert!(rustix::thread::transparent_huge_pages_are_disabled().unwrap());
    }
}
