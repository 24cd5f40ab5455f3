//! Sentences with amounts that stay numbers until they are rendered in the requested units.

use super::amounts::Units;
use super::units::Bytes;
use std::fmt::Display;

/// A sentence with amounts. `--bytes` and `--si` change how the amounts are shown.
///
/// `text!` makes one from a template; functions that take `impl Into<Text>` accept plain strings, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Part {
    Plain(String),
    Amount(Bytes),
}

impl Text {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A text from one value.
    #[must_use]
    pub fn of(words: &(impl Words + ?Sized)) -> Self {
        Self::new().then(words)
    }

    /// Renders the text with amounts in these units.
    #[must_use]
    pub fn show(&self, units: Units) -> String {
        let mut shown = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(plain) => shown.push_str(plain),
                Part::Amount(bytes) => shown.push_str(&units.show(*bytes)),
            }
        }
        shown
    }

    /// Renders the text with amounts in binary units, as in scripts and JSON.
    #[must_use]
    pub fn plain(&self) -> String {
        self.show(Units::Iec)
    }

    /// Whether the text equals these words and has no amount.
    #[must_use]
    pub fn is(&self, words: &str) -> bool {
        matches!(self.0.as_slice(), [Part::Plain(plain)] if plain == words)
    }

    /// Appends a value.
    pub fn push(&mut self, more: &(impl Words + ?Sized)) {
        more.append_to(self);
    }

    /// The text with a value appended.
    #[must_use]
    pub fn then(mut self, more: &(impl Words + ?Sized)) -> Self {
        self.push(more);
        self
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Plain(plain) if plain.is_empty()))
    }

    /// Joins texts with a separator.
    #[must_use]
    pub fn join<W: Words>(texts: impl IntoIterator<Item = W>, separator: &'static str) -> Self {
        let mut joined = Self::new();
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                joined.push(separator);
            }
            joined.push(&text);
        }
        joined
    }
}

/// A template whose placeholders are being filled; used by `text!`.
#[derive(Debug)]
pub struct Filling {
    text: Text,
    template: &'static str,
}

impl Filling {
    /// A template with no placeholder filled yet.
    #[must_use]
    pub const fn new(template: &'static str) -> Self {
        Self { text: Text::new(), template }
    }

    /// Fills the next `{}` with a value.
    pub fn fill(&mut self, words: &(impl Words + ?Sized)) {
        let (before, after) = self.template.split_once("{}").unwrap_or((self.template, ""));
        self.text.push(before);
        self.text.push(words);
        self.template = after;
    }

    /// The text, including the template's rest after the last placeholder.
    #[must_use]
    pub fn finish(mut self) -> Text {
        self.text.push(self.template);
        self.text
    }
}

/// Number of placeholders in a template.
#[must_use]
pub const fn places(template: &str) -> usize {
    let mut bytes = template.as_bytes();
    let mut places = 0;
    while let [first, rest @ ..] = bytes {
        if let (b'{', [b'}', ..]) = (*first, rest) {
            places += 1;
        }
        bytes = rest;
    }
    places
}

/// A value that can be part of a [`Text`]: an amount, another text, or anything that implements `Display`.
pub trait Words {
    /// Appends the value to a text.
    fn append_to(&self, text: &mut Text);
}

impl<T: Display + ?Sized> Words for T {
    fn append_to(&self, text: &mut Text) {
        let words = self.to_string();
        if let Some(Part::Plain(last)) = text.0.last_mut() {
            last.push_str(&words);
        } else if !words.is_empty() {
            text.0.push(Part::Plain(words));
        }
    }
}

impl Words for Bytes {
    fn append_to(&self, text: &mut Text) {
        text.0.push(Part::Amount(*self));
    }
}

impl Words for &Bytes {
    fn append_to(&self, text: &mut Text) {
        (*self).append_to(text);
    }
}

impl Words for Text {
    fn append_to(&self, text: &mut Text) {
        for part in &self.0 {
            match part {
                Part::Plain(plain) => plain.append_to(text),
                Part::Amount(bytes) => bytes.append_to(text),
            }
        }
    }
}

impl Words for &Text {
    fn append_to(&self, text: &mut Text) {
        (*self).append_to(text);
    }
}

/// Serializes as a string with binary units.
impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.plain())
    }
}

impl schemars::JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

impl From<&String> for Text {
    fn from(plain: &String) -> Self {
        plain.clone().into()
    }
}

impl From<&str> for Text {
    fn from(plain: &str) -> Self {
        plain.to_owned().into()
    }
}

impl From<String> for Text {
    fn from(plain: String) -> Self {
        Self(vec![Part::Plain(plain)])
    }
}

impl From<Bytes> for Text {
    fn from(bytes: Bytes) -> Self {
        Self(vec![Part::Amount(bytes)])
    }
}

/// Makes a [`Text`] from a template and a value for each `{}` in it, in order: `text!("{} of {} used", used, total)`.
///
/// The wrong number of values is a compile error.
macro_rules! text {
    ($template:literal $(, $words:expr)* $(,)?) => {{
        const PLACES: usize = 0 $(+ { let _ = stringify!($words); 1 })*;
        const { assert!($crate::host::model::text::places($template) == PLACES, "a word for each place") };
        #[allow(unused_mut, reason = "a template may have no place")]
        let mut filling = $crate::host::model::text::Filling::new($template);
        $(filling.fill(&$words);)*
        filling.finish()
    }};
}
pub(crate) use text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_the_units_asked_for() {
        let text = text!("{} of {} blocks are {}, {}", 3, "7", Bytes(2048), text!("or {}", Bytes(1000)));
        assert_eq!(text.show(Units::Iec), "3 of 7 blocks are 2.0 KiB, or 1000 B");
        assert_eq!(text.show(Units::Si), "3 of 7 blocks are 2.0 kB, or 1.0 kB");
        assert_eq!(text.show(Units::Bytes), "3 of 7 blocks are 2048 B, or 1000 B");
    }

    #[test]
    fn placeholders_in_values_are_not_filled() {
        assert_eq!(text!("named {}", "a{}b").show(Units::Iec), "named a{}b");
        assert_eq!(Text::from("{}".to_owned()).show(Units::Iec), "{}");
    }

    #[test]
    fn texts_are_joined() {
        let texts = [Text::from("one"), Text::from(Bytes(2)), Text::new()];
        assert_eq!(Text::join(&texts, ", ").show(Units::Iec), "one, 2 B, ");
        assert!(Text::join(&[Text::new()], ", ").is_empty());
        assert!(!Text::from(Bytes(0)).is_empty());
    }

    #[test]
    fn equal_texts_are_made_of_equal_parts() {
        assert_eq!(text!("{} {}", "a", "b"), Text::from("a b"));
        assert_eq!(text!("{}", Bytes(1)), Text::from(Bytes(1)));
    }
}
