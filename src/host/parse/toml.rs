//! Which strings a TOML text holds and where they stand, so that one can be read, or replaced with all others left alone.
//!
//! Never guesses: values inside lists and inline tables, strings with escapes or over several lines are left out,
//! as if they were not there.

use std::ops::Range;

/// A string in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The keys that lead to it, those of its table first.
    pub path: Vec<String>,
    /// What it says.
    pub value: String,
    /// Where that stands in the text, without its quotes.
    pub at: Range<usize>,
}

/// All strings of a text.
#[must_use]
pub fn strings(text: &str) -> Vec<Entry> {
    let mut reader = Reader { text, at: 0 };
    let mut table = Some(Vec::new());
    let mut found = Vec::new();
    while reader.next_line() {
        if reader.eat('[') {
            reader.eat('[');
            table = reader.keys();
        } else if let Some(entry) = reader.entry(table.as_deref()) {
            found.push(entry);
        }
        reader.pass_line();
    }
    found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn pass(&mut self, what: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !what(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.pass(|c| c == ' ' || c == '\t');
    }

    /// Goes to the next line that is neither empty nor a comment.
    fn next_line(&mut self) -> bool {
        loop {
            self.pass(char::is_whitespace);
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.pass(|c| c != '\n');
        }
    }

    /// Passes what is left of a statement: strings are passed whole, and brackets may hold several lines.
    fn pass_line(&mut self) {
        let mut depth = 0_usize;
        while let Some(next) = self.rest().chars().next() {
            match next {
                '"' | '\'' => {
                    self.string();
                    continue;
                }
                '#' => {
                    self.pass(|c| c != '\n');
                    continue;
                }
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                '\n' if depth == 0 => return,
                _ => {}
            }
            self.at += next.len_utf8();
        }
    }

    /// A string without escapes on one line, and where it stands. Whatever it is, it is passed.
    fn string(&mut self) -> Option<(&'a str, Range<usize>)> {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let three: String = [quote; 3].iter().collect();
        if self.rest().starts_with(&three) {
            self.at += 3;
            self.at += self.rest().find(&three).map_or(self.rest().len(), |end| end + 3);
            return None;
        }
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.pass(|c| c != quote && c != '\n' && (c != '\\' || quote == '\''));
            if !self.eat('\\') {
                break;
            }
            escaped = true;
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
        }
        let at = start..self.at;
        let closed = self.eat(quote);
        (closed && !escaped).then(|| Some((self.text.get(at.clone())?, at)))?
    }

    fn keys(&mut self) -> Option<Vec<String>> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            let key = match self.string() {
                Some((key, _)) => key,
                None => self.pass(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
            };
            if key.is_empty() {
                return None;
            }
            keys.push(key.to_owned());
            self.blanks();
            if !self.eat('.') {
                return Some(keys);
            }
        }
    }

    fn entry(&mut self, table: Option<&[String]>) -> Option<Entry> {
        let keys = self.keys()?;
        if !self.eat('=') {
            return None;
        }
        self.blanks();
        let (value, at) = self.string()?;
        let path = table?.iter().cloned().chain(keys).collect();
        Some(Entry { path, value: value.to_owned(), at })
    }
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
                    [plugins.\"io.containerd.snapshotter.v1.devmapper\"]\npool_name='c' \n[ a . 'b.c' ]\nd.e = \"f\"\n[[g]]\nh=\"i\"";
        let want = [
            ("root", "/r#oot"),
            ("plugins/devmapper/pool_name", "a-b"),
            ("plugins/io.containerd.snapshotter.v1.devmapper/pool_name", "c"),
            ("a/b.c/d/e", "f"),
            ("g/h", "i"),
        ];
        assert_eq!(found(text), want.map(|(path, value)| (path.to_owned(), value)));
    }

    #[test]
    fn what_is_not_followed_is_passed_whole() {
        let text = "a = [\n \"[x]\", # ]\n 'pool_name = \"y\"',\n]\nb = { pool_name = \"z\" }\nc = \"\"\"\npool_name = \"m\"\n\"\"\"\n\
                    d = \"with \\\" escape\"\ne = '''\nf = \"n\"'''\nlast = \"here\"\nopen = \"\npool_name = \"k\"\n";
        let want = [("last", "here"), ("pool_name", "k")];
        assert_eq!(found(text), want.map(|(path, value)| (path.to_owned(), value)));
    }

    proptest! {
        #[test]
        fn every_text_is_read_to_its_end(text in "[\\[\\]{}a-c.=\"'\\\\#\n é]{0,60}") {
            for entry in strings(&text) {
                prop_assert_eq!(text.get(entry.at.clone()), Some(entry.value.as_str()));
            }
        }
    }
}
