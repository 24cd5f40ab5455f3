//! Docker's free-space floor, and that of its fork containers/storage, in words: required, free, missing.

use crate::host::docker::min_free;
use crate::host::model::pool::{MinFreeFrom, Pool, Refusal};
use crate::host::model::space::Space;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Blocks;
use crate::host::{Host, Source};
use crate::rules::Finding;
use crate::verdict::Certainty;

/// Required and free blocks, as far as known.
pub(in crate::rules) struct Shortfall {
    engine: &'static str,
    option: &'static str,
    free: Option<u64>,
    required: Option<u64>,
    /// The total, and whether it was reported (true) or derived from the percentage.
    total: Option<(u64, bool)>,
    percent: u64,
    from: &'static str,
    /// Whether the numbers are in blocks from the kernel or Docker, not computed from rounded sizes.
    exact: bool,
    /// Free blocks according to the kernel, if they suffice although Docker refused: one of the two is older.
    enough_now: Option<u64>,
}

/// The shortfall from the pool's own numbers, else from Docker's refusal; `None` if the floor is met.
pub(in crate::rules) fn shortfall<B: Blocks>(
    pool: &Pool,
    space: &Space<B>,
    refusal: Option<Refusal>,
) -> Option<Shortfall> {
    let (floor, (engine, option)) = (&pool.min_free, pool.engine());
    // A total of 0 could not be read.
    let total = space.total.map(Blocks::count).filter(|t| *t > 0);
    let free = space.free().map(Blocks::count);
    let percent = floor.percent.unwrap_or(min_free::DEFAULT_PERCENT);
    if let (Some(total), Some(free), Some(required)) = (total, free, total.and_then(|t| floor.required(t)))
        && free < required
    {
        let (free, required, total) = (Some(free), Some(required), Some((total, true)));
        let from = if space.exact { "thin-pool status" } else { "docker info" };
        return Some(Shortfall {
            engine,
            option,
            free,
            required,
            total,
            percent,
            from,
            exact: space.exact,
            enough_now: None,
        });
    }
    let refusal = refusal?;
    let derived = refusal.least_total(percent).map(|t| (t, false));
    let total = total.map(|t| (t, true)).or(derived);
    Some(Shortfall {
        engine,
        option,
        free: refusal.free,
        required: refusal.required,
        total,
        percent,
        from: "Docker's refusal",
        exact: true,
        enough_now: free.filter(|_| space.exact),
    })
}

/// The ways out of a shortfall, in words; `None` if the numbers are unknown.
pub(in crate::rules) struct Ways {
    /// Free this amount.
    pub(in crate::rules) free: Option<Text>,
    /// Grow by this amount.
    pub(in crate::rules) grow: Option<Text>,
    /// Lower the percentage to this.
    pub(in crate::rules) lower: Option<Text>,
}

impl Shortfall {
    /// Certainty of the refusal: only likely with rounded numbers, or in pasted text that does not confirm the
    /// default floor.
    pub(in crate::rules) fn certainty(
        &self,
        host: &Host,
        pool: &Pool,
        refusal: Option<Refusal>,
    ) -> Certainty {
        let supposed = host.source == Source::Pasted && pool.min_free.from == MinFreeFrom::Default;
        if self.enough_now.is_some() {
            return Certainty::Possible;
        }
        let sure = refusal.is_some() || self.exact && !supposed;
        if sure { Certainty::Certain } else { Certainty::Likely }
    }

    /// Missing blocks.
    pub(in crate::rules) fn short(&self) -> Option<u64> {
        self.required?.checked_sub(self.free?)
    }

    /// The fewest blocks to add that meet the floor.
    pub(in crate::rules) fn smallest_growth(&self) -> Option<u64> {
        min_free::smallest_growth(self.free?, self.total?.0, self.percent)
    }

    /// One sentence; `size` is the missing amount in bytes, in parentheses.
    pub(in crate::rules) fn summary(&self, half: &str, size: Text) -> Text {
        let engine = self.engine;
        let what = format!("{engine} refuses new layers and containers");
        match (self.free, self.required, self.short()) {
            (Some(free), Some(required), _) if self.enough_now.is_some() => {
                let now = self.enough_now.unwrap_or_default();
                text!(
                    "{} refused new layers and containers: {} free {} blocks, {} required; the \
                     status shows {} free, so it may go on by now",
                    engine,
                    free,
                    half,
                    required,
                    now
                )
            }
            (Some(free), Some(required), Some(short)) => {
                let about = if self.exact { "" } else { "about " };
                text!(
                    "{}: {}{} free {} blocks, {} required; {} short{}",
                    what,
                    about,
                    free,
                    half,
                    required,
                    short,
                    size
                )
            }
            (Some(free), _, _) => text!("{}: {} free {} blocks (the floor was cut off)", what, free, half),
            _ => text!("{}: too few {} blocks are free (the numbers were cut off)", what, half),
        }
    }

    /// The three ways out with their exact amounts: free, grow, lower the percentage. Each goes with its own advice.
    pub(in crate::rules) fn ways(&self, half: &str, size: impl Fn(u64) -> Text) -> Ways {
        let free = self.short().map(|short| text!("free at least {} {} blocks{}", short, half, size(short)));
        let grow = self.smallest_growth().zip(self.total).map(|(more, (total, _))| {
            text!(
                "grow by at least {} {} {}{}, to {}",
                more,
                half,
                if more == 1 { "block" } else { "blocks" },
                size(more),
                total.saturating_add(more)
            )
        });
        let lower = self.free.zip(self.total).map(|(free, (total, _))| {
            let percent = min_free::largest_passing_percent(free, total);
            let spare = free.saturating_sub(min_free::required(total, percent));
            text!("lower {} to {} %, which leaves {} blocks{}", self.option, percent, spare, size(spare))
        });
        Ways { free, grow, lower }
    }

    /// The numbers as evidence; `size` formats a number of blocks as bytes, in parentheses.
    pub(in crate::rules) fn as_facts(
        &self,
        finding: Finding,
        half: &str,
        size: impl Fn(u64) -> Text,
    ) -> Finding {
        let mut finding = finding;
        if let Some(free) = self.free {
            finding = finding.with_evidence(format!("free {half} blocks"), free.to_string(), self.from);
        }
        if let Some(required) = self.required {
            finding = finding.with_evidence("required", required.to_string(), self.from);
        }
        if let Some(short) = self.short() {
            finding = finding.with_evidence("short", text!("{} blocks{}", short, size(short)), "computed");
        }
        self.remedies(finding, half, size)
    }

    fn remedies(&self, finding: Finding, half: &str, size: impl Fn(u64) -> Text) -> Finding {
        let (Some(free), Some((total, said))) = (self.free, self.total) else { return finding };
        let lower = min_free::largest_passing_percent(free, total);
        let spare = free.saturating_sub(min_free::required(total, lower));
        let about = if said { self.from } else { "follows from the floor and its percent" };
        let finding =
            finding.with_evidence(format!("total {half} blocks"), total.to_string(), about).with_evidence(
                "largest percent that unblocks",
                text!("{} %, leaving {} blocks", lower, spare),
                "computed",
            );
        match self.smallest_growth() {
            Some(more) => {
                let to = total.saturating_add(more);
                let value = text!("{} blocks{}, to {}", more, size(more), to);
                finding.with_evidence("smallest growth that unblocks", value, "computed")
            }
            None => finding,
        }
    }
}
