//! Writes Prometheus' text format, version 0.0.4: metric families with help, type and labelled samples. Samples have no
//! timestamps; the scraper adds them.

use std::fmt::Write as _;

/// A value: an exact integer, a flag, or a ratio with nine decimals, rounded down, so that only the whole is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Count(u64),
    Flag(bool),
    Share { part: u64, of: u64 },
}

/// Labels of a sample, in output order.
pub(super) type Labels<'a> = [(&'static str, &'a str)];

/// The text written so far.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// A metric family; its head is written before its first sample.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    help: &'static str,
    begun: bool,
}

impl Exposition {
    /// Starts a gauge. There are no counters, because a single report counts nothing up.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family { text: &mut self.text, name, help, begun: false }
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Writes a sample; an unknown value is left out.
    pub(super) fn sample(&mut self, labels: &Labels<'_>, value: impl Into<Option<Value>>) {
        let Some(value) = value.into() else { return };
        if !self.begun {
            let _ = write!(self.text, "# HELP {0} {1}\n# TYPE {0} gauge\n", self.name, self.help);
            self.begun = true;
        }
        self.text.push_str(self.name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {}", shown(value));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn shown(value: Value) -> String {
    match value {
        Value::Count(number) => number.to_string(),
        Value::Flag(flag) => u8::from(flag).to_string(),
        Value::Share { part, of } => {
            const ONE: u128 = 1_000_000_000;
            let share = u128::from(part) * ONE / u128::from(of.max(1));
            let text = format!("{}.{:09}", share / ONE, share % ONE);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_follows_the_text_format() {
        let mut all = Exposition::default();
        let mut family = all.gauge("x_bytes", "What it is.");
        family.sample(&[("pool", "a\"b\\c\nd"), ("space", "data")], Value::Count(u64::MAX));
        family.sample(&[], Value::Flag(true));
        all.gauge("never", "Has no sample.").sample(&[], None);
        let expected = "# HELP x_bytes What it is.\n# TYPE x_bytes gauge\n\
            x_bytes{pool=\"a\\\"b\\\\c\\nd\",space=\"data\"} 18446744073709551615\nx_bytes 1\n";
        assert_eq!(all.text(), expected);
    }

    #[test]
    fn only_the_whole_is_one() {
        let share = |part, of| shown(Value::Share { part, of });
        assert_eq!(share(7, 7), "1");
        assert_eq!(share(u64::MAX - 1, u64::MAX), "0.999999999");
        assert_eq!(share(1_476_414, 1_638_400), "0.901131591");
        assert_eq!(share(0, 7), "0");
    }
}
