//! Finds the strings in a TOML text with their positions, so that one can be replaced without changing anything else.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A string in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path of keys to it, from the outermost table on. Elements of an array have the path of the array.
    pub path: Vec<String>,
    /// Its value, with escapes decoded.
    pub value: String,
    /// Its position in the text, without the quotes.
    pub at: Range<usize>,
}

/// All strings in a text, in order. If the text is not valid TOML, those before the first error.
#[must_use]
pub fn strings(text: &str) -> Vec<Entry> {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut found = Vec::new();
    add_table(text, root.get_ref(), &[], &mut found);
    found.sort_by_key(|entry| entry.at.start);
    found
}

/// Adds the strings of a table and its subtables. The parser limits the depth.
fn add_table(text: &str, table: &DeTable<'_>, path: &[String], found: &mut Vec<Entry>) {
    for (key, value) in table {
        let path: Vec<String> = path.iter().cloned().chain([key.get_ref().to_string()]).collect();
        add_value(text, value, path, found);
    }
}

fn add_value(text: &str, value: &Spanned<DeValue<'_>>, path: Vec<String>, found: &mut Vec<Entry>) {
    match value.get_ref() {
        DeValue::String(string) => {
            let at = without_quotes(text, value.span());
            found.extend(at.map(|at| Entry { path, value: string.to_string(), at }));
        }
        DeValue::Array(values) => {
            for value in values.iter() {
                add_value(text, value, path.clone(), found);
            }
        }
        DeValue::Table(table) => add_table(text, table, &path, found),
        _ => {}
    }
}

/// The part of a quoted string between its quotes, which may be triple.
fn without_quotes(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let quoted = text.get(span.clone())?;
    let width = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote))?.len();
    let inner = span.start.checked_add(width)?..span.end.checked_sub(width)?;
    text.get(inner.clone()).map(|_| inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(String, &str)> {
        let all = strings(text);
        all.iter().map(|e| (e.path.join("/"), text.get(e.at.clone()).unwrap())).collect()
    }

    #[test]
    fn tables_keys_and_quotes_in_every_notation() {
        let text = "version = 2 # \"no\"\nroot = '/r#oot' # x\n[plugins]\n  [plugins.devmapper]\n    pool_name = \"a-b\"\n\
                    [plugins.\"io.containerd.snapshotter.v1.devmapper\"]\npool_name='c' \n[ a . 'b.c' ]\nd.e = \"f\"\n[[g]]\nh=\"i\"\n\
                    [j]\nk = { l = \"m\", n = [\"o\"] }\np = \"\"\"q\"\"\"";
        let want = [
            ("root", "/r#oot"),
            ("plugins/devmapper/pool_name", "a-b"),
            ("plugins/io.containerd.snapshotter.v1.devmapper/pool_name", "c"),
            ("a/b.c/d/e", "f"),
            ("g/h", "i"),
            ("j/k/l", "m"),
            ("j/k/n", "o"),
            ("j/p", "q"),
        ];
        assert_eq!(found(text), want.map(|(path, value)| (path.to_owned(), value)));
    }

    #[test]
    fn escapes_are_resolved_and_stand_where_they_stand() {
        let text = "a = \"with \\\" escape\"";
        let all = strings(text);
        assert_eq!(all[0].value, "with \" escape");
        assert_eq!(text.get(all[0].at.clone()), Some("with \\\" escape"));
    }

    #[test]
    fn what_stands_before_an_error_is_read() {
        let text = "a = \"one\"\nthis is not TOML\n";
        assert_eq!(found(text), [("a".to_owned(), "one")]);
    }

    proptest! {
        #[test]
        fn every_text_is_read_and_every_place_is_in_it(text in "[\\[\\]{}a-c.=\"'\\\\#\n é]{0,60}") {
            for entry in strings(&text) {
                prop_assert!(text.get(entry.at.clone()).is_some());
            }
        }
    }
}
