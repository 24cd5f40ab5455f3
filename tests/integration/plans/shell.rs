//! A parser for the subset of bash that plans use, to list the commands of a script with their words.

/// Words that begin, join or end commands.
const JOINS: &[&str] = &[
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}", "time", "in", "esac",
];

/// A token: a word, or the end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    End(String),
}

/// Every simple command, without assignments and redirections, including those in substitutions. Quoted text is kept;
/// expansions become `$`.
pub(crate) fn commands(script: &str) -> Vec<Vec<String>> {
    let mut nested = Vec::new();
    let tokens = tokens(script, &mut nested);
    let mut all = split(&tokens);
    for inner in nested {
        all.extend(commands(&inner));
    }
    all
}

fn split(tokens: &[Token]) -> Vec<Vec<String>> {
    let (mut all, mut now) = (Vec::new(), Vec::<String>::new());
    // Nesting depth of `case`, and whether a pattern is expected.
    let (mut cases, mut pattern) = (0, false);
    for token in tokens {
        match token {
            Token::Word(word) if pattern && word != "esac" => {}
            Token::Word(word) if now.is_empty() && word == "case" => {
                cases += 1;
                now.push(word.clone());
            }
            Token::Word(word) if now.first().is_some_and(|w| w == "case") => {
                if word == "in" {
                    now.clear();
                    pattern = true;
                }
            }
            Token::Word(word) if now.is_empty() && word == "esac" => (cases, pattern) = (cases - 1, false),
            Token::Word(word) if now.is_empty() && (JOINS.contains(&word.as_str()) || assigns(word)) => {}
            Token::Word(word) => now.push(word.clone()),
            Token::End(end) => {
                if !now.is_empty() && now[0] != "case" && now[0] != "for" {
                    all.push(std::mem::take(&mut now));
                }
                if now.first().is_none_or(|w| w != "case") {
                    now.clear();
                }
                match end.as_str() {
                    ")" if pattern => pattern = false,
                    ";;" if cases > 0 => pattern = true,
                    _ => {}
                }
            }
        }
    }
    all
}

fn assigns(word: &str) -> bool {
    let name = word.split(['=', '+', '[']).next().unwrap_or_default();
    word.contains('=') && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn tokens(script: &str, nested: &mut Vec<String>) -> Vec<Token> {
    let chars: Vec<char> = script.chars().collect();
    let (mut tokens, mut word, mut at) = (Vec::new(), None::<String>, 0);
    let end = |word: &mut Option<String>, tokens: &mut Vec<Token>| {
        if let Some(word) = word.take() {
            tokens.push(Token::Word(word));
        }
    };
    while at < chars.len() {
        let c = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match c {
            '#' if word.is_none() => {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
                continue;
            }
            '\\' => {
                if next != '\n' {
                    word.get_or_insert_default().push(next);
                }
                at += 1;
            }
            '\'' => {
                let close = (at + 1..chars.len()).find(|i| chars[*i] == '\'').unwrap();
                word.get_or_insert_default().extend(&chars[at + 1..close]);
                at = close;
            }
            '"' => at = quoted(&chars, at, word.get_or_insert_default(), nested),
            '$' => at = expansion(&chars, at, word.get_or_insert_default(), nested),
            '<' | '>' if next == '(' => {
                let close = closing(&chars, at + 1);
                nested.push(chars[at + 2..close].iter().collect());
                word.get_or_insert_default().push('$');
                at = close;
            }
            '<' | '>' => {
                // A redirection, with the number before it and the word after it.
                if word.as_ref().is_some_and(|w| w.chars().all(|c| c.is_ascii_digit())) {
                    word = None;
                }
                end(&mut word, &mut tokens);
                while at + 1 < chars.len() && matches!(chars[at + 1], '<' | '>' | '&' | ' ') {
                    at += 1;
                }
                if chars.get(at + 1) == Some(&'(') {
                    continue;
                }
                let mut ignored = String::new();
                at += 1;
                while at < chars.len() && !matches!(chars[at], ' ' | '\n' | ';' | ')' | '|' | '&') {
                    at = match chars[at] {
                        '"' => quoted(&chars, at, &mut ignored, nested),
                        '$' => expansion(&chars, at, &mut ignored, nested),
                        _ => at,
                    } + 1;
                }
                continue;
            }
            // An array.
            '(' if word.as_ref().is_some_and(|w| w.ends_with('=')) => at = closing(&chars, at),
            ' ' | '\t' => end(&mut word, &mut tokens),
            '\n' | ';' | '|' | '&' | '(' | ')' => {
                end(&mut word, &mut tokens);
                let double = matches!((c, next), (';', ';') | ('|', '|') | ('&', '&'));
                tokens.push(Token::End(if double { format!("{c}{c}") } else { c.to_string() }));
                at += usize::from(double);
            }
            _ => word.get_or_insert_default().push(c),
        }
        at += 1;
    }
    end(&mut word, &mut tokens);
    tokens.push(Token::End("\n".into()));
    tokens
}

/// The index after the double-quoted text that starts at `at`.
fn quoted(chars: &[char], mut at: usize, word: &mut String, nested: &mut Vec<String>) -> usize {
    at += 1;
    while chars[at] != '"' {
        match chars[at] {
            '\\' => {
                at += 1;
                word.push(chars[at]);
            }
            '$' => at = expansion(chars, at, word, nested),
            c => word.push(c),
        }
        at += 1;
    }
    at
}

/// The index of the last character of the `$` expansion at `at`.
fn expansion(chars: &[char], at: usize, word: &mut String, nested: &mut Vec<String>) -> usize {
    word.push('$');
    match chars.get(at + 1) {
        Some('(') => {
            let close = closing(chars, at + 1);
            let inner: String = chars[at + 2..close].iter().collect();
            // Arithmetic can contain substitutions, but no commands of its own.
            if let Some(sum) = inner.strip_prefix('(') {
                let mut ignored = String::new();
                let sum: Vec<char> = sum.chars().collect();
                for (i, c) in sum.iter().enumerate() {
                    if *c == '$' && sum.get(i + 1) == Some(&'(') {
                        expansion(&sum, i, &mut ignored, nested);
                    }
                }
            } else {
                nested.push(inner);
            }
            close
        }
        Some('{') => {
            let mut depth = 0;
            (at + 1..chars.len())
                .find(|i| {
                    depth += i32::from(chars[*i] == '{') - i32::from(chars[*i] == '}');
                    depth == 0
                })
                .unwrap()
        }
        Some('\'') => (at + 2..chars.len()).find(|i| chars[*i] == '\'' && chars[*i - 1] != '\\').unwrap(),
        Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
            let end = (at + 1..chars.len()).find(|i| !chars[*i].is_ascii_alphanumeric() && chars[*i] != '_');
            end.unwrap_or(chars.len()) - 1
        }
        Some(_) => at + 1,
        None => at,
    }
}

/// The parenthesis that closes the one at `at`.
fn closing(chars: &[char], at: usize) -> usize {
    let (mut depth, mut quote, mut i) = (0, None, at);
    // `case` patterns in a substitution have unmatched closing parentheses.
    let mut cases = 0;
    while i < chars.len() {
        match (quote, chars[i]) {
            (_, '\\') if quote != Some('\'') => i += 1,
            (None, '\'') => quote = Some('\''),
            (None, '"') => quote = Some('"'),
            (Some('"'), '$') if chars.get(i + 1) == Some(&'(') => i = closing(chars, i + 1),
            (Some(open), c) if open == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => {
                if depth == 1
                    && cases > 0
                    && !chars[at..i].iter().collect::<String>().trim_end().ends_with("esac")
                {
                    // The end of a pattern.
                } else {
                    depth -= 1;
                }
                if depth == 0 {
                    return i;
                }
            }
            (None, 'c') if chars[i..].starts_with(&['c', 'a', 's', 'e', ' ']) => cases += 1,
            (None, 'e') if chars[i..].starts_with(&['e', 's', 'a', 'c']) => cases -= 1,
            _ => {}
        }
        i += 1;
    }
    panic!("nothing closes {}", chars[at..].iter().take(80).collect::<String>());
}

/// Names of the defined functions.
pub(crate) fn functions(script: &str) -> Vec<String> {
    let name = |line: &str| {
        let (name, rest) = line.trim_start().split_once("()")?;
        (rest.starts_with(" {") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            .then(|| name.to_owned())
    };
    script.lines().filter_map(name).collect()
}

/// Builtins of bash 4.2.
pub(crate) const BUILTINS: &[&str] = &[
    ":", "[", "[[", "break", "cd", "command", "continue", "declare", "echo", "eval", "exec", "exit",
    "export", "false", "kill", "local", "mapfile", "printf", "read", "return", "set", "shift", "test",
    "trap", "true", "umask", "unset", "wait",
];

#[test]
fn commands_are_found_wherever_they_stand() {
    let script = "# nothing \"here\nx=$(a -b \"$(c d)\" | e) && ! f 'g h' || { i; }\ncase $j in k | l*) m ;; *) n -o ;; esac\n\
                  while p; do q; done < <(r s) 2>\"$(t)\" >/dev/null\nfor u in v w; do y >\"z\"; done\n\
                  A=$(( $(b1 c1) + 2 )) d1 \"e1\" >&2\n";
    let mut all: Vec<String> =
        commands(script).iter().map(|words| words.join(" ")).filter(|w| w != "$").collect();
    all.sort();
    let want = ["a -b $", "b1 c1", "c d", "d1 e1", "e", "f g h", "i", "m", "n -o", "p", "q", "r s", "t", "y"];
    assert_eq!(all, want);
}
