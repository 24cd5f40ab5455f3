//! Sentences whose amounts stay numbers until somebody says in which units they are to be read.

use super::amounts::Units;
use super::units::Bytes;
use std::fmt::Display;

/// A sentence with amounts in it. `--bytes` and `--si` change how the amounts are shown, not what is said.
///
/// `text!` makes one from a template; anything that takes `impl Into<Text>` takes a plain string too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Part {
    Plain(String),
    Amount(Bytes),
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A text of just these words.
    #[must_use]
    pub fn of(words: &(impl Words + ?Sized)) -> Self {
        Self::new().then(words)
    }

    /// The sentence with its amounts in these units.
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

    /// The sentence with its amounts in binary units, as scripts and JSON have it.
    #[must_use]
    pub fn plain(&self) -> String {
        self.show(Units::Iec)
    }

    /// Whether it is just these words, without an amount.
    #[must_use]
    pub fn is(&self, words: &str) -> bool {
        matches!(self.0.as_slice(), [Part::Plain(plain)] if plain == words)
    }

    /// Adds to its end.
    pub fn push(&mut self, more: &(impl Words + ?Sized)) {
        more.append_to(self);
    }

    /// With more at its end.
    #[must_use]
    pub fn then(mut self, more: &(impl Words + ?Sized)) -> Self {
        self.push(more);
        self
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Plain(plain) if plain.is_empty()))
    }

    /// Texts with a separator in between.
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

/// A template while its places are filled; `text!` drives it.
#[derive(Debug)]
pub struct Filling {
    text: Text,
    template: &'static str,
}

impl Filling {
    /// A template of which nothing is filled.
    #[must_use]
    pub const fn new(template: &'static str) -> Self {
        Self { text: Text::new(), template }
    }

    /// Fills the next `{}`.
    pub fn fill(&mut self, words: &(impl Words + ?Sized)) {
        let (before, after) = self.template.split_once("{}").unwrap_or((self.template, ""));
        self.text.push(before);
        self.text.push(words);
        self.template = after;
    }

    /// The text, with what follows the last place.
    #[must_use]
    pub fn finish(mut self) -> Text {
        self.text.push(self.template);
        self.text
    }
}

/// How many places a template has.
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

/// What can stand in a [`Text`]: an amount, another text, and whatever can be displayed.
pub trait Words {
    /// Adds it to the end of a text.
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

/// In JSON a text is a string with binary units.
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

/// A [`Text`] from a template and the words for each `{}` in it, in order: `text!("{} of {} used", used, total)`.
///
/// Too few or too many words are an error of the compiler's.
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
    fn words_from_outside_are_no_template() {
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
