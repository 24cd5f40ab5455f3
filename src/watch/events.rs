//! Derives events from the states of the pools in two polls.
//!
//! Pure: only compares two states. The kernel's event number tells that something happened, but not what.

use crate::host::Host;
use crate::host::dm::status::WhenFull;
use crate::host::history::{Event, Moment};
use crate::host::model::pool::{Pool, PoolHalf, PoolState};
use crate::host::model::space::Space;
use crate::host::model::units::Blocks;

/// Smallest decrease of used blocks that is an event, in percent of the total.
const FREED_PERCENT: u64 = 1;

/// The events between two polls, pool by pool.
#[must_use]
pub fn events(before: &Host, after: &Host, at: Moment) -> Vec<Event> {
    let mut all = Vec::new();
    for pool in &after.pools {
        let was = before.pools.iter().find(|p| p.name == pool.name);
        let changes = was.map_or_else(|| vec![appeared(pool)], |was| between(was, pool));
        all.extend(changes.into_iter().map(|change| change.event(pool, at)));
    }
    for pool in before.pools.iter().filter(|p| !after.pools.iter().any(|a| a.name == p.name)) {
        all.push(Change::new("gone", "the pool is gone").event(pool, at));
    }
    all
}

/// An event without its time and pool.
struct Change {
    word: &'static str,
    text: String,
}

impl Change {
    fn new(word: &'static str, text: impl Into<String>) -> Self {
        Self { word, text: text.into() }
    }

    fn event(self, pool: &Pool, at: Moment) -> Event {
        Event { at, pool: pool.name.clone(), event: self.word.to_owned(), text: self.text }
    }
}

fn appeared(pool: &Pool) -> Change {
    Change::new("appeared", format!("a pool appeared, {}", pool.state().word()))
}

fn between(was: &Pool, is: &Pool) -> Vec<Change> {
    let mut all = Vec::new();
    let (from, to) = (was.state(), is.state());
    if from != to {
        all.push(Change::new("mode", format!("the pool is {} now, it was {}", to.word(), from.word())));
    }
    let expired = was.when_full == Some(WhenFull::Queue) && is.when_full == Some(WhenFull::Error);
    if expired && to == PoolState::OutOfDataSpace {
        all.push(Change::new("grace-expired", "writes to new space waited long enough and fail now"));
    }
    if is.needs_check == Some(true) && was.needs_check != Some(true) {
        all.push(Change::new("needs-check", "the metadata is marked to be checked offline"));
    }
    let raised = raised(was, is);
    let again = raised > 0 && all.is_empty();
    all.extend(low_water(("data-low-water", PoolHalf::Data), (&was.data, &is.data), again));
    all.extend(low_water(("metadata-low-water", PoolHalf::Metadata), (&was.metadata, &is.metadata), again));
    all.extend(resized("data-resized", &was.data, &is.data));
    all.extend(resized("metadata-resized", &was.metadata, &is.metadata));
    all.extend(freed(&was.data, &is.data));
    if raised > 0 && all.is_empty() {
        let events = if raised == 1 { "an event".to_owned() } else { format!("{raised} events") };
        let text = format!("the kernel raised {events} that left no trace in the pool's status");
        all.push(Change::new("kernel-event", text));
    }
    all
}

/// Number of events that the kernel raised between the polls. The kernel's counter restarts with the device.
fn raised(was: &Pool, is: &Pool) -> u32 {
    let numbers = was.event_number.zip(is.event_number);
    numbers.map_or(0, |(was, is)| is.saturating_sub(was))
}

/// The event that free blocks fell to the low-water mark. With `again`, also if data was below the mark before: the
/// kernel repeats the event at the first allocation after a resume (drivers/md/dm-thin.c, `check_low_water_mark`).
fn low_water<B: Blocks>(
    (word, half): (&'static str, PoolHalf),
    (was, is): (&Space<B>, &Space<B>),
    again: bool,
) -> Option<Change> {
    let is_below = |space: &Space<B>| Some(space.free()? <= space.low_water?);
    let crossed = is_below(was) == Some(false) || (again && half == PoolHalf::Data);
    if is_below(is) != Some(true) || !crossed {
        return None;
    }
    let (free, mark) = (is.free()?.count(), is.low_water?.count());
    let text = format!("{free} {} blocks free, at or under the low-water mark of {mark}", half.word());
    Some(Change::new(word, text))
}

fn resized<B: Blocks>(word: &'static str, was: &Space<B>, is: &Space<B>) -> Option<Change> {
    let (was, is) = (was.total?.count(), is.total?.count());
    (was != is).then(|| Change::new(word, format!("{is} blocks in all now, {was} before")))
}

fn freed<B: Blocks>(was: &Space<B>, is: &Space<B>) -> Option<Change> {
    let (was, is, total) = (was.used?.count(), is.used?.count(), is.total?.count());
    let back = was.saturating_sub(is);
    (back > 0 && back >= total / 100 * FREED_PERCENT)
        .then(|| Change::new("data-freed", format!("{back} data blocks came back, {is} of {total} are used")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;
    use crate::record::paste::paste;

    /// The words of the events between two status lines of a pool `p`.
    fn happened(was: &str, is: &str) -> Vec<String> {
        let host = |words: &str| host::read(&paste(&format!("p: 0 8388608 thin-pool {words}\n")));
        events(&host(was), &host(is), Moment(0)).into_iter().map(|e| e.event).collect()
    }

    const ROOMY: &str = "1 10/1024 40000/65536 - rw discard_passdown queue_if_no_space - 256";

    #[test]
    fn small_changes_are_no_events() {
        assert!(happened(ROOMY, ROOMY).is_empty());
        let a_little = "1 10/1024 39990/65536 - rw discard_passdown queue_if_no_space - 256";
        assert!(happened(ROOMY, a_little).is_empty());
    }

    #[test]
    fn mode_changes_are_events() {
        let full = "1 10/1024 65536/65536 - out_of_data_space discard_passdown queue_if_no_space - 256";
        let failing = "1 10/1024 65536/65536 - out_of_data_space discard_passdown error_if_no_space - 256";
        let broken = "1 10/1024 65536/65536 - ro discard_passdown error_if_no_space needs_check 256";
        assert_eq!(happened(ROOMY, full), ["mode"]);
        assert_eq!(happened(full, failing), ["grace-expired"]);
        assert_eq!(happened(failing, broken), ["mode", "needs-check"]);
    }

    #[test]
    fn pruning_and_growing_are_events() {
        let pruned = "1 10/1024 20000/65536 - rw discard_passdown queue_if_no_space - 256";
        let grown = "1 10/1024 40000/131072 - rw discard_passdown queue_if_no_space - 256";
        assert_eq!(happened(ROOMY, pruned), ["data-freed"]);
        assert_eq!(happened(ROOMY, grown), ["data-resized"]);
    }

    #[test]
    fn marks_are_crossed_once() {
        let low = "1 800/1024 40000/65536 - rw discard_passdown queue_if_no_space - 256";
        assert_eq!(happened(ROOMY, low), ["metadata-low-water"]);
        assert!(happened(low, low).is_empty());
    }

    fn with_mark(used: u64, event: u32) -> Host {
        let text = format!(
            "p: 0 8388608 thin-pool 7:1 7:0 128 1000 1 skip_block_zeroing\n\
             p: 0 8388608 thin-pool 1 10/1024 {used}/65536 - rw discard_passdown queue_if_no_space - 256\n"
        );
        let mut host = host::read(&paste(&text));
        host.pools[0].event_number = Some(event);
        host
    }

    #[test]
    fn the_low_water_event_is_repeated_after_a_resume() {
        let words = |was: &Host, is: &Host| -> Vec<String> {
            events(was, is, Moment(0)).into_iter().map(|e| e.event).collect()
        };
        let (above, below) = (with_mark(64_000, 0), with_mark(64_536, 1));
        assert_eq!(words(&above, &below), ["data-low-water"]);
        assert!(words(&below, &with_mark(64_600, 1)).is_empty());
        // The kernel repeats the event after a resume, although the mark was not crossed.
        assert_eq!(words(&below, &with_mark(64_600, 2)), ["data-low-water"]);
        assert_eq!(words(&above, &with_mark(64_001, 2)), ["kernel-event"]);
    }

    #[test]
    fn pools_come_and_go() {
        let none = host::read(&paste("nothing\n"));
        let one = with_mark(1, 0);
        let words = |was: &Host, is: &Host| events(was, is, Moment(0)).pop().map(|e| e.event);
        assert_eq!(words(&none, &one).as_deref(), Some("appeared"));
        assert_eq!(words(&one, &none).as_deref(), Some("gone"));
    }
}
