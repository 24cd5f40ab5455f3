//! HTML as it is put together: what is text is escaped, what is not escaped is in this program's own source.
//!
//! No word from outside can become markup: unescaped pieces are `&'static str`, names and values of attributes quoted.

use crate::report::units::clean;

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of this program's own.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in clean(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// An opening tag with a class; `name` and `class` are this program's own.
    pub(super) fn open(&mut self, name: &'static str, class: &'static str) -> &mut Self {
        self.raw("<").raw(name);
        if !class.is_empty() {
            self.raw(" class=\"").raw(class).raw("\"");
        }
        self.raw(">")
    }

    /// A closing tag.
    pub(super) fn close(&mut self, name: &'static str) -> &mut Self {
        self.raw("</").raw(name).raw(">\n")
    }

    /// An element that holds only text.
    pub(super) fn element(&mut self, name: &'static str, class: &'static str, text: &str) -> &mut Self {
        self.open(name, class).text(text).close(name)
    }

    /// A number where markup wants one: in an attribute or a style.
    pub(super) fn number(&mut self, number: impl Into<i64>) -> &mut Self {
        self.0.push_str(&number.into().to_string());
        self
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn text_stays_text() {
        let mut html = Html::default();
        html.element("p", "a", "<script>alert('1')</script> & \"x\"\u{202e}\u{1b}[0m");
        assert_eq!(
            html.finish(),
            "<p class=\"a\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;\\u{202e}\\u{1b}[0m</p>\n"
        );
    }
}
